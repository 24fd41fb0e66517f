package parse

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
	"github.com/clusterwright/kubectl-plugins/shared/logline"
)

// Input is one stream to read.
type Input struct {
	Meta *logline.Meta
	// Path is the file; "" is the reader Stdin.
	Path  string
	Stdin io.Reader
	// More says that the next input goes on where this one ends (a rotated
	// file and its successor), so that an event may span both.
	More bool
	// FromDir says that the file was found, not named: one that is no text is
	// passed over.
	FromDir bool

	follow bool  // go on at the end of the file
	err    error // found in the walk, and cannot be read
}

// Defaults are what every input shares.
type Defaults struct {
	// Now dates klog text that comes from a pipe.
	Now int64
	// Clock, where it is set, tells the time of lines still to come.
	Clock func() int64
	// Year, where it is not 0, is the year of klog text.
	Year int
	// Offset is the zone of klog text; nil is UTC.
	Offset func(int64) int64
}

// Expand turns the arguments of a user (files, folders, "-") into inputs:
// folders into the logs in them, rotated files in order.
func Expand(args []string, stdin io.Reader, d Defaults) ([]Input, error) {
	if len(args) == 0 {
		args = []string{"-"}
	}
	var out []Input
	for _, a := range args {
		if a == "-" {
			m := &logline.Meta{Restart: -1, Reference: d.Now, Clock: d.Clock, Year: d.Year, Offset: d.Offset}
			if f, ok := stdin.(*os.File); ok {
				if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
					m.Reference, m.Clock = info.ModTime().UnixNano(), nil
				}
			}
			out = append(out, Input{Stdin: stdin, Meta: m})
			continue
		}
		info, err := os.Stat(a)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			out = append(out, newInput(a, info, d))
			continue
		}
		found, err := walk(a, d)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s: no logs in this folder (files named *.log, *.log.*, *.jsonl or *.txt)", a)
		}
		out = append(out, found...)
	}
	return out, nil
}

func newInput(path string, info fs.FileInfo, d Defaults) Input {
	m := MetaOf(path)
	if m.Pod != "" && m.UID == "" {
		// A link of /var/log/containers: its file tells more.
		if real, err := filepath.EvalSymlinks(path); err == nil {
			if r := MetaOf(real); r.UID != "" && r.Pod == m.Pod {
				m.UID, m.Restart = r.UID, r.Restart
			}
		}
	}
	m.Reference, m.Year, m.Offset = info.ModTime().UnixNano(), d.Year, d.Offset
	return Input{Path: path, Meta: m}
}

var logName = lazyregexp.New(`(?i)(\.log|\.jsonl|\.txt|\.out|\.err|\.klog|\.journal-export)([.-][0-9A-Za-z._-]+)?(\.gz)?$|^(syslog|messages|kern|daemon)(\.[0-9]+)?(\.gz)?$|^(kubelet|kube-[a-z-]+|etcd|containerd)\.(INFO|WARNING|ERROR|FATAL)$`)

// walk finds the logs of a folder. A symbolic link to a file that is found
// itself (as all of /var/log/containers is) is passed over.
func walk(root string, d Defaults) ([]Input, error) {
	type file struct {
		path string
		info fs.FileInfo
		link bool
	}
	var files []file
	var out []Input
	real := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			switch {
			case path == root:
				return err
			case errors.Is(err, fs.ErrNotExist):
				return nil
			}
			out = append(out, Input{Path: path, Meta: &logline.Meta{Name: path, Restart: -1}, FromDir: true, err: err})
			if e != nil && e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if e.IsDir() || !logName.MatchString(e.Name()) {
			return nil
		}
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			return nil //nolint:nilerr // a link to a log that is gone
		}
		f := file{path: path, info: info, link: e.Type()&fs.ModeSymlink != 0}
		if !f.link {
			if abs, err := filepath.EvalSymlinks(path); err == nil {
				real[abs] = true
			}
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.link {
			abs, err := filepath.EvalSymlinks(f.path)
			if err != nil || real[abs] {
				continue
			}
			real[abs] = true
		}
		in := newInput(f.path, f.info, d)
		in.FromDir = true
		out = append(out, in)
	}
	slices.SortStableFunc(out, func(a, b Input) int {
		sa, ra := series(a.Path)
		sb, rb := series(b.Path)
		return cmp.Or(strings.Compare(filepath.Dir(a.Path), filepath.Dir(b.Path)), compareNames(sa, sb), compareRank(ra, rb))
	})
	for i := 0; i+1 < len(out); i++ {
		sa, _ := series(out[i].Path)
		sb, _ := series(out[i+1].Path)
		out[i].More = sa == sb && filepath.Dir(out[i].Path) == filepath.Dir(out[i+1].Path)
	}
	return out, nil
}

// compareNames puts 2.log before 10.log.
func compareNames(a, b string) int {
	na, ea := strconv.Atoi(strings.TrimSuffix(a, ".log"))
	nb, eb := strconv.Atoi(strings.TrimSuffix(b, ".log"))
	if ea == nil && eb == nil {
		return cmp.Compare(na, nb)
	}
	return strings.Compare(a, b)
}

var (
	kubeletRotated = lazyregexp.New(`^(.*\.log)\.(\d{8}-\d{6})$`)
	numbered       = lazyregexp.New(`^(.*?)[.-](\d{1,4})$`)
	dated          = lazyregexp.New(`^(.*?)-(\d{4}-?\d{2}-?\d{2}(?:T?[\d.-]*\d)?)(\.log)?$`)
)

type rank struct {
	live bool
	date string
	age  int // higher is older
}

// series splits a file name into the log it belongs to and its place in the
// rotation.
func series(path string) (string, rank) {
	base := strings.TrimSuffix(filepath.Base(path), ".gz")
	if m := kubeletRotated.FindStringSubmatch(base); m != nil {
		return m[1], rank{date: m[2]}
	}
	if m := dated.FindStringSubmatch(base); m != nil {
		return m[1] + m[3], rank{date: m[2]}
	}
	if m := numbered.FindStringSubmatch(base); m != nil {
		n, _ := strconv.Atoi(m[2])
		return m[1], rank{age: n}
	}
	return base, rank{live: true}
}

func compareRank(a, b rank) int {
	if a.live != b.live {
		if a.live {
			return 1
		}
		return -1
	}
	return cmp.Or(strings.Compare(a.date, b.date), cmp.Compare(b.age, a.age))
}

var (
	podDir        = lazyregexp.New(`^([a-z0-9-]+)_([a-z0-9.-]+)_([0-9a-f-]{16,36})$`)
	containerLink = lazyregexp.New(`^([a-z0-9.-]+)_([a-z0-9-]+)_([a-z0-9.-]+)-([0-9a-f]{12,64})\.log`)
	restartName   = lazyregexp.New(`^(\d+)\.log`)
)

// MetaOf reads what a path tells: /var/log/pods/NS_POD_UID/CONTAINER/N.log,
// /var/log/containers/POD_NS_CONTAINER-ID.log, or the name of a component.
func MetaOf(path string) *logline.Meta {
	m := &logline.Meta{Name: path, Restart: -1}
	base := filepath.Base(path)
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	container := filepath.Dir(abs)
	if p := podDir.FindStringSubmatch(filepath.Base(filepath.Dir(container))); p != nil {
		if r := restartName.FindStringSubmatch(base); r != nil {
			m.Namespace, m.Pod, m.UID = p[1], p[2], p[3]
			m.Container = filepath.Base(container)
			m.Restart, _ = strconv.Atoi(r[1])
			m.Component = component(m.Container, true)
			return m
		}
	}
	if c := containerLink.FindStringSubmatch(base); c != nil {
		m.Pod, m.Namespace, m.Container = c[1], c[2], c[3]
		m.Component = component(m.Container, true)
		return m
	}
	m.Component = component(base, false)
	return m
}

var components = []string{
	"cloud-controller-manager", "kube-controller-manager", "kube-apiserver", "kube-scheduler", "kube-proxy",
	"cluster-autoscaler", "metrics-server", "kubelet", "containerd", "cri-o", "crio", "dockerd", "etcd", "coredns",
}

// component finds the component that a file or container is named after.
func component(name string, exact bool) string {
	for _, c := range components {
		if name == c {
			return c
		}
		if exact {
			continue
		}
		if strings.HasPrefix(name, c) && strings.IndexByte(".-_", name[len(c)]) >= 0 {
			return c
		}
		if stem, _, ok := strings.Cut(name, ".log"); ok && strings.HasSuffix(stem, "-"+c) {
			return c // node1-kubelet.log
		}
	}
	return ""
}
