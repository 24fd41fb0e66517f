package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// apply moves the files of a decided set to their places: what is created
// first, so that a name taken by somebody else stops the set before anything
// was replaced. again says that an earlier run may have done a part of it.
func (s *Store) apply(entries []entry, again bool) error {
	for _, replace := range []bool{false, true} {
		for i, e := range entries {
			if e.Replace != replace {
				continue
			}
			var err error
			if replace {
				err = s.replace(i, e, again)
			} else {
				err = s.create(i, e, again)
			}
			if err != nil {
				return err
			}
		}
	}
	return s.syncParents(entries)
}

func (s *Store) create(i int, e entry, again bool) error {
	target := s.path(e.Path)
	err := s.fs.Link(s.staged(i), target)
	if err != nil && linkUnsupported(err) {
		// No hard links here (FAT, some network file systems). The lock keeps a
		// second certgen out, so looking first is as good.
		if _, serr := os.Lstat(target); serr == nil {
			err = fs.ErrExist
		} else {
			err = s.fs.Rename(s.staged(i), target)
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		if again {
			if ok, herr := holds(target, e.SHA256); herr == nil && ok {
				return nil
			}
		}
		return fmt.Errorf("%s: %w", target, ErrExists)
	case errors.Is(err, fs.ErrNotExist) && again:
		// Renamed by the earlier run.
		if ok, herr := holds(target, e.SHA256); herr == nil && ok {
			return nil
		}
	}
	return err
}

func (s *Store) replace(i int, e entry, again bool) error {
	target := s.path(e.Path)
	if again {
		if ok, err := holds(target, e.SHA256); err == nil && ok {
			if _, err := os.Lstat(s.staged(i)); errors.Is(err, fs.ErrNotExist) {
				return nil
			}
		} else if e.OldSHA256 != "" {
			if ok, err := holds(target, e.OldSHA256); err != nil || !ok {
				return fmt.Errorf("%s: changed since an interrupted run was to replace it; move it away, or remove %s to give that run up",
					target, s.path(stageName))
			}
		}
	}
	if e.Keep != "" {
		err := s.fs.Link(s.old(i), s.path(e.Keep))
		if err != nil && linkUnsupported(err) {
			var old []byte
			if old, err = os.ReadFile(s.old(i)); err == nil {
				err = s.write(s.path(e.Keep), old, KeyMode)
			}
		}
		if errors.Is(err, fs.ErrExist) {
			if ok, herr := holds(s.path(e.Keep), e.OldSHA256); again && herr == nil && ok {
				err = nil
			} else {
				err = fmt.Errorf("%s: %w", s.path(e.Keep), ErrExists)
			}
		}
		if err != nil {
			return err
		}
	}
	return s.fs.Rename(s.staged(i), target)
}

// undo takes a decided set back: removing needs no space on the disk.
func (s *Store) undo(entries []entry) error {
	// Without the journal the next run forgets the set, so it goes first only
	// when everything else is back.
	for i, e := range entries {
		target := s.path(e.Path)
		mine, err := holds(target, e.SHA256)
		if err != nil {
			return err
		}
		if !mine {
			continue
		}
		if e.OldSHA256 != "" {
			if e.OldSHA256 == e.SHA256 {
				continue
			}
			if err := s.fs.Rename(s.old(i), target); err != nil {
				return err
			}
		} else if same(s.staged(i), target) {
			if err := s.fs.Remove(target); err != nil {
				return err
			}
		} else if _, err := os.Lstat(s.staged(i)); errors.Is(err, fs.ErrNotExist) {
			if err := s.fs.Rename(target, s.staged(i)); err != nil {
				return err
			}
		}
	}
	for _, e := range entries {
		if e.Keep == "" {
			continue
		}
		// Every old file is back in its place, so the one that was kept is a second
		// name of it, or a copy where there are no hard links.
		back, err := holds(s.path(e.Path), e.OldSHA256)
		if err != nil {
			return err
		}
		kept, err := holds(s.path(e.Keep), e.OldSHA256)
		if err != nil {
			return err
		}
		if back && kept {
			if err := s.fs.Remove(s.path(e.Keep)); err != nil {
				return err
			}
		}
	}
	if err := s.syncParents(entries); err != nil {
		return err
	}
	return s.fs.Remove(s.journal())
}

func same(a, b string) bool {
	x, err := os.Lstat(a)
	if err != nil {
		return false
	}
	y, err := os.Lstat(b)
	return err == nil && os.SameFile(x, y)
}

func (s *Store) syncParents(entries []entry) error {
	seen := map[string]bool{}
	for _, e := range entries {
		d := filepath.Dir(s.path(e.Path))
		if seen[d] {
			continue
		}
		seen[d] = true
		if err := s.fs.SyncDir(d); err != nil {
			return err
		}
	}
	return nil
}

// finish removes the journal, then the second names, of a set that is in
// place. The journal goes first: once it is gone the rest is litter that the
// next Open sweeps away, and a file that its owner moves meanwhile is not
// missed.
func (s *Store) finish(n int) error {
	gone := func(p string) error {
		if err := s.fs.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("all files are in place, but a temporary one could not be removed: %w; the next run does it", err)
		}
		return nil
	}
	if err := gone(s.journal()); err != nil {
		return err
	}
	for i := range n {
		if err := gone(s.staged(i)); err != nil {
			return err
		}
	}
	for i := range n {
		if _, err := os.Lstat(s.old(i)); err == nil {
			if err := gone(s.old(i)); err != nil {
				return err
			}
		}
	}
	return gone(s.path(stageName))
}

// discard removes what was staged of a set that is not to be.
func (s *Store) discard(n int) {
	for i := range n {
		_ = s.fs.Remove(s.staged(i))
		_ = s.fs.Remove(s.old(i))
	}
	_ = s.fs.Remove(s.journal() + ".new")
	_ = s.fs.Remove(s.journal())
	_ = s.fs.Remove(s.path(stageName)) // what stays is removed by the next Open
}

// recover finishes a decided set and forgets an undecided one.
func (s *Store) recover() error {
	stage := s.path(stageName)
	names, err := os.ReadDir(stage)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	data, err := os.ReadFile(s.journal())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.sweep(names)
	case err != nil:
		return err
	}
	var j journal
	if err := json.Unmarshal(data, &j); err != nil || j.Version != 1 {
		return fmt.Errorf("%s: not a journal of this version of certgen; look into %s yourself", s.journal(), stage)
	}
	for _, e := range j.Entries {
		for _, p := range []string{e.Path, e.Keep} {
			if p != "" && (!filepath.IsLocal(filepath.FromSlash(p)) || strings.HasPrefix(p, stageName)) {
				return fmt.Errorf("%s: names a file outside the folder: %q", s.journal(), p)
			}
		}
	}
	if err := s.apply(j.Entries, true); err != nil {
		return err
	}
	for _, e := range j.Entries {
		s.Recovered = append(s.Recovered, e.Path)
	}
	return s.finish(len(j.Entries))
}

func (s *Store) sweep(names []os.DirEntry) error {
	for _, n := range names {
		if err := s.fs.Remove(filepath.Join(s.path(stageName), n.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := s.fs.Remove(s.path(stageName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
