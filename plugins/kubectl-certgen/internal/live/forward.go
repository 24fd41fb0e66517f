package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

// errForwardDenied says that the user may not forward ports.
var errForwardDenied = errors.New("port-forward denied (create pods/portforward)")

// forward opens a connection to a port of a pod through the API server and the
// pod's kubelet, as kubectl port-forward does, without a listener in between.
func (c *Cluster) forward(ctx context.Context, p podRef, port int) (net.Conn, error) {
	u := *c.Client.URL("/api/v1/namespaces/" + p.Namespace + "/pods/" + p.Name + "/portforward")
	type dialled struct {
		conn httpstream.Connection
		err  error
	}
	done := make(chan dialled, 1)
	go func() {
		conn, err := dialForward(c.Config, &u)
		done <- dialled{conn, err}
	}()
	var d dialled
	select {
	case <-ctx.Done():
		// The library takes no context: what it opens later is closed at once.
		go func() {
			if late := <-done; late.conn != nil {
				late.conn.Close()
			}
		}()
		return nil, errors.New("the API server did not open the port-forward in time")
	case d = <-done:
	}
	if d.err != nil {
		msg := d.err.Error()
		switch {
		case strings.Contains(msg, "forbidden") || strings.Contains(msg, "Forbidden"):
			return nil, errForwardDenied
		case strings.Contains(msg, "error dialing backend"):
			return nil, fmt.Errorf("the API server does not reach the kubelet of %s", p)
		}
		return nil, fmt.Errorf("port-forward: %s", strings.TrimPrefix(msg, "unable to upgrade connection: "))
	}
	s := &forwarded{conn: d.conn, refused: make(chan string, 1)}
	if err := s.open(port); err != nil {
		d.conn.Close()
		return nil, fmt.Errorf("port-forward: %w", err)
	}
	return s, nil
}

// dialForward tries a websocket first and SPDY where that is not understood or
// a proxy is in the way, as kubectl does.
func dialForward(cfg *rest.Config, u *url.URL) (httpstream.Connection, error) {
	rt, up, err := spdy.RoundTripperFor(cfg)
	if err != nil {
		return nil, err
	}
	old := spdy.NewDialerForStreaming(up, &http.Client{Transport: rt, Timeout: 3 * Timeout}, http.MethodPost, u)
	ws, err := portforward.NewSPDYOverWebsocketDialerForStreaming(u, cfg)
	if err != nil {
		return nil, err
	}
	d := portforward.NewFallbackDialerForStreaming(ws, old, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
	conn, _, err := d.Dial(portforward.PortForwardProtocolV1Name)
	return conn, err
}

// forwarded is one forwarded connection as a net.Conn. Deadlines are left to
// the contexts of those who use it.
type forwarded struct {
	conn    httpstream.Connection
	data    httpstream.Stream
	refused chan string
}

func (f *forwarded) open(port int) error {
	h := http.Header{}
	h.Set("streamType", "error")
	h.Set("port", strconv.Itoa(port))
	h.Set("requestID", "0")
	es, err := f.conn.CreateStream(h)
	if err != nil {
		return err
	}
	es.Close()
	go func() {
		msg, _ := io.ReadAll(io.LimitReader(es, 4096))
		f.refused <- string(msg)
	}()
	h.Set("streamType", "data")
	f.data, err = f.conn.CreateStream(h)
	return err
}

// Refusal is what the node said, "" where it said nothing.
func (f *forwarded) Refusal() string {
	select {
	case m := <-f.refused:
		return m
	case <-time.After(time.Second):
		return ""
	}
}

func (f *forwarded) Read(b []byte) (int, error)       { return f.data.Read(b) }
func (f *forwarded) Write(b []byte) (int, error)      { return f.data.Write(b) }
func (f *forwarded) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (f *forwarded) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (f *forwarded) SetDeadline(time.Time) error      { return nil }
func (f *forwarded) SetReadDeadline(time.Time) error  { return nil }
func (f *forwarded) SetWriteDeadline(time.Time) error { return nil }
func (f *forwarded) Close() error {
	_ = f.data.Reset()
	return f.conn.Close()
}
