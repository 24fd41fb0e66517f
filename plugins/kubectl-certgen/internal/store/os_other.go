//go:build !unix

package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// modesMatter says that files have Unix permissions.
const modesMatter = false

// lock is a file: these systems cannot lock a folder.
func lock(dir string) (unlock func(), err error) {
	name := filepath.Join(dir, ".certgen-lock")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, ErrLocked
	}
	if err != nil {
		return nil, err
	}
	return func() { f.Close(); os.Remove(name) }, nil
}

func syncUnsupported(error) bool { return true }

func linkUnsupported(error) bool { return true }

// KeepOwner does nothing: these systems give files the owner of their folder.
func KeepOwner(os.FileInfo, string) {}
