package backend

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

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
	case sized && c.set.MaxSize == 0:
		c.add("AP070", flag("audit-log-maxsize"), "--audit-log-maxsize=0 switches rotation off: the file grows until the disk is full")
	case c.set.MaxAge == 0 && c.set.MaxBackup == 0:
		how := "by default"
		if _, ok := c.s.Flag("audit-log-maxbackup"); ok {
			how = "with these flags"
		}
		c.add("AP070", flag("audit-log-maxbackup"), "rotated logs are kept for ever %s: the disk fills up", how).Remedy = "Set --audit-log-maxbackup and --audit-log-maxage."
	}
	if days := int64(c.set.MaxAge); days > maxDays {
		kept := "every file is deleted as soon as it is rotated"
		if kept64 := time.Duration(days * int64(24*time.Hour)); kept64 > 0 {
			kept = fmt.Sprintf("files are kept for %s", kept64.Round(time.Hour))
		}
		c.add("AP070", flag("audit-log-maxage"), "--audit-log-maxage=%d is more than the %d days that kube-apiserver can count: %s", days, maxDays, kept)
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
	at := map[string]bool{}
	for _, m := range c.s.Mounts {
		if at[m.MountPath] {
			c.add("AP070", FlagUse{Line: m.Line, Column: m.Column}, "a second mount at %s: the pod is invalid and the API server does not start", m.MountPath).Remedy = "Take one of the two out."
		}
		at[m.MountPath] = true
	}
	for name, file := range map[string]string{"audit-policy-file": c.set.PolicyFile, "audit-log-path": c.set.LogPath, "audit-webhook-config-file": c.set.WebhookConfig} {
		f, ok := c.s.Flag(name)
		if !ok || file == "-" || file == "" {
			continue
		}
		isLog := name == "audit-log-path"
		if i := slices.IndexFunc(c.s.Extra, func(m MountUse) bool { return isLog && m.MountPath == path.Dir(file) }); i >= 0 {
			c.add("AP070", FlagUse{Line: c.s.Extra[i].Line, Column: c.s.Extra[i].Column},
				"RKE2 mounts the log's directory %s itself: mounted twice, the pod is invalid and the API server does not start", path.Dir(file)).Remedy = "Take the mount out of kube-apiserver-extra-mount."
		}
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
	// flag is the first of some flags that is set.
	flag := func(names ...string) FlagUse {
		for _, name := range names {
			if f, ok := c.s.Flag(name); ok {
				return f
			}
		}
		return FlagUse{}
	}
	for _, name := range []string{"log", "webhook"} {
		b, on, to := c.set.Log, c.set.LogPath != "", "audit-log-path"
		if name == "webhook" {
			b, on, to = c.set.Webhook, c.set.WebhookConfig != "", "audit-webhook-config-file"
		}
		if !on || b.Mode != "batch" || b.BufferSize <= 0 || b.MaxSize <= 0 {
			continue
		}
		f := flag("audit-"+name+"-batch-buffer-size", "audit-"+name+"-mode", to)
		if b.BufferSize < b.MaxSize {
			c.add("AP076", f, "the %s's buffer holds %d events and a batch %d: the buffer drops events while a batch fills", name, b.BufferSize, b.MaxSize)
		}
		if b.Throttle && b.QPS > 0 {
			can := b.QPS * float64(b.MaxSize)
			if need := c.o.Rate * c.o.EventsPerRequest; need > can {
				c.add("AP076", f, "the %s carries %s events a second and the load is %s: the buffer is full after %s, then events are dropped", name,
					trim(can), trim(need), time.Duration(min(float64(b.BufferSize)/(need-can), 1e9)*float64(time.Second)).Round(time.Second))
			} else if can < 50 {
				c.add("AP076", f, "the %s carries %s events a second (%d a batch, %s batches a second); an idle cluster makes about as many", name, trim(can), b.MaxSize, trim(b.QPS))
			}
		}
	}
	if c.set.WebhookConfig == "" {
		return
	}
	if m := c.set.Webhook.Mode; m == "blocking" || m == "blocking-strict" {
		c.add("AP076", flag("audit-webhook-mode"), "the webhook's mode is %s: every request to the cluster waits for the receiver, and through its repeats while it is away", m)
	}
	if !c.set.Webhook.Truncate {
		c.add("AP077", flag("audit-webhook-truncate-enabled", "audit-webhook-config-file"), "events of any size are sent: a batch that the receiver finds too large is dropped after five attempts")
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
