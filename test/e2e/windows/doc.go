// Package windows runs the plugins' Windows programs, and kubectl's, under wine:
// the same commands as on Linux with the same answers, from cmd.exe, on paths
// with drives and backslashes, and against a real cluster.
package windows
