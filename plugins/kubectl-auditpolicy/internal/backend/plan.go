package backend

import (
	"cmp"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// Flag is a flag of kube-apiserver.
type Flag struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Why says in a few words what the value is for.
	Why string `json:"why,omitempty"`
}

// String is the flag as it is written.
func (f Flag) String() string { return "--" + f.Name + "=" + f.Value }

// Mount is a directory of the host that the API server's container needs.
type Mount struct {
	Name     string `json:"name"`
	Path     string `json:"path"`
	ReadOnly bool   `json:"readOnly"`
	// Type is the hostPath type.
	Type string `json:"type"`
}

// File is a file that must be put in place on every control plane node.
type File struct {
	Path string `json:"path"`
	Mode string `json:"mode"`
	What string `json:"what"`
	// Text is the contents, empty for a file that the user brings.
	Text string `json:"text,omitempty"`
}

// Plan is everything that switches a backend on.
type Plan struct {
	Backend string  `json:"backend"`
	Flags   []Flag  `json:"flags"`
	Mounts  []Mount `json:"mounts"`
	Files   []File  `json:"files"`
	Sizing  *Sizing `json:"sizing,omitempty"`
	// Notes are what the user should know, a sentence each.
	Notes []string `json:"notes"`
}

// Log asks for a log backend.
type Log struct {
	PolicyPath, Path string
	// Mode is batch, blocking or blocking-strict.
	Mode     string
	Compress bool
	Retain   Retention
	Sizing   Sizing
}

// PlanLog makes the plan for a log backend.
func PlanLog(l Log) (*Plan, error) {
	if err := absolute("--policy-path", l.PolicyPath); err != nil {
		return nil, err
	}
	p := &Plan{Backend: "log", Flags: []Flag{{"audit-policy-file", l.PolicyPath, "what is recorded; read once, at start"}}}
	p.Files = []File{{Path: l.PolicyPath, Mode: "0600", What: "your audit policy"}}
	p.Mounts = []Mount{{"audit-policy", path.Dir(l.PolicyPath), true, "Directory"}}
	p.Flags = append(p.Flags, Flag{"audit-log-path", l.Path, "where"})
	if l.Path == "-" {
		p.Notes = append(p.Notes, "The log goes to the API server's stdout, mixed with its own; the container runtime rotates it, so the flags for rotation have no effect and are left out.")
	} else {
		if err := absolute("--path", l.Path); err != nil {
			return nil, err
		}
		if path.Dir(l.Path) == path.Dir(l.PolicyPath) {
			return nil, fmt.Errorf("--path %s: the log and the policy need directories of their own, for the policy's is mounted read-only; choose another --path or --policy-path", l.Path)
		}
		p.Flags = append(p.Flags,
			Flag{"audit-log-maxsize", strconv.Itoa(l.Retain.MaxSize), "MB a file"},
			Flag{"audit-log-maxbackup", strconv.Itoa(l.Retain.MaxBackups), "rotated files kept"},
			Flag{"audit-log-maxage", strconv.Itoa(l.Retain.MaxAge), "days"})
		if l.Compress {
			p.Flags = append(p.Flags, Flag{"audit-log-compress", "true", "gzip rotated files"})
		}
		p.Mounts = append(p.Mounts, Mount{"audit-log", path.Dir(l.Path), false, "DirectoryOrCreate"})
		p.Notes = append(p.Notes, "The directory is mounted, never the file: a rotated file is renamed, which a mounted file refuses with \"device or resource busy\".")
	}
	switch l.Mode {
	case "blocking", "":
	case "blocking-strict":
		p.Flags = append(p.Flags, Flag{"audit-log-mode", l.Mode, "refuse requests that cannot be logged"})
		p.Notes = append(p.Notes, "blocking-strict acts on the stage RequestReceived only: a policy that omits the stage makes it do nothing (AP055).")
	case "batch":
		p.Flags = append(p.Flags,
			Flag{"audit-log-mode", "batch", "requests do not wait for the disk"},
			Flag{"audit-log-batch-buffer-size", strconv.Itoa(l.Sizing.Buffer), "events; a full buffer drops"})
		p.Notes = append(p.Notes, "In batch mode a full buffer drops events and the request goes on: watch apiserver_audit_error_total.")
	default:
		return nil, fmt.Errorf("--mode %q: not one of batch, blocking, blocking-strict", l.Mode)
	}
	s := l.Sizing
	p.Sizing = &s
	p.Notes = append(p.Notes, restartNote)
	return p, nil
}

const restartNote = "A change of the policy takes effect when the API server starts again; it does not read it anew. Change one control plane node at a time: an API server with a broken policy or mount does not start."

// Webhook asks for a webhook backend.
type Webhook struct {
	PolicyPath, ConfigPath string
	URL                    string
	// CAPath, CertPath, KeyPath and TokenPath are files on the control plane
	// node; empty for none. CAData is a certificate in PEM to write into the
	// configuration instead of CAPath.
	CAPath, CertPath, KeyPath, TokenPath string
	CAData                               []byte
	Mode                                 string
	Sizing                               Sizing
	// MaxEventSize is the size in bytes above which an event loses its bodies.
	MaxEventSize int
}

// PlanWebhook makes the plan for a webhook backend.
func PlanWebhook(w Webhook) (*Plan, error) {
	if err := cmp.Or(absolute("--policy-path", w.PolicyPath), absolute("--config-path", w.ConfigPath)); err != nil {
		return nil, err
	}
	u, err := url.Parse(w.URL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("--url %q: not a URL such as https://audit.example.org/events", w.URL)
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("--url %q: the scheme is %q; write https://", w.URL, u.Scheme)
	case u.User != nil:
		return nil, fmt.Errorf("--url: it holds a user and a password, which have no place in a URL that flags and messages repeat; use --token-path or a client certificate")
	case u.Scheme == "http" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1" && u.Hostname() != "localhost":
		return nil, fmt.Errorf("--url %q: plain http would send every event readable over the network; use https", w.URL)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("--url %q: kube-apiserver drops what follows the path; put it into the path", w.URL)
	}
	if (w.CertPath == "") != (w.KeyPath == "") {
		return nil, fmt.Errorf("--client-cert-path and --client-key-path go together: give both or none")
	}
	p := &Plan{Backend: "webhook", Flags: []Flag{
		{"audit-policy-file", w.PolicyPath, "what is recorded; read once, at start"},
		{"audit-webhook-config-file", w.ConfigPath, "where to: a kubeconfig"},
	}}
	p.Files = []File{
		{Path: w.PolicyPath, Mode: "0600", What: "your audit policy"},
		{Path: w.ConfigPath, Mode: "0600", What: "where the webhook is", Text: webhookConfig(w)},
	}
	p.Mounts = []Mount{{"audit-policy", path.Dir(w.PolicyPath), true, "Directory"}}
	mounted := map[string]bool{path.Dir(w.PolicyPath): true}
	need := func(name, file, what string) {
		if file == "" {
			return
		}
		if what != "" {
			p.Files = append(p.Files, File{Path: file, Mode: "0600", What: what})
		}
		// kubeadm mounts its pki folder itself.
		if d := path.Dir(file); !mounted[d] && d != "/etc/kubernetes/pki" {
			mounted[d] = true
			p.Mounts = append(p.Mounts, Mount{name, d, true, "Directory"})
		}
	}
	for _, f := range [][2]string{{"--ca-path", w.CAPath}, {"--client-cert-path", w.CertPath}, {"--client-key-path", w.KeyPath}, {"--token-path", w.TokenPath}} {
		if flag, file := f[0], f[1]; file != "" {
			if err := absolute(flag, file); err != nil {
				return nil, err
			}
		}
	}
	if clusterDNS(u.Hostname()) {
		p.Notes = append(p.Notes, u.Hostname()+" is a name of the cluster's own DNS, which a kube-apiserver on the node's network does not ask: give the Service's cluster IP, a node port, or a receiver outside.")
	}
	if u.Scheme == "https" && w.CAPath == "" && len(w.CAData) == 0 {
		p.Notes = append(p.Notes, "No CA is given: the receiver's certificate has to be signed by one that the API server's own image or node trusts. --ca-file or --ca-path names another.")
	}
	need("audit-webhook", w.ConfigPath, "")
	need("audit-webhook-ca", w.CAPath, "the CA that signed the receiver's certificate")
	need("audit-webhook-cert", w.CertPath, "the client certificate")
	need("audit-webhook-key", w.KeyPath, "its key")
	need("audit-webhook-token", w.TokenPath, "the bearer token")
	s := w.Sizing
	switch w.Mode {
	case "batch", "":
		p.Flags = append(p.Flags,
			Flag{"audit-webhook-mode", "batch", "requests do not wait for the receiver"},
			Flag{"audit-webhook-batch-max-size", strconv.Itoa(s.MaxSize), "events a batch"},
			Flag{"audit-webhook-batch-max-wait", s.MaxWait.String(), "no event waits longer for its batch"},
			Flag{"audit-webhook-batch-buffer-size", strconv.Itoa(s.Buffer), fmt.Sprintf("events; %d come while the receiver takes its time", s.MinBuffer)},
			Flag{"audit-webhook-batch-throttle-enable", "true", ""},
			Flag{"audit-webhook-batch-throttle-qps", strconv.Itoa(s.QPS), fmt.Sprintf("batches a second; the load needs at least %s", trim(s.MinQPS))},
			Flag{"audit-webhook-batch-throttle-burst", strconv.Itoa(s.Burst), "batches at once after a pause"},
			Flag{"audit-webhook-initial-backoff", "10s", "before the first of four repeats"})
		if float64(s.QPS) < s.MinQPS*1.2 {
			p.Notes = append(p.Notes, fmt.Sprintf("%d batches a second are what the load needs and no more: a backlog would hardly shrink. --headroom 2 leaves room.", s.QPS))
		}
		p.Notes = append(p.Notes, "A full buffer drops events and the request goes on. A batch is given up after five attempts. Both count in apiserver_audit_error_total.")
	case "blocking", "blocking-strict":
		p.Flags = append(p.Flags, Flag{"audit-webhook-mode", w.Mode, "every request waits for the receiver"},
			Flag{"audit-webhook-initial-backoff", "1s", "requests wait through it"})
		p.Notes = append(p.Notes, "In blocking mode every event is a request of its own, and the API server is as slow as the receiver: an unreachable one holds every request up for all its attempts.")
	default:
		return nil, fmt.Errorf("--mode %q: not one of batch, blocking, blocking-strict", w.Mode)
	}
	p.Flags = append(p.Flags,
		Flag{"audit-webhook-truncate-enabled", "true", "large events lose their bodies instead of being refused"},
		Flag{"audit-webhook-truncate-max-event-size", strconv.Itoa(w.MaxEventSize), "bytes"},
		Flag{"audit-webhook-truncate-max-batch-size", strconv.Itoa(max(10<<20, w.MaxEventSize)), "bytes; larger batches are split"})
	p.Sizing = &s
	p.Notes = append(p.Notes, restartNote)
	return p, nil
}

func trim(f float64) string { return strconv.FormatFloat(f, 'g', 4, 64) }

func absolute(what, p string) error {
	if !path.IsAbs(p) || path.Clean(p) != p || p == "/" {
		return fmt.Errorf("%s %q: not the absolute path of a file such as /etc/kubernetes/audit/policy.yaml", what, p)
	}
	if strings.ContainsAny(p, " \t\n\"'\\:,") {
		return fmt.Errorf("%s %q: it has a character that flags and manifests would need quoted; choose a plain path", what, p)
	}
	return nil
}
