//go:build unix

package access

import (
	"io/fs"
	"os"
)

// Mode is the permissions of a file.
func Mode(_ string, st fs.FileInfo) fs.FileMode { return st.Mode().Perm() }

// Restrict sets the permissions of a file that is its owner's alone.
func Restrict(path string) error { return os.Chmod(path, 0o600) }

// Create makes a file that must not exist.
func Create(path string, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
}
