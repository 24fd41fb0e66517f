package advise

import (
	"maps"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/imagetable"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

func lower(s string) string { return strings.ToLower(s) }

// container is what is known of a container.
type container struct {
	*corev1.Container
	// init is a native sidecar, which does not keep a Job from ending.
	native bool
	// words is all text that the container runs: command and arguments.
	words string
	agent *agent
	// writes are log files it seems to write, reads those it streams.
	writes []logFile
	reads  []logFile
	// tail is how a plain tail follows: "-f", "-F" or "" for none; tailer says
	// that it is the tailer of inject.
	tail   string
	tailer bool
	config string // text of its configuration files, "" where not known
}

type logFile struct {
	path string
	// how says what the file was found in.
	how string
	// volume and rel are where it is, volume "" for the container's layer.
	volume, rel string
}

// facts reads a workload.
type facts struct {
	w          *Workload
	containers []*container
	volumes    map[string]*corev1.Volume
	configs    map[string]*corev1.ConfigMap
}

var (
	redirect    = lazyregexp.New(`(?:>>?|\btee\b(?:\s+-a|\s+--append)?)\s*["']?(/[^\s"';|&)>\\]+)`)
	logFlag     = lazyregexp.New(`(?i)(?:^|\s)(--?[a-z0-9._-]*log[a-z0-9._-]*)[= ]["']?(/[^\s"';|&)]+)`)
	logEnv      = lazyregexp.New(`(?i)(^|_)LOGS?(_|$).*|.*LOG_?(FILE|PATH|DIR).*`)
	tailWords   = lazyregexp.New(`\btail\s+((?:(?:-[^\s]+|\+?\d+)\s+)+)["']?(/[^\s"';|&)]+|\$\{?\w+\}?)`)
	tailFollows = lazyregexp.New(`(^|\s)-\w*f|--follow`)
	absolute    = lazyregexp.New(`/[A-Za-z0-9_.*{}?\[\]$-][A-Za-z0-9_.*{}?\[\]$/-]*`)
	notALog     = lazyregexp.New(`(?i)(config|conf|level|format|login|template|schema|catalog)`)
	logLooking  = lazyregexp.New(`(?i)(\.log|\.out|\.err|_log|\.jsonl)(\.\w+)?$|/logs?/`)
)

func newFacts(w *Workload, s *Snapshot) *facts {
	f := &facts{w: w, volumes: map[string]*corev1.Volume{}, configs: map[string]*corev1.ConfigMap{}}
	for i := range w.Pod.Volumes {
		f.volumes[w.Pod.Volumes[i].Name] = &w.Pod.Volumes[i]
	}
	for _, cm := range s.ConfigMaps {
		if cm.Namespace == w.Namespace || cm.Namespace == "" || w.Namespace == "" {
			f.configs[cm.Name] = cm
		}
	}
	for i := range w.Pod.InitContainers {
		c := &w.Pod.InitContainers[i]
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			f.add(c, true)
		}
	}
	for i := range w.Pod.Containers {
		f.add(&w.Pod.Containers[i], false)
	}
	return f
}

func (f *facts) add(c *corev1.Container, native bool) {
	k := &container{Container: c, native: native}
	k.words = strings.Join(append(append([]string{}, c.Command...), c.Args...), " ")
	k.agent = agentOf(c.Image)
	k.config = f.configOf(c)
	if strings.Contains(k.words, "logarch tailer") {
		k.tailer = true
		for _, a := range append(append([]string{}, c.Command...), c.Args...) {
			if strings.HasPrefix(a, "/") && !strings.ContainsAny(a, " \n") {
				k.reads = append(k.reads, f.place(c, a, "the tailer"))
				break
			}
		}
	} else if k.agent == nil {
		f.findTail(k)
		f.findWrites(k)
	}
	f.containers = append(f.containers, k)
}

func (f *facts) findTail(k *container) {
	for _, m := range tailWords.FindAllStringSubmatch(k.words, -1) {
		flags := m[1]
		switch {
		case strings.Contains(flags, "F") || strings.Contains(flags, "follow=name") || strings.Contains(flags, "--retry"):
			k.tail = "-F"
		case tailFollows.MatchString(flags):
			if k.tail == "" {
				k.tail = "-f"
			}
		default:
			continue
		}
		if strings.HasPrefix(m[2], "/") && !device(m[2]) {
			k.reads = append(k.reads, f.place(k.Container, m[2], "tail"))
		}
	}
	if len(k.reads) == 0 {
		k.tail = ""
	}
}

// findWrites finds log files in what a container runs and is told.
func (f *facts) findWrites(k *container) {
	seen := map[string]bool{}
	add := func(p, how string) {
		p = path.Clean(strings.TrimRight(p, ",:"))
		if device(p) || seen[p] || strings.ContainsAny(p, "$*") {
			return
		}
		for _, r := range k.reads {
			if r.path == p {
				return
			}
		}
		if img, _ := imagetable.Lookup(k.Image); img != nil && img.IsStdout(p) {
			return
		}
		seen[p] = true
		k.writes = append(k.writes, f.place(k.Container, p, how))
	}
	for _, m := range redirect.FindAllStringSubmatch(k.words, -1) {
		if logLooking.MatchString(m[1]) {
			add(m[1], "what the container runs writes to it")
		}
	}
	for _, m := range logFlag.FindAllStringSubmatch(k.words, -1) {
		if !notALog.MatchString(m[1]) && logLooking.MatchString(m[2]) {
			add(m[2], "the flag "+m[1])
		}
	}
	for _, e := range k.Env {
		if strings.HasPrefix(e.Value, "/") && logEnv.MatchString(e.Name) && !notALog.MatchString(e.Name) && (logLooking.MatchString(e.Value) || strings.HasSuffix(lower(e.Name), "dir") && strings.Contains(e.Value, "log")) {
			add(e.Value, "the variable "+e.Name)
		}
	}
}

func device(p string) bool {
	return strings.HasPrefix(p, "/dev/") || strings.HasPrefix(p, "/proc/") || strings.HasPrefix(p, "/sys/")
}

// place finds the volume that holds a path of a container.
func (f *facts) place(c *corev1.Container, p, how string) logFile {
	out := logFile{path: p, how: how}
	best := -1
	for _, m := range c.VolumeMounts {
		mp := path.Clean(m.MountPath)
		if (p == mp || strings.HasPrefix(p, strings.TrimSuffix(mp, "/")+"/")) && len(mp) > best {
			best = len(mp)
			out.volume = m.Name
			out.rel = path.Join(m.SubPath, strings.TrimPrefix(p, mp))
		}
	}
	return out
}

// configOf joins the texts of the ConfigMaps that a container mounts.
func (f *facts) configOf(c *corev1.Container) string {
	var b strings.Builder
	for _, m := range c.VolumeMounts {
		v := f.volumes[m.Name]
		if v == nil {
			continue
		}
		names := []string{}
		if v.ConfigMap != nil {
			names = append(names, v.ConfigMap.Name)
		}
		if v.Projected != nil {
			for _, src := range v.Projected.Sources {
				if src.ConfigMap != nil {
					names = append(names, src.ConfigMap.Name)
				}
			}
		}
		for _, n := range names {
			if cm := f.configs[n]; cm != nil {
				for _, key := range slices.Sorted(maps.Keys(cm.Data)) {
					b.WriteString(cm.Data[key] + "\n")
				}
			}
		}
	}
	for _, e := range c.Env {
		if strings.Contains(e.Value, "\n") {
			b.WriteString(e.Value + "\n")
		}
	}
	return b.String()
}

// readers are the containers that read a file: tails of the same file, and
// agents that have its volume.
func (f *facts) readers(file logFile) (tails, agents []*container) {
	if file.volume == "" {
		return nil, nil
	}
	for _, k := range f.containers {
		for _, r := range k.reads {
			if r.volume == file.volume && (r.rel == file.rel || matchGlob(r.rel, file.rel)) {
				tails = append(tails, k)
			}
		}
		if k.agent == nil {
			continue
		}
		for _, m := range k.VolumeMounts {
			if m.Name != file.volume {
				continue
			}
			in := path.Join(m.MountPath, strings.TrimPrefix(file.rel, strings.TrimPrefix(m.SubPath, "/")))
			if k.config == "" || reads(k.config+" "+k.words, in) {
				agents = append(agents, k)
				break
			}
		}
	}
	return tails, agents
}

// reads says whether a configuration names a file, or a pattern or a folder
// that holds it.
func reads(config, file string) bool {
	for _, p := range absolute.FindAllString(config, -1) {
		if p == file || matchGlob(p, file) || strings.HasSuffix(p, "/") && strings.HasPrefix(file, p) {
			return true
		}
	}
	return false
}

// matchGlob is path.Match in which ** spans folders.
func matchGlob(pattern, name string) bool {
	if before, after, ok := strings.Cut(pattern, "**"); ok {
		return strings.HasPrefix(name, before) && (strings.TrimLeft(after, "/*") == "" || matchGlob("*"+strings.TrimLeft(after, "/*"), path.Base(name)) || matchGlob(strings.TrimLeft(after, "/"), path.Base(name)))
	}
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}
