// Package rotation holds the program that a rotating sidecar runs: logrotate's
// copytruncate as a shell script for busybox. logrotate itself refuses the mode
// 0777 of an emptyDir when it runs as root, and no image of it is maintained.
package rotation

import (
	_ "embed"
	"strconv"
)

// Script is the program. Its arguments are the size in bytes at which a file is
// rotated, how many rotated files are kept, and the files.
//
//go:embed rotate.sh
var Script string

// Command is a container's command.
func Command(maxBytes int64, keep int, files []string) []string {
	return append([]string{"sh", "-c", Script, "rotate", strconv.FormatInt(maxBytes, 10), strconv.Itoa(keep)}, files...)
}
