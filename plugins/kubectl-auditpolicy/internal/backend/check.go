package backend

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
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
	if minor >= 36 {
		s.MaxAge, s.MaxBackup = 366, 100
	} else {
		s.MaxSize = 0
	}
	return s
}

// Check judges how a file switches auditing on.
func Check(s *Server, o Options) []finding.Finding {
	c := &checker{s: s, o: o}
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
		switch f.Name {
		case "audit-dynamic-configuration":
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
	if f, ok := c.s.Flag("audit-webhook-batch-initial-backoff"); ok {
		c.add("AP075", f, "--%s is deprecated: use --audit-webhook-initial-backoff", f.Name)
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
	for name, b := range map[string]*Batch{"log": &c.set.Log, "webhook": &c.set.Webhook} {
		p := "audit-" + name + "-"
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

func (c *checker) retention() {
	if c.set.LogPath == "" || c.set.LogPath == "-" {
		return
	}
	flag := func(name string) FlagUse {
		f, ok := c.s.Flag(name)
		if !ok {
			f, _ = c.s.Flag("audit-log-path")
		}
		return f
	}
	_, sized := c.s.Flag("audit-log-maxsize")
	switch {
	case sized && c.set.MaxSize == 0 && c.o.Minor >= 36:
		c.add("AP070", flag("audit-log-maxsize"), "--audit-log-maxsize=0 switches rotation off: the file grows until the disk is full")
	case c.set.MaxAge == 0 && c.set.MaxBackup == 0:
		how := "by default"
		if _, ok := c.s.Flag("audit-log-maxbackup"); ok {
			how = "with these flags"
		}
		c.add("AP070", flag("audit-log-maxbackup"), "rotated logs are kept for ever %s: the disk fills up", how).Remedy = "Set --audit-log-maxbackup and --audit-log-maxage."
	}
	low := func(name string, have, want int, unit string) {
		if have > 0 && have < want {
			c.add("AP074", flag(name), "--%s is %d; the benchmark asks for %d %s or more", name, have, want, unit)
		}
	}
	low("audit-log-maxage", c.set.MaxAge, 30, "days")
	low("audit-log-maxbackup", c.set.MaxBackup, 10, "files")
	low("audit-log-maxsize", c.set.MaxSize, 100, "MB")
}

// under finds the innermost mount that holds a path.
func (c *checker) under(p string) (best *MountUse) {
	for i := range c.s.Mounts {
		m := &c.s.Mounts[i]
		at := strings.TrimSuffix(m.MountPath, "/")
		if (p == at || strings.HasPrefix(p, at+"/")) && (best == nil || len(at) > len(strings.TrimSuffix(best.MountPath, "/"))) {
			best = m
		}
	}
	return best
}

func (c *checker) mounts() {
	for name, file := range map[string]string{"audit-policy-file": c.set.PolicyFile, "audit-log-path": c.set.LogPath, "audit-webhook-config-file": c.set.WebhookConfig} {
		f, ok := c.s.Flag(name)
		if !ok || file == "-" || file == "" {
			continue
		}
		isLog := name == "audit-log-path"
		if !path.IsAbs(file) {
			if c.s.Contained {
				c.add("AP070", f, "--%s=%s is a relative path: it is taken from the container's working directory", name, file)
			}
			continue
		}
		m := c.under(file)
		if m == nil {
			if !c.s.Contained || slices.ContainsFunc(c.s.Given, func(g string) bool { return strings.HasPrefix(file, g+"/") }) {
				continue
			}
			if isLog {
				c.add("AP070", f, "the log %s is not mounted: it stands in the container and is gone when that restarts", file).Remedy = mountDirectory(file)
			} else {
				c.add("AP070", f, "%s is not mounted: kube-apiserver does not find it and does not start", file).Remedy = "Mount the host's directory " + path.Dir(file) + ", read-only."
			}
			continue
		}
		where := FlagUse{Name: "", Line: m.Line, Column: m.Column}
		single := strings.TrimSuffix(m.MountPath, "/") == file
		switch {
		case m.Volume == "missing":
			c.add("AP070", where, "the mount %s names no volume of the pod: the API server does not start", m.Name)
		case isLog && single:
			c.add("AP070", where, "the log %s is mounted as a single file: rotating it fails with \"device or resource busy\"", file).Remedy = mountDirectory(file)
		case isLog && (m.Type == "File" || m.Type == "FileOrCreate"):
			c.add("AP070", where, "the volume of the log's directory has the type %s: the pod does not start", m.Type)
		case isLog && m.ReadOnly:
			c.add("AP070", where, "the log's directory is mounted read-only: kube-apiserver does not start")
		case isLog && m.Volume != "hostPath" && m.Volume != "persistentVolumeClaim":
			c.add("AP070", where, "the log is on a volume of type %s: it is gone when the pod is", m.Volume)
		}
	}
}

// mountDirectory says what to mount for a log: its directory, unless that holds
// other logs of the node.
func mountDirectory(file string) string {
	switch d := path.Dir(file); d {
	case "/var/log", "/var", "/", "/tmp", "/etc/kubernetes":
		return "Give the log a directory of its own, such as /var/log/kubernetes/audit, and mount that with type DirectoryOrCreate."
	default:
		return "Mount the directory " + d + " with type DirectoryOrCreate."
	}
}

func (c *checker) capacity() {
	flag := func(name string) FlagUse {
		f, ok := c.s.Flag("audit-webhook-" + name)
		if !ok {
			f, _ = c.s.Flag("audit-webhook-config-file")
		}
		return f
	}
	for _, name := range []string{"log", "webhook"} {
		b, on := c.set.Log, c.set.LogPath != ""
		if name == "webhook" {
			b, on = c.set.Webhook, c.set.WebhookConfig != ""
		}
		if !on || b.Mode != "batch" || b.BufferSize <= 0 || b.MaxSize <= 0 {
			continue
		}
		f, ok := c.s.Flag("audit-" + name + "-batch-buffer-size")
		if !ok {
			f = flag("mode")
		}
		if b.BufferSize < b.MaxSize {
			c.add("AP076", f, "the %s's buffer holds %d events and a batch %d: the buffer drops events while a batch fills", name, b.BufferSize, b.MaxSize)
		}
		if b.Throttle && b.QPS > 0 {
			can := b.QPS * float64(b.MaxSize)
			if need := c.o.Rate * c.o.EventsPerRequest; need > can {
				c.add("AP076", f, "the %s carries %s events a second and the load is %s: the buffer is full after %s, then events are dropped", name,
					trim(can), trim(need), time.Duration(float64(b.BufferSize)/(need-can)*float64(time.Second)).Round(time.Second))
			} else if can < 50 {
				c.add("AP076", f, "the %s carries %s events a second (%d a batch, %s batches a second); an idle cluster makes about as many", name, trim(can), b.MaxSize, trim(b.QPS))
			}
		}
	}
	if c.set.WebhookConfig == "" {
		return
	}
	if m := c.set.Webhook.Mode; m == "blocking" || m == "blocking-strict" {
		c.add("AP076", flag("mode"), "the webhook's mode is %s: every request to the cluster waits for the receiver, and through its repeats while it is away", m)
	}
	if !c.set.Webhook.Truncate {
		c.add("AP077", flag("truncate-enabled"), "events of any size are sent: a batch that the receiver finds too large is dropped after five attempts")
	}
}

func (c *checker) strict() {
	for _, name := range []string{"log", "webhook"} {
		b, on := c.set.Log, c.set.LogPath != ""
		if name == "webhook" {
			b, on = c.set.Webhook, c.set.WebhookConfig != ""
		}
		if f, ok := c.s.Flag("audit-" + name + "-mode"); ok && on && b.Mode == "blocking-strict" && c.o.OmitsReceived != "" {
			c.add("AP055", f, "the %s's mode is blocking-strict and %s: requests that cannot be logged are let through", name, c.o.OmitsReceived)
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
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}

func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diag, row[j] = row[j], min(row[j]+1, row[j-1]+1, diag+cost)
		}
	}
	return row[len(b)]
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
