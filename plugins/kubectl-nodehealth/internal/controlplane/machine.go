package controlplane

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/yaml"
)

// Machine is what this machine tells where it is one of the control plane: its
// static pods, what they answer where they listen, and the certificates on
// its disk. It is all there is to read when the API server is down.
type Machine struct {
	// Folder is where the configuration of the control plane lies.
	Folder     string        `json:"folder"`
	Components []Local       `json:"components"`
	Certs      []Certificate `json:"certificates"`
	// Unread are files that this user may not read.
	Unread []string `json:"unread,omitempty"`
}

// Local is a component of this machine.
type Local struct {
	Name string `json:"name"`
	// Manifest is the static pod's file.
	Manifest string `json:"manifest"`
	// URL is what was asked, and Answer what it said: "ok", or why not.
	URL    string `json:"url"`
	Answer string `json:"answer"`
}

// local is where kubeadm's static pods answer; flags may name another address.
var local = []struct{ name, port, path string }{
	{"kube-apiserver", "6443", "/livez"},
	{"etcd", "2381", "/health"},
	{"kube-controller-manager", "10257", "/healthz"},
	{"kube-scheduler", "10259", "/healthz"},
}

const loopback = "127.0.0.1"

// address is where a static pod of this machine answers, by its flags.
func address(name, port string, manifest []byte) string {
	if name == "etcd" {
		for _, flag := range []string{"--listen-metrics-urls", "--listen-client-urls"} {
			if urls := strings.Split(flagOf(manifest, flag), ","); urls[0] != "" {
				for _, u := range urls {
					if strings.Contains(u, "://"+loopback) || strings.Contains(u, "://localhost") {
						return u
					}
				}
				return urls[0]
			}
		}
		return "http://" + net.JoinHostPort(loopback, port)
	}
	if p := flagOf(manifest, "--secure-port"); p != "" {
		port = p
	}
	host := flagOf(manifest, "--bind-address")
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = loopback
	}
	return "https://" + net.JoinHostPort(host, port)
}

// readMachine looks at a folder in kubeadm's layout (/etc/kubernetes), nil where
// it holds no static pods.
func readMachine(ctx context.Context, folder string) *Machine {
	m := &Machine{Folder: folder, Components: []Local{}, Certs: []Certificate{}}
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{
		// Nothing is sent; what answers on this machine is looked at only.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
	}}
	var wg sync.WaitGroup
	for _, l := range local {
		file := filepath.Join(folder, "manifests", l.name+".yaml")
		data, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			m.Unread = append(m.Unread, file)
		}
		m.Components = append(m.Components, Local{Name: l.name, Manifest: file, URL: address(l.name, l.port, data) + l.path})
	}
	for i := range m.Components {
		wg.Go(func() { m.Components[i].Answer = ask(ctx, client, m.Components[i].URL) })
	}
	if len(m.Components) == 0 {
		return nil
	}
	m.certificates()
	wg.Wait()
	return m
}

func ask(ctx context.Context, client *http.Client, url string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	resp, err := client.Do(req)
	if err != nil {
		msg := plain(err)
		switch {
		case strings.Contains(msg, "connection refused"):
			return "refused: it does not run"
		case strings.Contains(msg, "deadline exceeded"), strings.Contains(msg, "Timeout"):
			return "no answer within 1s: it hangs"
		case strings.Contains(msg, "remote error: tls: "):
			// It wants a certificate of us (etcd without --listen-metrics-urls).
			return "ok"
		}
		return msg
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	// 401 and 403 are answers of a process that lives.
	if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		return "ok"
	}
	return "status " + resp.Status + ": " + strings.Join(strings.Fields(string(body)), " ")
}

// flagOf is the value of a flag in a static pod's manifest.
func flagOf(manifest []byte, flag string) string {
	var pod struct {
		Spec struct {
			Containers []struct {
				Command []string `json:"command"`
				Args    []string `json:"args"`
			} `json:"containers"`
		} `json:"spec"`
	}
	if yaml.Unmarshal(manifest, &pod) != nil {
		return ""
	}
	for _, c := range pod.Spec.Containers {
		for _, a := range slices.Concat(c.Command, c.Args) {
			if v, ok := strings.CutPrefix(a, flag+"="); ok {
				return v
			}
		}
	}
	return ""
}

// certificates reads those of the components: files below pki, and the client
// certificates inside the kubeconfigs. Private keys are not opened.
func (m *Machine) certificates() {
	files, _ := filepath.Glob(filepath.Join(m.Folder, "pki", "*.crt"))
	etcd, _ := filepath.Glob(filepath.Join(m.Folder, "pki", "etcd", "*.crt"))
	confs, _ := filepath.Glob(filepath.Join(m.Folder, "*.conf"))
	for _, f := range slices.Concat(files, etcd, confs) {
		data, err := os.ReadFile(f)
		if err != nil {
			m.Unread = append(m.Unread, f)
			continue
		}
		name, _ := filepath.Rel(m.Folder, f)
		if strings.HasSuffix(f, ".conf") {
			data = embedded(data, m.Folder)
		}
		if certs := parseCertificates(name, data); len(certs) > 0 {
			m.Certs = append(m.Certs, certs[0])
		}
	}
}

// embedded is the client certificate that a kubeconfig of a folder holds or names;
// a name without a folder is meant from there.
func embedded(kubeconfig []byte, folder string) []byte {
	var k struct {
		Users []struct {
			User struct {
				Data []byte `json:"client-certificate-data"`
				File string `json:"client-certificate"`
			} `json:"user"`
		} `json:"users"`
	}
	if yaml.Unmarshal(kubeconfig, &k) != nil {
		return nil
	}
	for _, u := range k.Users {
		if len(u.User.Data) > 0 {
			return u.User.Data
		}
		if u.User.File != "" {
			file := u.User.File
			if !filepath.IsAbs(file) {
				file = filepath.Join(folder, file)
			}
			b, _ := os.ReadFile(file)
			return b
		}
	}
	return nil
}

// isHere says whether an address is one of this machine's own.
func isHere(ctx context.Context, address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return false
	}
	own, _ := net.InterfaceAddrs()
	for _, ip := range ips {
		if ip.IP.IsLoopback() {
			return true
		}
		for _, a := range own {
			if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip.IP) {
				return true
			}
		}
	}
	return false
}
