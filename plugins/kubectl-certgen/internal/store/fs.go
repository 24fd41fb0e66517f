package store

import (
	"io"
	"os"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/access"
)

// FS is what the store asks of the operating system. Tests make one that
// fails, or dies, at a chosen call.
type FS interface {
	// Create makes a new file that must not exist.
	Create(path string, mode os.FileMode) (File, error)
	// Rename replaces newPath.
	Rename(oldPath, newPath string) error
	// Link makes a second name for a file; the new name must not exist.
	Link(oldPath, newPath string) error
	Remove(path string) error
	Mkdir(path string, mode os.FileMode) error
	Chmod(path string, mode os.FileMode) error
	// SyncDir makes the names in a folder durable.
	SyncDir(path string) error
}

// File is a file that is being written.
type File interface {
	io.Writer
	Sync() error
	Close() error
}

// OS is the real file system.
type OS struct{}

// Create implements FS.
func (OS) Create(path string, mode os.FileMode) (File, error) {
	return access.Create(path, mode)
}

// Rename implements FS.
func (OS) Rename(a, b string) error { return os.Rename(a, b) }

// Link implements FS.
func (OS) Link(a, b string) error { return os.Link(a, b) }

// Remove implements FS.
func (OS) Remove(p string) error { return os.Remove(p) }

// Mkdir implements FS.
func (OS) Mkdir(p string, m os.FileMode) error { return os.Mkdir(p, m) }

// Chmod implements FS.
func (OS) Chmod(p string, m os.FileMode) error { return os.Chmod(p, m) }

// SyncDir implements FS.
func (OS) SyncDir(p string) error {
	d, err := os.Open(p)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !syncUnsupported(err) {
		return err
	}
	return nil
}
