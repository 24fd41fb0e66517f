// Package store is the only part of certgen that writes files. What it is
// given at once (a certificate and its key, a whole PKI, a thousand
// certificates) becomes visible as one set or not at all, whatever happens in
// between: a full disk, kill -9, a power cut.
//
// How: every new file is written and synced inside a hidden folder of the
// target folder (mode 0700, on the same file system), then a journal is
// written there, and only then are the files moved to their places. The
// journal's rename is the moment of decision. Whoever opens the folder next
// finds either no journal (the set never happened: the hidden folder is
// removed) or a journal (the set has happened: the rest of it is moved into
// place). While a Store is open the folder is locked against a second one.
//
// A file is created by giving it a second name (link), which the kernel refuses
// when the name is taken: a key or a CA is never overwritten, not even by a
// race. Replacing is a call of its own (Replace), and keeps the old file beside
// the new one where asked to (KeepOld).
package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Modes of files and folders.
const (
	// KeyMode is the mode of private keys, and of all that holds one.
	KeyMode fs.FileMode = 0o600
	// PublicMode is the mode of certificates and requests.
	PublicMode fs.FileMode = 0o644
	// FolderMode is the mode of folders that certgen makes.
	FolderMode fs.FileMode = 0o700
)

const (
	stageName   = ".certgen-incoming"
	journalName = "journal"
)

// ErrLocked says that another certgen is writing in the folder.
var ErrLocked = errors.New("another kubectl certgen is writing there")

// ErrExists says that a file that was to be created is there already.
var ErrExists = errors.New("exists already and is never overwritten")

// Store is an open folder.
type Store struct {
	// Recovered lists the files that Open moved into place to finish what an
	// earlier run had decided and could not finish.
	Recovered []string

	root   string
	fs     FS
	peek   bool
	unlock func()
	// made are the folders that Open made, taken back by Close while nothing
	// was written into them.
	made []string
}

// Open makes the folder where it is missing (with its parents, 0700), locks it
// and finishes or undoes what an earlier run left behind.
func Open(root string) (*Store, error) { return OpenFS(root, system) }

// system is what Open works on.
var system FS = OS{}

// UseFS makes Open work on another file system, for tests of whole commands,
// and gives the way back.
func UseFS(f FS) (restore func()) {
	old := system
	system = f
	return func() { system = old }
}

// OpenFS is Open on another file system, for tests.
func OpenFS(root string, f FS) (*Store, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	s := &Store{root: abs, fs: f}
	if err := s.enter(); err != nil {
		if errors.Is(err, ErrLocked) {
			s.made = nil // they are in use
			err = fmt.Errorf("%s: %w", root, err)
		}
		s.Close()
		return nil, err
	}
	if err := s.recover(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Root is the store's folder, absolute.
func (s *Store) Root() string { return s.root }

// Close gives the lock back, and removes the folders that Open made if they
// are still empty.
func (s *Store) Close() {
	if lockIsInside {
		s.release()
	}
	for i := len(s.made) - 1; i >= 0; i-- {
		if s.fs.Remove(s.made[i]) != nil {
			break
		}
	}
	s.made = nil
	s.release()
}

func (s *Store) release() {
	if s.unlock != nil {
		s.unlock()
		s.unlock = nil
	}
}

// Batch is a set of files that will appear together.
type Batch struct {
	s       *Store
	entries []entry
	data    [][]byte
	folders []string
	names   map[string]bool
}

type entry struct {
	Path    string      `json:"path"`
	Replace bool        `json:"replace,omitempty"`
	Mode    fs.FileMode `json:"mode"`
	SHA256  string      `json:"sha256"`
	// Keep is the name under which the replaced file stays.
	Keep string `json:"keep,omitempty"`
	// OldSHA256 is what the replaced file held.
	OldSHA256 string `json:"oldSha256,omitempty"`
}

type journal struct {
	Version int     `json:"version"`
	Entries []entry `json:"entries"`
}

// Begin starts an empty set.
func (s *Store) Begin() *Batch { return &Batch{s: s, names: map[string]bool{}} }

// Folder makes sure that a folder (relative, with slashes) is there; one that
// is made gets mode 0700.
func (b *Batch) Folder(rel string) { b.folders = append(b.folders, rel) }

// Create adds a file that must not exist. rel is relative to the store's
// folder, with slashes. Folders on the way are made.
func (b *Batch) Create(rel string, data []byte, mode fs.FileMode) error {
	return b.add(entry{Path: rel, Mode: mode}, data)
}

// Replace adds a file that takes the place of one that exists (or is created,
// if it does not). For a private key, or a CA, the caller
// uses Create or KeepOld and never this.
func (b *Batch) Replace(rel string, data []byte, mode fs.FileMode) error {
	return b.add(entry{Path: rel, Mode: mode, Replace: true}, data)
}

// KeepOld is Replace, with the old file staying under the name keep, which
// must be free.
func (b *Batch) KeepOld(rel, keep string, data []byte, mode fs.FileMode) error {
	if err := b.claim(keep); err != nil {
		return err
	}
	return b.add(entry{Path: rel, Mode: mode, Replace: true, Keep: keep}, data)
}

func (b *Batch) claim(rel string) error {
	if !filepath.IsLocal(filepath.FromSlash(rel)) || strings.HasPrefix(rel, stageName) {
		return fmt.Errorf("%s: not a place inside the folder", rel)
	}
	if b.names[rel] {
		return fmt.Errorf("%s: twice in one set", rel)
	}
	b.names[rel] = true
	return nil
}

func (b *Batch) add(e entry, data []byte) error {
	if err := b.claim(e.Path); err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	e.SHA256 = hex.EncodeToString(sum[:])
	b.entries = append(b.entries, e)
	b.data = append(b.data, data)
	return nil
}

// Len is the number of files in the set.
func (b *Batch) Len() int { return len(b.entries) }

// Paths lists the files of the set, relative to the store's folder.
func (b *Batch) Paths() []string {
	out := make([]string, len(b.entries))
	for i, e := range b.entries {
		out[i] = e.Path
	}
	return out
}

// Commit writes the set. After an error nothing of it is visible, unless the
// error says that the next run will finish it.
func (b *Batch) Commit() error {
	if len(b.entries) == 0 && len(b.folders) == 0 {
		return nil
	}
	if err := b.Check(); err != nil || b.s.peek {
		return err
	}
	var made []string
	err := b.stage(&made)
	if err != nil {
		b.s.discard(len(b.entries))
		for i := len(made) - 1; i >= 0; i-- {
			_ = b.s.fs.Remove(made[i]) // only what is empty goes, and only what this set made
		}
		return fmt.Errorf("%w (nothing was written)", err)
	}
	if err := b.s.apply(b.entries, false); err != nil {
		if undo := b.s.undo(b.entries); undo != nil {
			return fmt.Errorf("%w; run it again to finish: everything is kept in %s", err, b.s.path(stageName))
		}
		b.s.discard(len(b.entries))
		for i := len(made) - 1; i >= 0; i-- {
			_ = b.s.fs.Remove(made[i])
		}
		return fmt.Errorf("%w (nothing was written)", err)
	}
	return b.s.finish(len(b.entries))
}

func (b *Batch) stage(made *[]string) error {
	s := b.s
	for _, f := range b.folders {
		if err := s.mkdirAll(s.path(f), made); err != nil {
			return err
		}
	}
	for _, e := range b.entries {
		for _, p := range []string{e.Path, e.Keep} {
			if p != "" && filepath.Dir(p) != "." {
				if err := s.mkdirAll(filepath.Dir(s.path(p)), made); err != nil {
					return err
				}
			}
		}
	}
	if err := s.fs.Mkdir(s.path(stageName), FolderMode); err != nil {
		return err
	}
	if err := b.stageFiles(); err != nil {
		return err
	}
	data, err := json.Marshal(journal{1, b.entries})
	if err != nil {
		return err
	}
	tmp := s.path(stageName) + string(filepath.Separator) + journalName + ".new"
	if err := s.write(tmp, data, KeyMode); err != nil {
		return err
	}
	if err := s.fs.SyncDir(s.path(stageName)); err != nil {
		return err
	}
	if err := s.fs.SyncDir(s.root); err != nil {
		return err
	}
	if err := s.fs.Rename(tmp, s.journal()); err != nil {
		return err
	}
	return s.fs.SyncDir(s.path(stageName))
}

// writers is how many files of a large set are written at once: most of the
// time of a write is waiting for the disk, which syncs many as fast as one.
const writers = 16

func (b *Batch) stageFiles() error {
	n := writers
	if len(b.entries) <= n {
		n = 1
	}
	var next atomic.Int64
	errs := make([]error, n)
	var wg sync.WaitGroup
	for w := range n {
		wg.Go(func() {
			for errs[w] == nil {
				i := int(next.Add(1)) - 1
				if i >= len(b.entries) {
					return
				}
				if errs[w] = b.stageFile(i); errs[w] != nil {
					next.Store(int64(len(b.entries))) // the others stop
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// stageFile writes a file of the set into the hidden folder, and gives the one
// that it replaces a second name there.
func (b *Batch) stageFile(i int) error {
	s, e := b.s, &b.entries[i]
	if !e.Replace {
		return s.write(s.staged(i), b.data[i], e.Mode)
	}
	st, err := os.Stat(s.path(e.Path))
	if errors.Is(err, fs.ErrNotExist) {
		return s.write(s.staged(i), b.data[i], e.Mode)
	}
	if err != nil {
		return err
	}
	if err := s.write(s.staged(i), b.data[i], stagedMode(e.Mode)); err != nil {
		return err
	}
	old, err := os.ReadFile(s.path(e.Path))
	if err != nil {
		return err
	}
	// Who could read the old file can read the new one (an etcd that is not
	// root); a file with a key gets no looser mode than it was asked to have.
	// Equal modes are set as well: the process's umask may have taken a part away.
	if e.Mode == PublicMode {
		e.Mode = st.Mode().Perm()
		if err := s.fs.Chmod(s.staged(i), e.Mode); err != nil {
			return err
		}
	}
	if err := keepAccess(st, s.path(e.Path), s.staged(i), e.Mode); err != nil {
		return err
	}
	sum := sha256.Sum256(old)
	e.OldSHA256 = hex.EncodeToString(sum[:])
	return s.linkOrCopy(s.path(e.Path), s.old(i), old)
}

func (s *Store) write(path string, data []byte, mode fs.FileMode) (err error) {
	f, err := s.fs.Create(path, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func (s *Store) linkOrCopy(from, to string, data []byte) error {
	err := s.fs.Link(from, to)
	if err == nil || !linkUnsupported(err) {
		return err
	}
	return s.write(to, data, KeyMode)
}

func (s *Store) path(rel string) string { return filepath.Join(s.root, filepath.FromSlash(rel)) }
func (s *Store) staged(i int) string {
	return filepath.Join(s.root, stageName, strconv.Itoa(i))
}
func (s *Store) old(i int) string {
	return filepath.Join(s.root, stageName, "old-"+strconv.Itoa(i))
}
func (s *Store) journal() string { return filepath.Join(s.root, stageName, journalName) }

// mkdirAll makes a folder and its missing parents, noting what it made.
func (s *Store) mkdirAll(dir string, made *[]string) error {
	st, err := os.Stat(dir)
	if err == nil {
		if !st.IsDir() {
			return refusal{fmt.Errorf("%s: is a file, not a folder", dir)}
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := s.mkdirAll(parent, made); err != nil {
			return err
		}
	}
	if err := s.fs.Mkdir(dir, FolderMode); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	*made = append(*made, dir)
	return nil
}

func holds(path, sum string) (bool, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	got := sha256.Sum256(data)
	want, err := hex.DecodeString(sum)
	return err == nil && bytes.Equal(got[:], want), nil
}
