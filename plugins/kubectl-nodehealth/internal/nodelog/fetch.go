package nodelog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

// Query is what is asked of a service's log.
type Query struct {
	Since, Until time.Time
	// Tail is the number of last lines, 0 for all.
	Tail int
	// Boot is the boot, 0 the current one, -1 the one before; nil for all.
	Boot *int
	// Pattern is a regular expression.
	Pattern string
}

// otherBoot says that the query is for a boot that only a journal knows.
func (q Query) otherBoot() bool { return q.Boot != nil && *q.Boot != 0 }

// Status says why a log could not be read from a place.
type Status string

// The reasons, told apart because what to do differs.
const (
	// Disabled: the kubelet's enableSystemLogQuery is false (its default), so
	// the question was answered by the file server of /var/log.
	Disabled Status = "disabled"
	// HandlerOff: enableSystemLogHandler or enableDebuggingHandlers is false.
	HandlerOff Status = "handler-off"
	// DeniedByAPI: no right to nodes/proxy.
	DeniedByAPI Status = "denied"
	// DeniedByKubelet: the API server's own identity has no right to nodes/log.
	DeniedByKubelet Status = "denied-by-kubelet"
	// NotThere: no such service or file.
	NotThere Status = "not-there"
	// NoOptions: the service logs to a file, which takes no options.
	NoOptions Status = "no-options"
	// Elsewhere: the log is not where a kubelet shows one.
	Elsewhere Status = "elsewhere"
	// NoBoots: the service logs to a file, which knows no boots.
	NoBoots Status = "no-boots"
	// Folder: a folder where a file was asked for.
	Folder Status = "folder"
	// NoCertificate: the kubelet has no serving certificate.
	NoCertificate Status = "no-certificate"
	// Refused: nothing listens on the kubelet's port.
	Refused Status = "refused"
	// Timeout: no answer in time.
	Timeout Status = "timeout"
	// Unreachable is every other failure on the way.
	Unreachable Status = "unreachable"
)

// Unavailable is a log that could not be read.
type Unavailable struct {
	Status Status
	// Asked is the place that was tried.
	Asked string
	// Detail is the answer, one line.
	Detail string
}

func (e *Unavailable) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Asked, e.Status, e.Detail)
}

// Fetcher reads logs of one node through the API server.
type Fetcher struct {
	client *http.Client
	base   *url.URL
	node   string
	// Wait is how long a kubelet may take to begin an answer.
	Wait time.Duration
}

// NewFetcher returns a fetcher for a node.
func NewFetcher(config *rest.Config, node string) (*Fetcher, error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, err
	}
	return &Fetcher{client: client, base: base, node: node, Wait: 10 * time.Second}, nil
}

// Service asks the kubelet's log query.
func (f *Fetcher) Service(ctx context.Context, service string, q Query) (io.ReadCloser, error) {
	v := url.Values{"query": {service}}
	if !q.Since.IsZero() {
		// The kubelet drops the zone and hands the rest to journalctl --utc: it
		// has to be UTC. A minute more is asked for, and cut by the reader.
		v.Set("sinceTime", q.Since.UTC().Add(-time.Minute).Format(time.RFC3339))
	}
	if !q.Until.IsZero() {
		v.Set("untilTime", q.Until.UTC().Add(time.Minute).Format(time.RFC3339))
	}
	if q.Tail > 0 && q.Until.IsZero() {
		v.Set("tailLines", strconv.Itoa(min(q.Tail, 100000)))
	}
	if q.Boot != nil {
		v.Set("boot", strconv.Itoa(*q.Boot))
	}
	if q.Pattern != "" {
		v.Set("pattern", q.Pattern)
	}
	body, contentType, err := f.get(ctx, "logs/", v, 0)
	if err != nil {
		return nil, err
	}
	asked := "log query " + service
	if strings.HasPrefix(contentType, "text/html") {
		body.Close()
		return nil, &Unavailable{Disabled, asked, "the kubelet's enableSystemLogQuery is false (its default)"}
	}
	return inBodyError(asked, body)
}

// inBodyError finds the errors that the log query writes into a body of status
// 200.
func inBodyError(asked string, body io.ReadCloser) (io.ReadCloser, error) {
	r := bufio.NewReaderSize(body, 4096)
	head, _ := r.Peek(512)
	text := strings.TrimLeft(string(head), "\n")
	first, _, _ := strings.Cut(text, "\n")
	fail := func(s Status) (io.ReadCloser, error) {
		body.Close()
		return nil, &Unavailable{s, asked, first}
	}
	switch {
	case strings.HasPrefix(text, "log not found for "):
		return fail(NotThere)
	case strings.HasPrefix(text, "options present and query resolved to log files"):
		return fail(NoOptions)
	case strings.HasPrefix(text, "error getting log for "), strings.HasPrefix(text, "error: journal output not available"),
		strings.HasPrefix(text, "failed to get logging cmd"), strings.HasPrefix(text, "-- No entries --"):
		return fail(NotThere)
	}
	return struct {
		io.Reader
		io.Closer
	}{r, body}, nil
}

// File reads a file below /var/log by the kubelet's file server. tail is the
// number of last bytes to ask for, 0 for all.
func (f *Fetcher) File(ctx context.Context, name string, tail int64) (io.ReadCloser, error) {
	name = strings.TrimPrefix(path.Clean("/"+strings.TrimPrefix(name, "/var/log/")), "/")
	body, contentType, err := f.get(ctx, "logs/"+name, nil, tail)
	if err != nil {
		var u *Unavailable
		if errors.As(err, &u) {
			u.Asked = "/var/log/" + name
		}
		return nil, err
	}
	if strings.HasPrefix(contentType, "text/html") {
		body.Close()
		return nil, &Unavailable{Folder, "/var/log/" + name, "a folder, not a file"}
	}
	return body, nil
}

// List returns the names in a folder below /var/log; folders end with a slash.
func (f *Fetcher) List(ctx context.Context, folder string) ([]string, error) {
	folder = strings.Trim(strings.TrimPrefix(folder, "/var/log"), "/")
	if folder != "" {
		folder += "/"
	}
	body, contentType, err := f.get(ctx, "logs/"+folder, nil, 0)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if !strings.HasPrefix(contentType, "text/html") {
		return nil, &Unavailable{NotThere, "/var/log/" + folder, "not a folder"}
	}
	b, err := io.ReadAll(io.LimitReader(body, 1<<20))
	if err != nil {
		return nil, err
	}
	return parseListing(string(b)), nil
}

// parseListing reads the page of net/http's file server: <a href="X">X</a>.
func parseListing(page string) []string {
	var out []string
	for _, part := range strings.Split(page, `<a href="`)[1:] {
		href, _, ok := strings.Cut(part, `"`)
		if !ok {
			continue
		}
		if name, err := url.PathUnescape(href); err == nil {
			out = append(out, strings.TrimPrefix(name, "./"))
		}
	}
	return out
}

func (f *Fetcher) get(ctx context.Context, suffix string, v url.Values, tail int64) (io.ReadCloser, string, error) {
	u := *f.base
	u.Path = path.Join(u.Path, "/api/v1/nodes", f.node, "proxy") + "/" + suffix
	u.RawQuery = v.Encode()
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(f.Wait, cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		cancel()
		return nil, "", err
	}
	if tail > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=-%d", tail))
	}
	resp, err := f.client.Do(req)
	inTime := timer.Stop()
	asked := "/" + suffix
	if err != nil {
		cancel()
		if !inTime {
			return nil, "", &Unavailable{Timeout, asked, "the kubelet did not begin to answer within " + f.Wait.String()}
		}
		return nil, "", err
	}
	if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusPartialContent {
		return closer{resp.Body, cancel}, resp.Header.Get("Content-Type"), nil
	}
	defer cancel()
	defer resp.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	return nil, "", classify(asked, resp.StatusCode, strings.Join(strings.Fields(string(b)), " "))
}

type closer struct {
	io.ReadCloser
	cancel func()
}

func (c closer) Close() error {
	c.cancel()
	return c.ReadCloser.Close()
}

// classify tells the failures apart. There are two kinds of 403: the API
// server's is a Status object in JSON, the kubelet's is plain text.
func classify(asked string, code int, body string) error {
	isStatus := strings.Contains(body, `"kind":"Status"`) || strings.Contains(body, `"kind": "Status"`)
	detail := body
	if isStatus {
		if _, m, ok := strings.Cut(body, `"message":`); ok {
			detail = strings.Trim(m[:max(0, strings.IndexByte(m+`","`, ','))], ` "`)
			if _, rest, ok := strings.Cut(m, `"`); ok {
				detail, _, _ = strings.Cut(rest, `","`)
			}
		}
	}
	status := Unreachable
	switch {
	case code == http.StatusUnauthorized, code == http.StatusForbidden && isStatus:
		status = DeniedByAPI
	case code == http.StatusForbidden:
		status = DeniedByKubelet
	case code == http.StatusNotFound:
		status = NotThere
	case code == http.StatusMethodNotAllowed:
		status = HandlerOff
	case strings.Contains(body, "connection refused"):
		status = Refused
	case strings.Contains(body, "tls: internal error"):
		status = NoCertificate
	case strings.Contains(body, "timeout"), strings.Contains(body, "deadline exceeded"), code == http.StatusGatewayTimeout:
		status = Timeout
	}
	return &Unavailable{status, asked, fmt.Sprintf("status %d: %s", code, detail)}
}
