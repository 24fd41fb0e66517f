package store

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/access"
)

// lockIsInside says that the lock is a file in the folder.
const lockIsInside = true

// lock is a hidden file that nobody else may open: a folder cannot be locked
// here. It goes when its handle does, so that it never outlives the process.
func lock(dir string) (unlock func(), err error) {
	name, err := windows.UTF16PtrFromString(filepath.Join(dir, ".certgen-lock"))
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(name, windows.GENERIC_WRITE|windows.DELETE, 0, nil, windows.OPEN_ALWAYS,
		windows.FILE_ATTRIBUTE_HIDDEN|windows.FILE_FLAG_DELETE_ON_CLOSE, 0)
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return nil, ErrLocked
	}
	if err != nil {
		return nil, err
	}
	return func() { _ = windows.CloseHandle(h) }, nil
}

// syncUnsupported: folders cannot be synced; NTFS keeps a journal of names.
func syncUnsupported(error) bool { return true }

func linkUnsupported(err error) bool {
	return errors.Is(err, windows.ERROR_INVALID_FUNCTION) || errors.Is(err, windows.ERROR_NOT_SUPPORTED) ||
		errors.Is(err, windows.ERROR_CALL_NOT_IMPLEMENTED) || errors.Is(err, windows.ERROR_NOT_SAME_DEVICE) ||
		errors.Is(err, windows.ERROR_TOO_MANY_LINKS)
}

// KeepOwner does nothing: files belong to whom made them here.
func KeepOwner(os.FileInfo, string) {}

// keepAccess gives a file the access control list of the one that it will
// replace, unless that lets everybody read what shall be private.
func keepAccess(st os.FileInfo, old, path string, mode os.FileMode) error {
	if mode == KeyMode && access.Mode(old, st)&0o077 != 0 {
		return nil
	}
	return access.Copy(old, path)
}

// stagedMode is the mode of a file that will replace another, until keepAccess:
// it may hold a key, and its mode here does not tell.
func stagedMode(os.FileMode) os.FileMode { return KeyMode }
