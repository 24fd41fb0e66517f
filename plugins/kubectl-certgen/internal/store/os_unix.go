//go:build unix

package store

import (
	"errors"
	"os"
	"syscall"
)

// lockIsInside says that the lock is a file in the folder.
const lockIsInside = false

// lock takes the folder itself as the lock, so that no lock file stays behind;
// the kernel gives it back when the process dies.
func lock(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		f.Close()
		return nil, ErrLocked
	case errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.ENOSYS):
		// Some network file systems have no locks; creation is exclusive anyway.
	case err != nil:
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

func syncUnsupported(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP)
}

func linkUnsupported(err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOSYS) ||
		errors.Is(err, syscall.EMLINK) || errors.Is(err, syscall.EXDEV)
}

// KeepOwner gives a file the owner of the one that it will replace, where this
// process may do so; where it may not, the file is the process's own, as any
// other program's would be.
func KeepOwner(old os.FileInfo, path string) {
	st, ok := old.Sys().(*syscall.Stat_t)
	if !ok || (int(st.Uid) == os.Geteuid() && int(st.Gid) == os.Getegid()) {
		return
	}
	_ = os.Lchown(path, int(st.Uid), int(st.Gid))
}

// keepAccess lets those at a file who were at the one that it will replace. Its
// mode has been set.
func keepAccess(st os.FileInfo, _, path string, _ os.FileMode) error {
	KeepOwner(st, path)
	return nil
}

// stagedMode is the mode of a file that will replace another, until keepAccess.
func stagedMode(mode os.FileMode) os.FileMode { return mode }
