package cri

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// runtime is a server that speaks what grpc-go speaks: HTTP/2 without TLS,
// frames, trailers. The real one answers in test/e2e/nodetools.
func runtime(t *testing.T, answer func(method string) ([]byte, int, string)) *Socket {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, code, message := answer(strings.TrimPrefix(r.URL.Path, "/runtime.v1."))
		w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
		w.Header().Set("Content-Type", "application/grpc")
		if code == 0 {
			_, _ = w.Write(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))), body...))
		}
		w.Header().Set("Grpc-Status", map[bool]string{true: "0", false: "5"}[code == 0])
		w.Header().Set("Grpc-Message", message)
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close() })
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := Dial(context.Background(), conn, "a test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSocket(t *testing.T) {
	container := text(nil, 1, "abcdef0123456789")
	container = message(container, 3, protowire.AppendVarint(protowire.AppendTag(text(nil, 1, "app"), 2, protowire.VarintType), 3))
	container = flag(container, 6) // CONTAINER_RUNNING
	container = message(container, 8, text(text(nil, 1, podNameLabel), 2, "web-0"))
	container = text(container, 99, "a field of a version to come")
	s := runtime(t, func(method string) ([]byte, int, string) {
		switch method {
		case "RuntimeService/ListContainers":
			return message(nil, 1, container), 0, ""
		case "RuntimeService/ContainerStatus":
			return nil, codeNotFound, "an error occurred when try to find container %22x%22"
		}
		return text(nil, 2, "containerd"), 0, ""
	})
	list, err := s.Containers(context.Background())
	if err != nil || len(list) != 1 {
		t.Fatal(err, list)
	}
	table := ContainerTable(Filter{}.Containers(list, nil), nil, time.Unix(90, 0), false)
	if got := strings.Join(table.Rows[0], "|"); got != "abcdef0123456||90 seconds ago|Running|app|3|-|web-0|-" {
		t.Error(got)
	}
	if o := list[0]; Str(o, "imageRef") != "" || o["imageRef"] == nil || o["createdAt"] != "0" {
		t.Errorf("zero values are there, as in crictl's JSON: %v", o)
	}
	var missing *NotFound
	if _, err := s.Inspect(context.Background(), Container, "x"); !errors.As(err, &missing) {
		t.Error(err)
	}
}

// What is no runtime is found out, whatever it says.
func TestDialNoRuntime(t *testing.T) {
	for _, says := range []string{"", "nc: invalid option -- 'U'\n", "HTTP/1.1 400 Bad Request\r\n\r\n"} {
		ours, theirs := net.Pipe()
		go func() {
			b := make([]byte, 1024)
			_, _ = theirs.Read(b)
			_, _ = theirs.Write([]byte(says))
			theirs.Close()
		}()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		if _, err := Dial(ctx, ours, "nothing"); err == nil {
			t.Errorf("%q: no error", says)
		} else if ctx.Err() != nil {
			t.Errorf("%q: only the deadline ended it", says)
		}
		cancel()
	}
}

// A message that is cut anywhere is an error or less, never a panic.
func TestDecodeCut(t *testing.T) {
	whole := message(nil, 1, message(text(text(nil, 1, "id"), 7, "x"), 3, text(nil, 1, "name")))
	for i := range whole {
		_, _ = decode("ListContainersResponse", whole[:i])
	}
	if _, err := decode("ListContainersResponse", []byte{0x0a, 0xff}); err == nil {
		t.Error("a message longer than the bytes is no error")
	}
}

func TestFilter(t *testing.T) {
	list := []Object{
		{"id": "aa1", "state": "CONTAINER_EXITED", "createdAt": "1", "image": Object{"image": "sha256:d1"}, "labels": Object{"app": "web"}},
		{"id": "aa2", "state": "CONTAINER_RUNNING", "createdAt": "3", "image": Object{"image": "sha256:d2"}, "labels": Object{}},
		{"id": "bb3", "state": "CONTAINER_RUNNING", "createdAt": "2", "image": Object{"image": "sha256:d1"}, "labels": Object{"app": "web"}},
	}
	names := NamesOf([]Object{{"id": "sha256:d1", "repoTags": []any{"docker.io/library/nginx:1"}}})
	for want, f := range map[string]Filter{
		"aa2 bb3":     {},
		"aa2 bb3 aa1": {All: true},
		"aa2":         {ID: "aa"},
		"aa1":         {State: "Exited"},
		"bb3":         {Image: "nginx"},
		"bb3 aa1":     {All: true, Labels: map[string]string{"app": "web"}},
		"aa2 bb3 ":    {Last: 2},
	} {
		var got []string
		for _, o := range f.Containers(list, names) {
			got = append(got, Str(o, "id"))
		}
		if strings.Join(got, " ") != strings.TrimSpace(want) {
			t.Errorf("%+v: %v, want %s", f, got, want)
		}
	}
}

// What a runtime leaves out is no reason to break off.
func TestStatsWithoutAttributes(t *testing.T) {
	list := []Object{{}, {"attributes": Object{"id": "a1", "labels": Object{"app": "web"}}}}
	if got := (Filter{Labels: map[string]string{"app": "web"}}).Stats(list); len(got) != 1 || Str(got[0], "attributes", "id") != "a1" {
		t.Error(got)
	}
}

func TestBytesOf(t *testing.T) {
	for in, want := range map[[2]string]string{{"512.0", "B"}: "512", {"1.5", "KiB"}: "1536", {"-", "linux/amd64"}: "0"} {
		if got := bytesOf(in[0], in[1]); got != want {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
}

// A line of one stream may stand between the parts of one of the other.
func TestLogWriterOfMixedStreams(t *testing.T) {
	var out, errOut strings.Builder
	w := &LogWriter{Out: &out, Err: &errOut, Times: true}
	_, _ = w.Write([]byte("T1 stdout P half \nT2 stderr F oops\nT3 stdout F a line\n"))
	if out.String() != "T1 half a line\n" || errOut.String() != "T2 oops\n" {
		t.Errorf("%q %q", out.String(), errOut.String())
	}
}

func TestLogWriter(t *testing.T) {
	var out, errOut strings.Builder
	w := &LogWriter{Out: &out, Err: &errOut}
	for _, part := range []string{"2026-01-01T00:00:00Z stdout P hal", "f a line\n2026-01-01T00:00:00Z std", "out F  and the rest\n2026-01-01T00:00:01Z stderr F oops\n", "2026-01-01T00:00:01Z stdout F last"} {
		_, _ = w.Write([]byte(part))
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if out.String() != "half a line and the rest\nlast\n" || errOut.String() != "oops\n" {
		t.Errorf("%q %q", out.String(), errOut.String())
	}
}
