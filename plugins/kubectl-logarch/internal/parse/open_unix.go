//go:build unix

package parse

import "os"

func openShared(name string) (*os.File, error) { return os.Open(name) }
