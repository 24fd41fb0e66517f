// Package collect reads a live cluster into a snapshot. It is the only package
// that talks to an API server. Every read has a deadline of its own, and one
// that is denied, slow or broken costs its own answer and no other's.
package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kubelet"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// Deadlines. A frozen kubelet makes the API server wait ten seconds for a TLS
// handshake; nobody who asks for a diagnosis should.
const (
	// FirstDeadline is for the first request, counted from when it has its
	// credentials: an exec plugin may call its cloud, or ask the user.
	FirstDeadline = 3 * time.Second
	// StallDeadline is how long an API server may send nothing at all before it
	// is taken to have stalled. --request-timeout raises it.
	StallDeadline = 2300 * time.Millisecond
	// ProbeDeadline is for each of the parallel reads of one node's story.
	ProbeDeadline = 2300 * time.Millisecond
	// PageDeadline is for one page of a list of the whole cluster.
	PageDeadline = 20 * time.Second
	// maxBody bounds what is read of one answer.
	maxBody = 256 << 20
)

// Client is an API server, as far as this package uses one.
type Client struct {
	http  *http.Client
	base  *url.URL
	stall time.Duration
	// heard is when the last byte came, in Unix nanoseconds.
	heard atomic.Int64

	mu sync.Mutex
	// skew is the API server's clock less ours, by the Date of its answers.
	skew  time.Duration
	dated bool
}

// NewClient makes a client. There is no client-side rate limit: the requests
// are few and the API server has its own (priority and fairness).
func NewClient(cfg *rest.Config) (*Client, error) {
	cfg = rest.CopyConfig(cfg)
	// Compressing costs the API server more time than the wire saves.
	cfg.DisableCompression = true
	cfg.QPS = -1
	h, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, err
	}
	tls := cfg.CAFile != "" || len(cfg.CAData) > 0 || cfg.Insecure || cfg.CertFile != "" || len(cfg.CertData) > 0
	base, _, err := rest.DefaultServerURL(cfg.Host, "", schema.GroupVersion{}, tls)
	if err != nil {
		return nil, err
	}
	// A redirect of a kubelet is an answer, not an invitation.
	own := *h
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{http: &own, base: base, stall: max(StallDeadline, cfg.Timeout)}, nil
}

const (
	acceptJSON     = "application/json"
	acceptProtobuf = "application/vnd.kubernetes.protobuf,application/json"
)

// get reads a path of the API server. An error says that there was no answer;
// an answer of any status is a reply.
func (c *Client) get(ctx context.Context, path string, query url.Values, accept string) (kubelet.Reply, error) {
	return c.getInto(ctx, path, query, accept, &bytes.Buffer{})
}

// getInto is get with the body in a buffer of the caller's, which the reply
// refers to.
func (c *Client) getInto(ctx context.Context, path string, query url.Values, accept string, buf *bytes.Buffer) (kubelet.Reply, error) {
	u := *c.base
	u.Path = strings.TrimSuffix(u.Path, "/") + path
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return kubelet.Reply{}, err
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return kubelet.Reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	c.heard.Store(time.Now().UnixNano())
	buf.Reset()
	if _, err := buf.ReadFrom(io.LimitReader(&listened{resp.Body, c}, maxBody)); err != nil {
		return kubelet.Reply{}, err
	}
	c.date(resp.Header.Get("Date"))
	reply := kubelet.Reply{Code: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"), Body: buf.Bytes()}
	if reply.Code >= 400 && strings.Contains(reply.ContentType, "protobuf") {
		reply = plainStatus(reply)
	}
	return reply, nil
}

// plainStatus turns the API server's error from protobuf into JSON, so that one
// reader does for both.
func plainStatus(r kubelet.Reply) kubelet.Reply {
	body, ok := bytes.CutPrefix(r.Body, []byte("k8s\x00"))
	if !ok {
		return r
	}
	raw, err := field(body, 2)
	if err != nil {
		return r
	}
	var st metav1.Status
	if st.Unmarshal(raw) != nil {
		return r
	}
	text, err := json.Marshal(map[string]any{"kind": "Status", "message": st.Message, "reason": st.Reason})
	if err != nil {
		return r
	}
	return kubelet.Reply{Code: r.Code, ContentType: acceptJSON, Body: text}
}

// listened notes when bytes come.
type listened struct {
	io.Reader
	client *Client
}

func (l *listened) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if n > 0 {
		l.client.heard.Store(time.Now().UnixNano())
	}
	return n, err
}

// errStalled is the cause of a cancelled read from a server that says nothing.
var errStalled = fmt.Errorf("the API server stalled: %w", context.DeadlineExceeded)

// unlessStalled returns a context that ends when the API server has sent
// nothing at all for a while, whatever was asked.
func (c *Client) unlessStalled(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	c.heard.Store(time.Now().UnixNano())
	go func() {
		t := time.NewTicker(100 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				if time.Since(time.Unix(0, c.heard.Load())) > c.stall {
					cancel(errStalled)
					return
				}
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

// open makes the first request: it gets the credentials and the connection,
// and learns the API server's version and clock.
func (c *Client) open(ctx context.Context, out *shared) error {
	limit := max(FirstDeadline, c.stall)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The transport asks for a connection after the credentials are there.
	var timer *time.Timer
	var mu sync.Mutex
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GetConn: func(string) {
		mu.Lock()
		defer mu.Unlock()
		if timer == nil {
			timer = time.AfterFunc(limit, func() { cancel(errStalled) })
		}
	}})
	defer func() {
		mu.Lock()
		defer mu.Unlock()
		if timer != nil {
			timer.Stop()
		}
	}()
	r, err := c.get(traced, "/version", nil, acceptJSON)
	if err != nil {
		if errors.Is(context.Cause(ctx), errStalled) {
			return &NoAnswerError{What: "the API server " + c.base.Host + " does not answer", Reason: fmt.Sprintf("nothing came within %s", limit)}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &NoAnswerError{What: "the API server " + c.base.Host + " does not answer", Reason: because(err)}
	}
	p := kubelet.Classify(snapshot.SourceVersion, r)
	if p.Status == snapshot.OK {
		var v struct {
			Git string `json:"gitVersion"`
		}
		if json.Unmarshal(r.Body, &v) == nil {
			out.version = v.Git
		}
	}
	if r.Code == http.StatusUnauthorized {
		return &NoAnswerError{What: "connect to " + c.base.Host, Reason: "the API server does not accept the credentials (401)", Code: r.Code}
	}
	out.probes = append(out.probes, p)
	return nil
}

// date learns the API server's clock.
func (c *Client) date(header string) {
	t, err := http.ParseTime(header)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dated {
		return
	}
	// The header has whole seconds, cut off.
	c.dated, c.skew = true, time.Until(t)+500*time.Millisecond
}

// Now is the API server's time: this machine's, unless they differ by more
// than the header can tell.
func (c *Client) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.dated && (c.skew > 2*time.Second || c.skew < -2*time.Second) {
		now = now.Add(c.skew)
	}
	return now.UTC()
}

// failure makes a probe of a request that got no answer.
func failure(ctx context.Context, source string, err error, deadline time.Duration) snapshot.Probe {
	if errors.Is(context.Cause(ctx), errStalled) {
		return snapshot.Probe{Name: source, Status: snapshot.Timeout, Detail: "the API server stalled"}
	}
	p := snapshot.Probe{Name: source, Status: snapshot.Unreachable, Detail: plain(err)}
	if isTimeout(err) {
		p.Status, p.Detail = snapshot.Timeout, fmt.Sprintf("no answer within %s", deadline)
	}
	return p
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// because is why a connection was not made, without the system's calls.
func because(err error) string {
	var call *os.SyscallError
	if errors.As(err, &call) {
		return call.Err.Error()
	}
	return plain(err)
}

// plain drops the method and address that net/http puts before the reason.
func plain(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}
