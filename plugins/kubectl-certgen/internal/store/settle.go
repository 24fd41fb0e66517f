package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Settle finishes or forgets what interrupted runs left in a folder, below it
// and above it, and lists the files that were moved into place. Commands that
// read a folder before they plan what to write call it first: a set that is
// half in place must not be planned upon. A folder that is not there is none.
func Settle(dir string) (recovered []string, err error) {
	pending, err := PendingAround(dir)
	if err != nil {
		return nil, err
	}
	for _, p := range pending {
		s, err := Open(p)
		if err != nil {
			return recovered, err
		}
		for _, r := range s.Recovered {
			recovered = append(recovered, filepath.Join(p, filepath.FromSlash(r)))
		}
		s.Close()
	}
	return recovered, nil
}

// PendingAround lists the folders with remains of interrupted runs: the folder,
// those above it and those below it.
func PendingAround(dir string) ([]string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	var out []string
	for d := filepath.Dir(abs); ; d = filepath.Dir(d) {
		if Pending(d) {
			out = append(out, d)
		}
		if d == filepath.Dir(d) {
			break
		}
	}
	err = filepath.WalkDir(abs, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && p == abs && os.IsNotExist(err):
			return nil
		case err != nil || !d.IsDir():
			return nil //nolint:nilerr // what cannot be read is met again by those who need it
		case d.Name() == stageName:
			out = append(out, filepath.Dir(p))
			return filepath.SkipDir
		}
		return nil
	})
	return out, err
}

// Pending says whether a folder holds the remains of an interrupted run, for
// commands that only read.
func Pending(root string) bool {
	_, err := os.Lstat(filepath.Join(root, stageName))
	return err == nil
}

// Peek is a store for a dry run: nothing is locked, finished or written, and
// Commit only says whether it would refuse.
func Peek(root string) (*Store, error) {
	abs, err := filepath.Abs(root)
	return &Store{root: abs, peek: true}, err
}

// patience is how long a folder is waited for that another run writes in: most
// runs are over in a moment, as those of a script that starts several at once.
const patience = 2 * time.Second

// enter makes the folder where it is missing, and locks it.
func (s *Store) enter() error {
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := s.mkdirAll(s.root, &s.made)
		if err == nil {
			s.unlock, err = lock(s.root)
		}
		if err == nil {
			// Who held it may have taken the folder back with the lock.
			if _, err = os.Stat(s.root); err == nil {
				return nil
			}
			s.release()
		}
		switch waited := time.Since(start); {
		case errors.Is(err, ErrLocked) && waited < patience:
		case errors.Is(err, fs.ErrNotExist) && waited < patience/10:
		default:
			return err
		}
	}
}
