// Package cri shows what a node's container runtime has (pods, containers,
// images, their use, one of them in full) where the node has no crictl. It asks
// the best source that the node offers: the CRI socket itself, reached through
// any program of the host that can connect to one; containerd's ctr; the
// kubelet's own views. All three give objects of the shape of crictl's -o json,
// so that they are filtered and shown in one way; what a source does not know
// is not in them, and what it cannot do it says (Cannot).
package cri

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Kind is what can be shown in full.
type Kind string

// The kinds.
const (
	Container Kind = "container"
	Sandbox   Kind = "pod"
	Image     Kind = "image"
)

// Source answers for one node.
type Source interface {
	// From says how the node is asked, for the reader.
	From() string
	Pods(context.Context) ([]Object, error)
	Containers(context.Context) ([]Object, error)
	Images(context.Context) ([]Object, error)
	// Stats are the containers' use, PodStats the pods'.
	Stats(context.Context) ([]Object, error)
	PodStats(context.Context) ([]Object, error)
	// Inspect shows one thing; an id may be shortened.
	Inspect(context.Context, Kind, string) (Object, error)
	Version(context.Context) (Object, error)
	Info(context.Context) (Object, error)
	ImageFs(context.Context) (Object, error)
}

// Cannot says what a source does not know and where else it may be had.
type Cannot struct {
	What    string
	From    string
	Instead string
}

func (e *Cannot) Error() string { return fmt.Sprintf("%s cannot be had from %s", e.What, e.From) }

// NotFound is an id that the runtime does not know.
type NotFound struct {
	Kind Kind
	ID   string
}

func (e *NotFound) Error() string { return fmt.Sprintf("no %s %q on the node", e.Kind, e.ID) }

// Socket is the CRI socket itself.
type Socket struct {
	rpc    *rpc
	bridge string
}

// Dial asks a runtime over a connection to its socket that a bridge on the host
// made, and has it say its version: a connection that does not lead to a runtime
// is found out here. The connection is closed by Close, or here on an error.
func Dial(ctx context.Context, conn io.ReadWriteCloser, bridge string) (*Socket, error) {
	s := &Socket{newRPC(pipe{conn}), bridge}
	if _, err := s.Version(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the connection.
func (s *Socket) Close() error { return s.rpc.close() }

// From implements Source.
func (s *Socket) From() string { return "the CRI socket, through " + s.bridge }

// callTimeout bounds one question; a runtime that is asked for the statistics
// of hundreds of containers takes seconds.
const callTimeout = 20 * time.Second

func (s *Socket) ask(ctx context.Context, method, answer string, request []byte) (Object, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	b, err := s.rpc.call(ctx, method, request)
	if err != nil {
		var st *status
		if errors.As(err, &st) && st.code == codeUnimplemented {
			return nil, &Cannot{What: method[strings.IndexByte(method, '/')+1:], From: "this runtime"}
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("the runtime did not answer within %s", callTimeout)
		}
		return nil, err
	}
	return decode(answer, b)
}

// Pods implements Source.
func (s *Socket) Pods(ctx context.Context) ([]Object, error) {
	o, err := s.ask(ctx, "RuntimeService/ListPodSandbox", "ListPodSandboxResponse", nil)
	return List(o, "items"), err
}

// Containers implements Source.
func (s *Socket) Containers(ctx context.Context) ([]Object, error) {
	o, err := s.ask(ctx, "RuntimeService/ListContainers", "ListContainersResponse", nil)
	return List(o, "containers"), err
}

// Images implements Source.
func (s *Socket) Images(ctx context.Context) ([]Object, error) {
	o, err := s.ask(ctx, "ImageService/ListImages", "ListImagesResponse", nil)
	return List(o, "images"), err
}

// Stats implements Source.
func (s *Socket) Stats(ctx context.Context) ([]Object, error) {
	o, err := s.ask(ctx, "RuntimeService/ListContainerStats", "ListContainerStatsResponse", nil)
	return List(o, "stats"), err
}

// PodStats implements Source.
func (s *Socket) PodStats(ctx context.Context) ([]Object, error) {
	o, err := s.ask(ctx, "RuntimeService/ListPodSandboxStats", "ListPodSandboxStatsResponse", nil)
	var st *status
	if errors.As(err, &st) {
		// containerd 1.6 fails for all pods where one sandbox is not ready.
		err = &Cannot{What: "statistics of pods", From: "this runtime (" + st.message + ")", Instead: "kubectl nodehealth usage NODE"}
	}
	return List(o, "stats"), err
}

// Inspect implements Source.
func (s *Socket) Inspect(ctx context.Context, kind Kind, id string) (Object, error) {
	method, answer, part := "RuntimeService/ContainerStatus", "ContainerStatusResponse", "status"
	request := text(nil, 1, id)
	switch kind {
	case Sandbox:
		method, answer = "RuntimeService/PodSandboxStatus", "PodSandboxStatusResponse"
	case Image:
		method, answer, part = "ImageService/ImageStatus", "ImageStatusResponse", "image"
		request = message(nil, 1, text(nil, 1, id))
	}
	o, err := s.ask(ctx, method, answer, flag(request, 2))
	var st *status
	if errors.As(err, &st) && st.code == codeNotFound {
		return nil, &NotFound{kind, id}
	}
	if err != nil {
		return nil, err
	}
	if o[part] == nil {
		return nil, &NotFound{kind, id} // an image that is not there is an empty answer
	}
	if st, ok := o[part].(Object); ok && kind != Image {
		readable(st)
	}
	return withInfo(Object{"status": o[part]}, o), nil
}

// readable writes the times of a status as crictl does in an inspection.
func readable(st Object) {
	for _, k := range []string{"createdAt", "startedAt", "finishedAt"} {
		if st[k] == nil {
			continue
		}
		at := time.Time{}
		if n := Num(st, k); n != 0 {
			at = time.Unix(0, n)
		}
		st[k] = at.UTC().Format(time.RFC3339Nano)
	}
	if _, container := st["logPath"]; container && st["user"] == nil {
		st["user"] = nil
	}
}

// Version implements Source.
func (s *Socket) Version(ctx context.Context) (Object, error) {
	return s.ask(ctx, "RuntimeService/Version", "VersionResponse", text(nil, 1, "v1"))
}

// Info implements Source.
func (s *Socket) Info(ctx context.Context) (Object, error) {
	o, err := s.ask(ctx, "RuntimeService/Status", "StatusResponse", flag(nil, 1))
	if err != nil {
		return nil, err
	}
	out := Object{"status": o["status"]}
	if list := List(o, "runtimeHandlers"); len(list) > 0 {
		out["runtimeHandlers"] = o["runtimeHandlers"]
	}
	if o["features"] != nil {
		out["features"] = o["features"]
	}
	return withInfo(out, o), nil
}

// ImageFs implements Source.
func (s *Socket) ImageFs(ctx context.Context) (Object, error) {
	o, err := s.ask(ctx, "ImageService/ImageFsInfo", "ImageFsInfoResponse", nil)
	if err != nil {
		return nil, err
	}
	return Object{"status": o}, nil
}

// Requests are small: these write a text, a true and a message into one.

func text(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func flag(b []byte, field protowire.Number) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), 1)
}

func message(b []byte, field protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), m)
}

// withInfo adds the runtime's own information, which is JSON in a text, beside
// the answer, as crictl does.
func withInfo(out, answer Object) Object {
	info, _ := answer["info"].(Object)
	for k, v := range info {
		s, _ := v.(string)
		if parsed, ok := parse(s); ok && strings.HasPrefix(s, "{") {
			out[k] = parsed
		} else {
			out[k] = strings.Trim(s, `"`)
		}
	}
	return out
}

// byID finds the one object whose id begins with prefix.
func byID(list []Object, kind Kind, prefix string, names func(Object) []string) (Object, error) {
	var found []Object
	for _, o := range list {
		id := Str(o, "id")
		if strings.HasPrefix(id, prefix) || strings.HasPrefix(strings.TrimPrefix(id, "sha256:"), prefix) ||
			names != nil && slices.Contains(names(o), prefix) {
			found = append(found, o)
		}
	}
	switch len(found) {
	case 0:
		return nil, &NotFound{kind, prefix}
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%s %q: %d begin so; give more of the id", kind, prefix, len(found))
}
