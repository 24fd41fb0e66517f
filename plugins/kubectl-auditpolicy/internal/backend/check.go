package backend

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/spelling"
)

type valueKind int

const (
	text valueKind = iota
	boolean
	integer
	number
	duration
)

type flagInfo struct {
	kind valueKind
	// belongs is what must be on for the flag to matter.
	belongs string // "", "log", "log file", "log batch", "webhook", "webhook batch", "log truncate", "webhook truncate"
}

// known are all audit flags of kube-apiserver.
var known = func() map[string]flagInfo {
	m := map[string]flagInfo{
		"audit-policy-file": {text, ""}, "audit-log-path": {text, ""}, "audit-webhook-config-file": {text, ""},
		"audit-log-maxage": {integer, "log file"}, "audit-log-maxbackup": {integer, "log file"}, "audit-log-maxsize": {integer, "log file"},
		"audit-log-compress": {boolean, "log file"}, "audit-log-format": {text, "log"}, "audit-log-version": {text, "log"},
		"audit-webhook-version": {text, "webhook"}, "audit-webhook-initial-backoff": {duration, "webhook"}, "audit-webhook-batch-initial-backoff": {duration, "webhook"},
	}
	for _, b := range []string{"log", "webhook"} {
		p := "audit-" + b + "-"
		m[p+"mode"] = flagInfo{text, b}
		m[p+"batch-buffer-size"], m[p+"batch-max-size"] = flagInfo{integer, b + " batch"}, flagInfo{integer, b + " batch"}
		m[p+"batch-max-wait"], m[p+"batch-throttle-enable"] = flagInfo{duration, b + " batch"}, flagInfo{boolean, b + " batch"}
		m[p+"batch-throttle-qps"], m[p+"batch-throttle-burst"] = flagInfo{number, b + " batch"}, flagInfo{integer, b + " batch"}
		m[p+"truncate-enabled"] = flagInfo{boolean, b}
		m[p+"truncate-max-batch-size"], m[p+"truncate-max-event-size"] = flagInfo{integer, b + " truncate"}, flagInfo{integer, b + " truncate"}
	}
	return m
}()

// Options are what a check may know beside the flags.
type Options struct {
	// Minor is the minor version of Kubernetes, such as 37.
	Minor int
	// OmitsReceived says that the policy omits RequestReceived for all or some
	// requests; where there is no policy to ask it is "".
	OmitsReceived string
	// Rate is the load in requests a second, 0 where it is not known.
	Rate, EventsPerRequest float64
}

// Settings are the values in force: the file's flags over the defaults.
type Settings struct {
	PolicyFile, LogPath, WebhookConfig string
	MaxAge, MaxBackup, MaxSize         int
	LogFormat                          string
	Log, Webhook                       Batch
}

// Batch is how a backend hands events on.
type Batch struct {
	Mode                         string
	BufferSize, MaxSize          int
	MaxWait                      time.Duration
	Throttle                     bool
	QPS                          float64
	Burst                        int
	Truncate                     bool
	TruncateBatch, TruncateEvent int
}

// Defaults are kube-apiserver's defaults for a minor version of Kubernetes.
// Since 1.36 a log is kept for 366 days and in 100 files; before, for ever.
func Defaults(minor int) Settings {
	s := Settings{
		MaxSize: 100, LogFormat: "json",
		Log:     Batch{Mode: "blocking", BufferSize: 10000, MaxSize: 1, TruncateBatch: 10 << 20, TruncateEvent: 100 << 10},
		Webhook: Batch{Mode: "batch", BufferSize: 10000, MaxSize: 400, MaxWait: 30 * time.Second, Throttle: true, QPS: 10, Burst: 15, TruncateBatch: 10 << 20, TruncateEvent: 100 << 10},
	}
	if minor >= noRotation {
		s.MaxAge, s.MaxBackup = 366, 100
	}
	return s
}

// noRotation is the minor version since which --audit-log-maxsize=0 switches
// rotation off. Before, 0 was the default and left it to lumberjack, which then
// rotates at 100 MB.
// Source: kubernetes/kubernetes pull request 136478.
const noRotation = 36

// maxDays is the largest --audit-log-maxage that lumberjack's durations hold:
// above, the age is negative and every rotated file is older than that.
const maxDays = math.MaxInt64 / int64(24*time.Hour)

// Check judges how a file switches auditing on.
func Check(s *Server, o Options) []finding.Finding {
	c := &checker{s: s, o: o}
	if s.Webhook {
		c.webhookConfig()
		finding.Sort(c.out)
		return c.out
	}
	c.names()
	c.values()
	if c.on() {
		c.effect()
		c.refused()
		c.retention()
		c.mounts()
		c.capacity()
		c.strict()
	}
	finding.Sort(c.out)
	return c.out
}

type checker struct {
	s   *Server
	o   Options
	out []finding.Finding
	set Settings
	bad map[string]bool
}

func (c *checker) at(f FlagUse) finding.Subject {
	p := ""
	if f.Name != "" {
		p = "--" + f.Name
	}
	return finding.Subject{Kind: "File", Name: c.s.Name, Path: p, Line: f.Line, Column: f.Column}
}

func (c *checker) add(id string, f FlagUse, format string, args ...any) *finding.Finding {
	c.out = append(c.out, rule(id).New(c.at(f), fmt.Sprintf(format, args...)))
	return &c.out[len(c.out)-1]
}

func (c *checker) names() {
	for _, f := range c.s.Flags {
		if _, ok := known[f.Name]; ok || !strings.HasPrefix(f.Name, "audit-") {
			continue
		}
		if f.Name == "audit-dynamic-configuration" {
			c.add("AP073", f, "--%s was removed in Kubernetes 1.19: kube-apiserver does not start with it", f.Name)
			continue
		}
		msg := fmt.Sprintf("--%s is no flag of kube-apiserver: it does not start with it", f.Name)
		if near := nearest(f.Name); near != "" {
			msg += "; did you mean --" + near + "?"
		}
		c.add("AP073", f, "%s", msg)
	}
	if f, ok := c.s.Flag("feature-gates"); ok && strings.Contains(f.Value, "DynamicAuditing") {
		c.add("AP073", f, "the feature gate DynamicAuditing was removed in Kubernetes 1.19: kube-apiserver does not start with it")
	}
	for _, p := range c.s.Pinned {
		c.pinned(p)
	}
	if f, ok := c.s.Flag("audit-webhook-batch-initial-backoff"); ok {
		c.add("AP075", f, "--%s is deprecated: use --audit-webhook-initial-backoff", f.Name)
	}
}

// pinned tells of a patch that kind may pass over: it applies one that names an
// apiVersion only where its own configuration has that version, which depends on
// the versions of kind and of Kubernetes. Since Kubernetes 1.23 that is v1beta3
// or later. A group without a version is enough.
// Source: kubernetes-sigs/kind pkg/internal/patch/resource.go (matches) and
// pkg/cluster/internal/kubeadm/config.go (Config).
func (c *checker) pinned(p Pin) {
	group, version, _ := strings.Cut(p.Version, "/")
	at := FlagUse{Line: p.Line}
	switch {
	case group != "kubeadm.k8s.io" || c.o.Minor >= 23 && (version == "v1beta1" || version == "v1beta2"):
		c.add("AP075", at, "the patch is for %s: kind makes no such configuration for Kubernetes 1.%d and passes over the patch in silence", p.Version, c.o.Minor).Remedy = "Leave apiVersion out of the patch."
	case version != "":
		f := c.add("AP075", at, "the patch is for %s: where kind makes its configuration in another version it passes over the patch in silence", p.Version)
		f.Severity, f.Remedy = finding.Info, "Leave apiVersion out of the patch."
	}
}

// values reads the flags over the defaults, and tells those that do not parse.
func (c *checker) values() {
	c.set, c.bad = Defaults(c.o.Minor), map[string]bool{}
	if c.s.OwnPolicy {
		c.set.PolicyFile = "(set by the installer)"
		c.set.LogPath = "(set by the installer)"
		c.set.MaxAge, c.set.MaxBackup, c.set.MaxSize = 30, 10, 100
	}
	str := func(name string, to *string) {
		if f, ok := c.s.Flag(name); ok {
			*to = f.Value
		}
	}
	num := func(name string, to *int) {
		f, ok := c.s.Flag(name)
		if !ok {
			return
		}
		n, err := strconv.ParseInt(f.Value, 0, 64)
		if err != nil {
			c.refuse(f, "is not a whole number")
			return
		}
		*to = int(n)
	}
	yes := func(name string, to *bool) {
		f, ok := c.s.Flag(name)
		if !ok {
			return
		}
		if f.Bare {
			*to = true
			return
		}
		b, err := strconv.ParseBool(f.Value)
		if err != nil {
			c.refuse(f, "is neither true nor false")
			return
		}
		*to = b
	}
	str("audit-policy-file", &c.set.PolicyFile)
	str("audit-log-path", &c.set.LogPath)
	str("audit-webhook-config-file", &c.set.WebhookConfig)
	str("audit-log-format", &c.set.LogFormat)
	num("audit-log-maxage", &c.set.MaxAge)
	num("audit-log-maxbackup", &c.set.MaxBackup)
	num("audit-log-maxsize", &c.set.MaxSize)
	if c.set.MaxSize == 0 && c.o.Minor < noRotation {
		c.set.MaxSize = 100
	}
	// In order, for InForce tells the first problem.
	for i, b := range []*Batch{&c.set.Log, &c.set.Webhook} {
		p := []string{"audit-log-", "audit-webhook-"}[i]
		str(p+"mode", &b.Mode)
		num(p+"batch-buffer-size", &b.BufferSize)
		num(p+"batch-max-size", &b.MaxSize)
		num(p+"batch-throttle-burst", &b.Burst)
		num(p+"truncate-max-batch-size", &b.TruncateBatch)
		num(p+"truncate-max-event-size", &b.TruncateEvent)
		yes(p+"batch-throttle-enable", &b.Throttle)
		yes(p+"truncate-enabled", &b.Truncate)
		if f, ok := c.s.Flag(p + "batch-throttle-qps"); ok {
			q, err := strconv.ParseFloat(f.Value, 32)
			if err != nil {
				c.refuse(f, "is not a number")
			} else {
				b.QPS = q
			}
		}
		for _, name := range []string{p + "batch-max-wait", p + "initial-backoff"} {
			if f, ok := c.s.Flag(name); ok {
				d, err := time.ParseDuration(f.Value)
				if err != nil {
					c.refuse(f, "is not a duration such as 30s")
				} else if name == p+"batch-max-wait" {
					b.MaxWait = d
				}
			}
		}
	}
}

func (c *checker) refuse(f FlagUse, why string) {
	if c.bad[f.Name] {
		return
	}
	c.bad[f.Name] = true
	c.add("AP071", f, "--%s=%s %s: kube-apiserver does not start with it", f.Name, f.Value, why)
}

// on says whether auditing is switched on, and if not, what is missing.
func (c *checker) on() bool {
	policy, log, hook := c.set.PolicyFile != "", c.set.LogPath != "", c.set.WebhookConfig != ""
	flag := func(name string) FlagUse { f, _ := c.s.Flag(name); return f }
	switch {
	case policy && (log || hook):
		return true
	case policy:
		c.add("AP072", flag("audit-policy-file"), "there is a policy and no backend: nothing is recorded").Remedy = "Add --audit-log-path or --audit-webhook-config-file."
	case log:
		c.add("AP072", flag("audit-log-path"), "there is a log and no policy: nothing is written to it").Remedy = "Add --audit-policy-file."
	case hook:
		c.add("AP072", flag("audit-webhook-config-file"), "there is a webhook and no policy: nothing is sent to it").Remedy = "Add --audit-policy-file."
	default:
		c.add("AP072", FlagUse{}, "auditing is off: no --audit-policy-file, no --audit-log-path, no --audit-webhook-config-file")
	}
	return false
}

func (c *checker) effect() {
	logOn, hookOn := c.set.LogPath != "", c.set.WebhookConfig != ""
	seen := map[string]bool{}
	for _, f := range c.s.Flags {
		k, ok := known[f.Name]
		if !ok || k.belongs == "" || seen[f.Name] {
			continue
		}
		seen[f.Name] = true
		b := c.set.Log
		on, which := logOn, "--audit-log-path"
		if strings.HasPrefix(k.belongs, "webhook") {
			on, which, b = hookOn, "--audit-webhook-config-file", c.set.Webhook
		}
		backend, part, _ := strings.Cut(k.belongs, " ")
		switch {
		case !on:
			c.add("AP075", f, "--%s has no effect without %s", f.Name, which)
		case part == "batch" && b.Mode != "batch":
			c.add("AP075", f, "--%s has no effect in the mode %s: only --audit-%s-mode=batch has a buffer", f.Name, b.Mode, backend)
		case part == "truncate" && !b.Truncate:
			c.add("AP075", f, "--%s has no effect without --audit-%s-truncate-enabled", f.Name, backend)
		case part == "file" && c.set.LogPath == "-":
			c.add("AP075", f, "--%s has no effect: the log goes to stdout", f.Name)
		case strings.HasSuffix(f.Name, "-throttle-qps") && !b.Throttle, strings.HasSuffix(f.Name, "-throttle-burst") && !b.Throttle:
			c.add("AP075", f, "--%s has no effect without --audit-%s-batch-throttle-enable", f.Name, backend)
		}
	}
	if c.set.LogPath != "" && c.set.LogFormat == "legacy" {
		f, _ := c.s.Flag("audit-log-format")
		c.add("AP078", f, "the legacy format keeps no level, no body and no annotation")
	}
}

var modes = []string{"batch", "blocking", "blocking-strict"}

// refused are the combinations that kube-apiserver validates. The settings of
// a backend that is off are not validated.
func (c *checker) refused() {
	for _, name := range []string{"log", "webhook"} {
		b, on := c.set.Log, c.set.LogPath != ""
		if name == "webhook" {
			b, on = c.set.Webhook, c.set.WebhookConfig != ""
		}
		if !on {
			continue
		}
		p := "audit-" + name + "-"
		flag := func(n string) FlagUse { f, _ := c.s.Flag(p + n); return f }
		if !slices.Contains(modes, b.Mode) {
			c.refuse(flag("mode"), "is not one of "+strings.Join(modes, ", "))
		}
		if b.Mode == "batch" {
			if b.BufferSize <= 0 {
				c.refuse(flag("batch-buffer-size"), "is not positive")
			}
			if b.MaxSize <= 0 {
				c.refuse(flag("batch-max-size"), "is not positive")
			}
			if b.Throttle && b.QPS <= 0 && !c.bad[p+"batch-throttle-qps"] {
				if f := flag("batch-throttle-qps"); f.Name != "" {
					c.refuse(f, "is not positive")
				} else {
					c.add("AP071", flag("batch-throttle-enable"), "throttling needs --%sbatch-throttle-qps above 0: kube-apiserver does not start", p)
				}
			}
			if b.Throttle && b.Burst <= 0 && !c.bad[p+"batch-throttle-burst"] {
				if f := flag("batch-throttle-burst"); f.Name != "" {
					c.refuse(f, "is not positive")
				} else {
					c.add("AP071", flag("batch-throttle-enable"), "throttling needs --%sbatch-throttle-burst above 0: kube-apiserver does not start", p)
				}
			}
		}
		if b.TruncateEvent <= 0 {
			c.refuse(flag("truncate-max-event-size"), "is not positive")
		}
		if b.TruncateBatch < b.TruncateEvent {
			f := flag("truncate-max-batch-size")
			if f.Name == "" {
				f = flag("truncate-max-event-size")
			}
			c.refuse(f, fmt.Sprintf("makes the largest batch (%d) smaller than the largest event (%d)", b.TruncateBatch, b.TruncateEvent))
		}
		if f := flag("version"); f.Name != "" && f.Value != "audit.k8s.io/v1" {
			c.refuse(f, "is not audit.k8s.io/v1, the only version since 1.24")
		}
	}
	if c.set.LogPath == "" {
		return
	}
	if f, ok := c.s.Flag("audit-log-format"); ok && f.Value != "json" && f.Value != "legacy" {
		c.refuse(f, "is neither json nor legacy")
	}
	for name, v := range map[string]int{"audit-log-maxage": c.set.MaxAge, "audit-log-maxbackup": c.set.MaxBackup, "audit-log-maxsize": c.set.MaxSize} {
		if f, ok := c.s.Flag(name); ok && v < 0 {
			c.refuse(f, "is negative")
		}
	}
}

// nearest is the known flag that a name is most like, "" for none close.
func nearest(name string) string {
	best, least := "", 5
	var names []string
	for k := range known {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		if d := spelling.Distance(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// InForce are the settings that a server runs with: its flags over the defaults
// of a minor version of Kubernetes. problem names the first flag whose value
// cannot be read, "" for none.
func InForce(s *Server, minor int) (set Settings, problem string) {
	c := &checker{s: s, o: Options{Minor: minor}}
	c.values()
	if len(c.out) > 0 {
		problem = c.out[0].Message
	}
	return c.set, problem
}
