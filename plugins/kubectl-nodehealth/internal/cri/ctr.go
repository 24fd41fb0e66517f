package cri

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Runner runs a program in the debug pod and returns what it wrote to stdout.
type Runner func(ctx context.Context, argv []string) ([]byte, error)

// Ctr is containerd's own client on the host, for a node where nothing connects
// to a socket. What the CRI plugin knows of a container stands in its labels
// and in an extension of its record.
type Ctr struct {
	run Runner
	// command is ctr with its address and namespace.
	command string
}

// NewCtr returns the source for the ctr at a path on the host.
func NewCtr(run Runner, path, socket string) *Ctr {
	return &Ctr{run, fmt.Sprintf("chroot /host %s --address %s -n k8s.io", path, socket)}
}

// From implements Source.
func (c *Ctr) From() string { return "containerd's ctr" }

func (c *Ctr) cannot(what, instead string) error { return &Cannot{what, c.From(), instead} }

// record is a container of containerd.
type record struct {
	ID        string
	Labels    map[string]string
	Image     string
	Runtime   struct{ Name string }
	CreatedAt time.Time
	// Extensions hold the CRI plugin's metadata, JSON in base64.
	Extensions map[string]struct {
		Value string `json:"value"`
	}
	raw json.RawMessage
}

// metadata is the part of the CRI plugin's record that has no label.
type metadata struct {
	Metadata struct {
		Name, SandboxID, LogPath, RuntimeHandler string
		Config                                   struct {
			Metadata struct {
				Name, UID, Namespace string
				Attempt              uint32
			} `json:"metadata"`
		}
	}
}

const (
	kindLabel      = "io.cri-containerd.kind"
	podNameLabel   = "io.kubernetes.pod.name"
	podSpaceLabel  = "io.kubernetes.pod.namespace"
	podUIDLabel    = "io.kubernetes.pod.uid"
	containerLabel = "io.kubernetes.container.name"
)

// records reads all containers and the state of their tasks in one program.
func (c *Ctr) records(ctx context.Context) ([]record, map[string]string, error) {
	script := "C='" + c.command + "'\nlist=$($C containers ls -q) || exit 1\nfor i in $list; do $C containers info $i; done\necho TASKS\n$C tasks ls"
	b, err := c.run(ctx, []string{"sh", "-c", script})
	if err != nil {
		return nil, nil, fmt.Errorf("ctr: %w", err)
	}
	infos, tasks, ok := bytes.Cut(b, []byte("\nTASKS\n"))
	if !ok {
		if tasks, ok = bytes.CutPrefix(b, []byte("TASKS\n")); !ok {
			return nil, nil, fmt.Errorf("ctr: unexpected answer: %.80s", b)
		}
		infos = nil
	}
	var out []record
	for d := json.NewDecoder(bytes.NewReader(infos)); ; {
		var raw json.RawMessage
		if err := d.Decode(&raw); err == io.EOF {
			break
		} else if err != nil {
			return nil, nil, fmt.Errorf("ctr: %w", err)
		}
		r := record{raw: raw}
		if err := json.Unmarshal(raw, &r); err != nil {
			return nil, nil, fmt.Errorf("ctr: %w", err)
		}
		out = append(out, r)
	}
	states := map[string]string{}
	for s := bufio.NewScanner(bytes.NewReader(tasks)); s.Scan(); {
		if f := strings.Fields(s.Text()); len(f) == 3 {
			states[f[0]] = f[2]
		}
	}
	return out, states, nil
}

func (r record) metadata() (m metadata) {
	for _, e := range r.Extensions {
		if b, err := base64.StdEncoding.DecodeString(e.Value); err == nil {
			_ = json.Unmarshal(b, &m)
		}
	}
	return m
}

func (r record) labels() Object {
	out := Object{}
	for k, v := range r.Labels {
		if k != kindLabel {
			out[k] = v
		}
	}
	return out
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func attempt(n uint32) json.Number { return json.Number(strconv.FormatUint(uint64(n), 10)) }

// Pods implements Source.
func (c *Ctr) Pods(ctx context.Context) ([]Object, error) {
	return c.objects(ctx, "sandbox", record.pod)
}

func (c *Ctr) objects(ctx context.Context, kind string, object func(record, map[string]string) Object) ([]Object, error) {
	records, tasks, err := c.records(ctx)
	if err != nil {
		return nil, err
	}
	var out []Object
	for _, r := range records {
		if r.Labels[kindLabel] == kind {
			out = append(out, object(r, tasks))
		}
	}
	return out, nil
}

func (r record) pod(tasks map[string]string) Object {
	m := r.metadata().Metadata
	state := "SANDBOX_NOTREADY"
	if tasks[r.ID] == "RUNNING" {
		state = "SANDBOX_READY"
	}
	return Object{
		"id": r.ID, "state": state, "createdAt": nanos(r.CreatedAt), "labels": r.labels(), "runtimeHandler": m.RuntimeHandler,
		"metadata": Object{"name": r.Labels[podNameLabel], "namespace": r.Labels[podSpaceLabel], "uid": r.Labels[podUIDLabel],
			"attempt": attempt(m.Config.Metadata.Attempt)},
	}
}

// Containers implements Source.
func (c *Ctr) Containers(ctx context.Context) ([]Object, error) {
	return c.objects(ctx, "container", record.container)
}

func (r record) container(tasks map[string]string) Object {
	m := r.metadata().Metadata
	state := map[string]string{"RUNNING": "CONTAINER_RUNNING", "PAUSED": "CONTAINER_RUNNING", "CREATED": "CONTAINER_CREATED"}[tasks[r.ID]]
	if state == "" {
		state = "CONTAINER_EXITED" // its task is gone
	}
	return Object{
		"id": r.ID, "podSandboxId": m.SandboxID, "state": state, "createdAt": nanos(r.CreatedAt), "labels": r.labels(),
		"image":    Object{"image": r.Image},
		"metadata": Object{"name": r.Labels[containerLabel], "attempt": attempt(m.Config.Metadata.Attempt)},
	}
}

// Images implements Source. ctr lists each name of an image on its own and says
// its size; the image's id is the name that is a digest of the configuration.
func (c *Ctr) Images(ctx context.Context) ([]Object, error) {
	b, err := c.run(ctx, []string{"sh", "-c", c.command + " images ls"})
	if err != nil {
		return nil, fmt.Errorf("ctr: %w", err)
	}
	type image struct {
		id, size      string
		tags, digests []any
	}
	byTarget, order := map[string]*image{}, []string{}
	for i, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		f := strings.Fields(line)
		if i == 0 || len(f) < 5 {
			continue // the header
		}
		name, target := f[0], f[2]
		im := byTarget[target]
		if im == nil {
			im = &image{size: bytesOf(f[3], f[4])}
			byTarget[target] = im
			order = append(order, target)
		}
		switch {
		case strings.HasPrefix(name, "sha256:"):
			im.id = name
		case strings.Contains(name, "@"):
			im.digests = append(im.digests, name)
		default:
			im.tags = append(im.tags, name)
		}
	}
	var out []Object
	for _, target := range order {
		im := byTarget[target]
		if im.id == "" {
			im.id = target
		}
		out = append(out, Object{"id": im.id, "repoTags": im.tags, "repoDigests": im.digests, "size": im.size})
	}
	return out, nil
}

// bytesOf reads ctr's "2.1", "MiB".
func bytesOf(number, unit string) string {
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return "0"
	}
	for _, u := range []string{"B", "KiB", "MiB", "GiB", "TiB"} {
		if u == unit {
			return strconv.FormatInt(int64(n), 10)
		}
		n *= 1024
	}
	return "0"
}

// Stats implements Source.
func (c *Ctr) Stats(context.Context) ([]Object, error) {
	return nil, c.cannot("statistics", "kubectl nodehealth usage NODE")
}

// PodStats implements Source.
func (c *Ctr) PodStats(context.Context) ([]Object, error) {
	return nil, c.cannot("statistics of pods", "kubectl nodehealth usage NODE")
}

// Inspect implements Source: containerd's record, which has the OCI
// specification in it.
func (c *Ctr) Inspect(ctx context.Context, kind Kind, id string) (Object, error) {
	if kind == Image {
		list, err := c.Images(ctx)
		if err != nil {
			return nil, err
		}
		o, err := byID(list, kind, id, imageNames)
		if err != nil {
			return nil, err
		}
		return Object{"status": o}, nil
	}
	records, tasks, err := c.records(ctx)
	if err != nil {
		return nil, err
	}
	var list []Object
	raw := map[string]json.RawMessage{}
	for _, r := range records {
		if kind == Sandbox && r.Labels[kindLabel] == "sandbox" {
			list = append(list, r.pod(tasks))
		} else if kind == Container && r.Labels[kindLabel] == "container" {
			o := r.container(tasks)
			o["logPath"] = r.metadata().Metadata.LogPath
			list = append(list, o)
		}
		raw[r.ID] = r.raw
	}
	o, err := byID(list, kind, id, nil)
	if err != nil {
		return nil, err
	}
	out := Object{"status": o}
	if info, ok := parse(string(raw[Str(o, "id")])); ok {
		out["containerd"] = info
	}
	return out, nil
}

// Version implements Source.
func (c *Ctr) Version(ctx context.Context) (Object, error) {
	b, err := c.run(ctx, []string{"sh", "-c", c.command + " version"})
	if err != nil {
		return nil, fmt.Errorf("ctr: %w", err)
	}
	_, server, _ := strings.Cut(string(b), "Server:")
	_, v, _ := strings.Cut(server, "Version:")
	v, _, _ = strings.Cut(v, "\n")
	return Object{"runtimeName": "containerd", "runtimeVersion": strings.TrimSpace(v)}, nil
}

// Info implements Source.
func (c *Ctr) Info(context.Context) (Object, error) {
	return nil, c.cannot("the runtime's state", "kubectl nodehealth NODE")
}

// ImageFs implements Source.
func (c *Ctr) ImageFs(context.Context) (Object, error) {
	return nil, c.cannot("the image file system", "kubectl nodehealth usage NODE")
}

// parse reads a JSON object, numbers as they are written.
func parse(s string) (Object, bool) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var o Object
	return o, d.Decode(&o) == nil && o != nil
}
