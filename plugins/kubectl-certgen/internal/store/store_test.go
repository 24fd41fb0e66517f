package store

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/access"
)

// faulty fails at the n-th call that changes something, and from then on at
// every call when the process is to have died there.
type faulty struct {
	OS
	n    int
	at   int
	err  error
	dead bool // stay broken: nothing that would run after the fault in a dead process does
	kill bool // really die
}

func (f *faulty) step() error {
	f.n++
	if f.n == f.at || (f.dead && f.n > f.at && f.at > 0) {
		if f.kill {
			me, _ := os.FindProcess(os.Getpid())
			_ = me.Kill()
			select {}
		}
		return f.err
	}
	return nil
}

type faultyFile struct {
	f *faulty
	File
}

func (w faultyFile) Write(p []byte) (int, error) {
	if err := w.f.step(); err != nil {
		n, _ := w.File.Write(p[:len(p)/2]) // a full disk takes a part
		return n, err
	}
	return w.File.Write(p)
}

func (w faultyFile) Sync() error {
	if err := w.f.step(); err != nil {
		return err
	}
	return w.File.Sync()
}

func (f *faulty) Create(p string, m os.FileMode) (File, error) {
	if err := f.step(); err != nil {
		return nil, err
	}
	w, err := f.OS.Create(p, m)
	if err != nil {
		return nil, err
	}
	return faultyFile{f, w}, nil
}

func (f *faulty) do(op func() error) error {
	if err := f.step(); err != nil {
		return err
	}
	return op()
}
func (f *faulty) Rename(a, b string) error { return f.do(func() error { return f.OS.Rename(a, b) }) }
func (f *faulty) Link(a, b string) error   { return f.do(func() error { return f.OS.Link(a, b) }) }
func (f *faulty) Remove(p string) error    { return f.do(func() error { return f.OS.Remove(p) }) }
func (f *faulty) Mkdir(p string, m os.FileMode) error {
	return f.do(func() error { return f.OS.Mkdir(p, m) })
}
func (f *faulty) Chmod(p string, m os.FileMode) error {
	return f.do(func() error { return f.OS.Chmod(p, m) })
}
func (f *faulty) SyncDir(p string) error { return f.do(func() error { return f.OS.SyncDir(p) }) }

// scene is a folder with a PKI whose server certificate is replaced, whose
// server key is replaced with the old one kept, and to which a client is added.
func scene(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"ca.crt": 0o644, "ca.key": 0o600, "server.crt": 0o644, "server.key": 0o600} {
		f, err := access.Create(filepath.Join(dir, name), mode)
		if err == nil {
			_, err = f.WriteString("old " + name)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func act(dir string, f FS) error {
	s, err := OpenFS(dir, f)
	if err != nil {
		return err
	}
	defer s.Close()
	b := s.Begin()
	b.Folder("private")
	for _, err := range []error{
		b.Create("private/client.key", []byte("new client.key"), KeyMode),
		b.Create("client.crt", []byte("new client.crt"), PublicMode),
		b.Replace("server.crt", []byte("new server.crt"), PublicMode),
		b.KeepOld("server.key", "server.key.old", []byte("new server.key"), KeyMode),
	} {
		if err != nil {
			return err
		}
	}
	return b.Commit()
}

// state is "old" or "new" when every file belongs to that set, and a
// description of the mixture otherwise.
func state(dir string) string {
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return "-"
		}
		return string(data)
	}
	got := fmt.Sprint([]string{read("ca.crt"), read("ca.key"), read("server.crt"), read("server.key"), read("server.key.old"),
		read("private/client.key"), read("client.crt")})
	switch got {
	case fmt.Sprint([]string{"old ca.crt", "old ca.key", "old server.crt", "old server.key", "-", "-", "-"}):
		return "old"
	case fmt.Sprint([]string{"old ca.crt", "old ca.key", "new server.crt", "new server.key", "old server.key", "new client.key", "new client.crt"}):
		return "new"
	}
	return got
}

func writePoints(t testing.TB) int {
	f := &faulty{}
	dir := scene(t)
	if err := act(dir, f); err != nil {
		t.Fatal(err)
	}
	if got := state(dir); got != "new" {
		t.Fatalf("without faults: %s", got)
	}
	if f.n < 20 {
		t.Fatalf("only %d write points counted", f.n)
	}
	return f.n
}

// After a full disk the set is either complete or not there, at once or after
// the next run.
func TestFullDiskAtEveryWrite(t *testing.T) {
	points := writePoints(t)
	for _, forever := range []bool{false, true} {
		for at := 1; at <= points; at++ {
			dir := scene(t)
			err := act(dir, &faulty{at: at, err: syscall.ENOSPC, dead: forever})
			got := state(dir)
			if !forever && got != "old" && got != "new" {
				t.Errorf("point %d, one failure: %s (error: %v)", at, got, err)
			}
			if err != nil && strings.Contains(err.Error(), "nothing was written") && got != "old" {
				t.Errorf("point %d: says that nothing was written: %s", at, got)
			}
			checkAfterRecovery(t, dir, fmt.Sprintf("ENOSPC at point %d (forever %v)", at, forever))
		}
	}
}

func checkAfterRecovery(t *testing.T, dir, what string) {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Errorf("%s: next run: %v", what, err)
		return
	}
	s.Close()
	if got := state(dir); got != "old" && got != "new" {
		t.Errorf("%s: after the next run: %s", what, got)
	}
	if Pending(dir) {
		t.Errorf("%s: the hidden folder is still there", what)
	}
	for _, key := range []string{"ca.key", "server.key", "server.key.old", "private/client.key"} {
		if st, err := os.Stat(filepath.Join(dir, key)); err == nil && access.Mode(filepath.Join(dir, key), st) != 0o600 {
			t.Errorf("%s: %s has mode %v", what, key, st.Mode())
		}
	}
}

const killEnv = "CERTGEN_STORE_KILL_AT"

// The process dies by SIGKILL at every write, and the run that comes to finish
// dies at every write of its own too.
func TestKillAtEveryWrite(t *testing.T) {
	if at, dir := os.Getenv(killEnv), os.Getenv("CERTGEN_STORE_DIR"); at != "" {
		n, _ := strconv.Atoi(at)
		if os.Getenv("CERTGEN_STORE_RECOVER") != "" {
			s, err := OpenFS(dir, &faulty{at: n, kill: true, err: errors.New("dead")})
			if err == nil {
				s.Close()
			}
			return
		}
		_ = act(dir, &faulty{at: n, kill: true, err: errors.New("dead")})
		return
	}
	die := func(dir string, at int, recover string) bool {
		c := exec.Command(os.Args[0], "-test.run", "^TestKillAtEveryWrite$")
		c.Env = append(os.Environ(), killEnv+"="+strconv.Itoa(at), "CERTGEN_STORE_DIR="+dir, "CERTGEN_STORE_RECOVER="+recover)
		err := c.Run()
		var ee *exec.ExitError
		return errors.As(err, &ee) && (ee.ExitCode() == -1 || runtime.GOOS == "windows")
	}
	points := writePoints(t)
	for at := 1; at <= points; at++ {
		dir := scene(t)
		if !die(dir, at, "") {
			t.Fatalf("point %d: the process did not die", at)
		}
		// One death of the finishing run, at a point that moves along.
		die(dir, 1+at%7, "yes")
		checkAfterRecovery(t, dir, fmt.Sprintf("kill at point %d", at))
	}
}

func TestNeverOverwrites(t *testing.T) {
	dir := scene(t)
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := s.Begin()
	if err := b.Create("new.crt", []byte("x"), PublicMode); err != nil {
		t.Fatal(err)
	}
	if err := b.Create("ca.key", []byte("x"), KeyMode); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(); !errors.Is(err, ErrExists) {
		t.Fatalf("got %v, want ErrExists", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "new.crt")); err == nil {
		t.Error("a part of the refused set was written")
	}
	if got := state(dir); got != "old" {
		t.Error(got)
	}
	for _, bad := range []string{"../x", "/etc/x", "a/../../x", stageName + "/x", ""} {
		if err := s.Begin().Create(bad, nil, KeyMode); err == nil {
			t.Errorf("%q: accepted", bad)
		}
	}
}

// A name taken between the check and the move is still not overwritten.
func TestRaceIsRefused(t *testing.T) {
	dir := scene(t)
	race := &racer{dir: dir}
	err := act(dir, race)
	if !errors.Is(err, ErrExists) {
		t.Fatalf("got %v, want ErrExists", err)
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "client.crt")); string(data) != "somebody else's" {
		t.Errorf("client.crt is %q", data)
	}
	if _, err := os.Stat(filepath.Join(dir, "private/client.key")); err == nil {
		t.Error("the key of the refused set stayed")
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "server.key")); string(data) != "old server.key" {
		t.Errorf("server.key is %q", data)
	}
	if Pending(dir) {
		t.Error("the hidden folder is still there")
	}
}

type racer struct {
	OS
	dir  string
	done bool
}

func (r *racer) Link(a, b string) error {
	if !r.done && filepath.Base(b) == "client.key" {
		r.done = true
		if err := os.WriteFile(filepath.Join(r.dir, "client.crt"), []byte("somebody else's"), 0o644); err != nil {
			return err
		}
	}
	return r.OS.Link(a, b)
}

func TestLockedOut(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("second store: %v, want ErrLocked", err)
	}
	s.Close()
	s, err = Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

// Runs that a script starts at once in one new folder wait for each other, also
// where one of them takes the folder back because it wrote nothing.
func TestManyAtOnce(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the lock's file is refused for a moment while it goes away with its handle")
	}
	dir := filepath.Join(t.TempDir(), "new", "pki")
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			s, err := Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if i%3 == 0 {
				return
			}
			b := s.Begin()
			if err := b.Create(fmt.Sprintf("%d.crt", i), []byte("x"), PublicMode); err != nil {
				t.Error(err)
			}
			if err := b.Commit(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, err := os.ReadDir(dir); err != nil || len(got) != 16 {
		t.Errorf("%d files, %v", len(got), err)
	}
}

// errNoLinks is what a file system without hard links says.
var errNoLinks = map[bool]error{false: syscall.EPERM, true: syscall.Errno(50)}[runtime.GOOS == "windows"] // ERROR_NOT_SUPPORTED

// noLinks is a file system without hard links.
type noLinks struct{ OS }

func (noLinks) Link(a, b string) error {
	return &os.LinkError{Op: "link", Old: a, New: b, Err: errNoLinks}
}

func TestWithoutHardLinks(t *testing.T) {
	dir := scene(t)
	if err := act(dir, noLinks{}); err != nil {
		t.Fatal(err)
	}
	if got := state(dir); got != "new" {
		t.Error(got)
	}
}

func TestFoldersAreTakenBack(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "a", "b")
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if st, _ := os.Stat(dir); st.Mode().Perm() != 0o700 && runtime.GOOS != "windows" {
		t.Errorf("folder mode %v", st.Mode())
	}
	s.Close()
	if _, err := os.Stat(filepath.Join(parent, "a")); err == nil {
		t.Error("an empty folder stayed behind")
	}
}

func TestJournalMustStayInside(t *testing.T) {
	dir := t.TempDir()
	stage := filepath.Join(dir, stageName)
	if err := os.Mkdir(stage, 0o700); err != nil {
		t.Fatal(err)
	}
	j := `{"version":1,"entries":[{"path":"../evil","mode":384,"sha256":""}]}`
	if err := os.WriteFile(filepath.Join(stage, journalName), []byte(j), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "outside") {
		t.Errorf("got %v", err)
	}
}

// A large set is written by several writers at once; a full disk in the middle
// of it leaves nothing.
func TestLargeSet(t *testing.T) {
	for _, at := range []int{0, 100, 777, 1300} {
		dir := t.TempDir()
		s, err := OpenFS(dir, &locked{faulty: faulty{at: at, err: syscall.ENOSPC}})
		if err != nil {
			t.Fatal(err)
		}
		b := s.Begin()
		for i := range 500 {
			if err := b.Create(fmt.Sprintf("%d.key", i), []byte("key"), KeyMode); err != nil {
				t.Fatal(err)
			}
		}
		err = b.Commit()
		s.Close()
		if (err == nil) != (at == 0) {
			t.Errorf("at %d: %v", at, err)
		}
		want := 0
		if at == 0 {
			want = 500
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*.key"))
		if len(files) != want || Pending(dir) {
			t.Errorf("at %d: %d files, pending %v", at, len(files), Pending(dir))
		}
	}
}

// locked is a faulty file system that several writers may use.
type locked struct {
	mu sync.Mutex
	faulty
}

func (l *locked) Create(p string, m os.FileMode) (File, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.step(); err != nil {
		return nil, err
	}
	w, err := l.OS.Create(p, m)
	return lockedFile{l, w}, err
}

type lockedFile struct {
	l *locked
	File
}

func (f lockedFile) Write(p []byte) (int, error) {
	f.l.mu.Lock()
	defer f.l.mu.Unlock()
	if err := f.l.step(); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}
