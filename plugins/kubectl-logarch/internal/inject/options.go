// Package inject plans and carries out the addition of logging sidecars to the
// pod templates of a manifest. The plan is made of Kubernetes' own types; the
// text is edited by package splice, and every edit is proved before it is given
// out: everything that was there is there, and taking the injection out again
// gives the same bytes.
package inject

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/agentconf"
)

// Mode is a pattern of the handbook.
type Mode string

// The modes.
const (
	Streaming Mode = "streaming" // one tailer a file, to its own stdout
	Agent     Mode = "agent"     // one log agent with a configuration
	Rotate    Mode = "rotate"    // a sidecar that rotates the files
)

// Modes are the values of --mode.
var Modes = []string{string(Streaming), string(Agent), string(Rotate)}

// LogFile is a file to get out, and the name of its sidecar if one was given.
type LogFile struct{ Name, Path string }

// Options are what the user asks for.
type Options struct {
	Mode      Mode
	Logs      []LogFile
	Container string
	// Native is auto, true or false; Minor the target version (1.Minor).
	Native string
	Minor  int
	// Image runs the sidecars; "" is the mode's own.
	Image string
	// RunAsUser is the sidecar's user, nil for the one that the solver finds.
	RunAsUser *int64
	// CopyExisting fills a new volume with what the image has; AssumeEmpty says
	// that it has nothing there.
	CopyExisting, AssumeEmpty bool
	// Resume keeps the tailer's position over a restart of its container.
	Resume      bool
	CPU, Memory resource.Quantity
	// SizeLimit limits a new emptyDir; zero does not.
	SizeLimit resource.Quantity
	// Selector picks workloads by the labels of their pods; Only by KIND/NAME.
	Selector labels.Selector
	Only     []string
	// Agent is the agent of mode agent, and where it sends to.
	Agent       string
	Destination string
	Endpoint    string
	// Rotate adds to mode streaming a sidecar that rotates the files. MaxSize and Keep
	// are for it and for mode rotate.
	Rotate  bool
	MaxSize resource.Quantity
	Keep    int
}

// OldestMinor is the oldest version that Kubernetes supports beside 1.37.
const OldestMinor = 35

// NativeMinor is the first version with native sidecars switched on.
const NativeMinor = 29

// DefaultImage is the image of the tailer and of the rotation.
const DefaultImage = "busybox:1.37"

// Defaults returns the options that no flag has changed.
func Defaults() Options {
	return Options{
		Mode: Streaming, Native: "auto", Minor: OldestMinor, CPU: resource.MustParse("10m"), Memory: resource.MustParse("32Mi"),
		Agent: "otel", Destination: "stdout", MaxSize: resource.MustParse("10Mi"), Keep: 5,
	}
}

// IsNative says whether sidecars are native ones.
func (o Options) IsNative() bool {
	return o.Native == "true" || o.Native == "auto" && o.Minor >= NativeMinor
}

var ownOutput = regexp.MustCompile(`^/proc/(self|[0-9]+)/fd/[0-9]+$`)

var version = regexp.MustCompile(`^v?1\.(\d+)(\.\d+)?([-+].*)?$`)

// ParseVersion reads 1.N, v1.N or v1.N.P.
func ParseVersion(s string) (minor int, err error) {
	m := version.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not a Kubernetes version such as 1.36", s)
	}
	return strconv.Atoi(m[1])
}

// ParseLog reads [NAME=]PATH.
func ParseLog(s string) (LogFile, error) {
	l := LogFile{Path: s}
	if name, p, ok := strings.Cut(s, "="); ok && !strings.Contains(name, "/") {
		l = LogFile{name, p}
		if msgs := validation.IsDNS1123Label(name); len(msgs) > 0 {
			return l, fmt.Errorf("%q: %q is not a container's name: lower-case letters, digits and \"-\", at most 63", s, name)
		}
	}
	switch {
	case !strings.HasPrefix(l.Path, "/"):
		return l, fmt.Errorf("%q: the path is not absolute; begin it with /", s)
	case l.Path == "/":
		return l, fmt.Errorf("%q: the path is not that of a file such as /var/log/app/app.log", s)
	case strings.HasPrefix(l.Path, "/dev/std"), strings.HasPrefix(l.Path, "/dev/fd/"), ownOutput.MatchString(l.Path):
		return l, fmt.Errorf("%q: this is the container's own output; use kubectl logs, which shows it already", s)
	case strings.HasPrefix(l.Path, "/dev/"), strings.HasPrefix(l.Path, "/proc/"), strings.HasPrefix(l.Path, "/sys/"):
		return l, fmt.Errorf("%q: the kernel's files cannot be shared through a volume", s)
	case strings.Contains(l.Path, "$("):
		return l, fmt.Errorf("%q: Kubernetes replaces $(...) in a command, but not in a mount path: give the path itself", s)
	case strings.HasSuffix(l.Path, "/") || path.Clean(l.Path) != l.Path:
		return l, fmt.Errorf("%q: the path is not that of a file (try %s)", s, path.Clean(l.Path))
	case strings.ContainsAny(l.Path, "*?[{"):
		return l, fmt.Errorf("%q: one sidecar streams one file, so that formats do not mix; name each file, or use --mode agent with one --log per file", s)
	case strings.ContainsAny(l.Path, ":\n\r\t"):
		return l, fmt.Errorf("%q: a mount path may hold no colon and no control character", s)
	case path.Dir(l.Path) == "/":
		return l, fmt.Errorf("%q: a file right under / cannot be shared through a volume; let the application write below a folder of its own", s)
	}
	return l, nil
}

// Agents are the values of --agent, Destinations those of --destination.
var (
	Agents       = agentconf.Names
	Destinations = agentconf.Destinations
)

// Validate says which options do not go together.
func (o Options) Validate() error {
	switch o.Mode {
	case Agent:
		return o.agentSpec().Check()
	case Rotate, Streaming:
		if (o.Rotate || o.Mode == Rotate) && o.MaxSize.Value() < 1024 {
			return fmt.Errorf("--max-size %s: less than 1Ki", o.MaxSize.String())
		}
	}
	return nil
}
