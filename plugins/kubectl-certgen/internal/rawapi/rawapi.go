// Package rawapi is a small client of the Kubernetes API for objects as plain
// maps: what certgen asks a cluster for is few lists of JSON, and needs neither
// the codecs nor the schemes that client-go's typed and dynamic clients bring.
package rawapi

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

// Object is a Kubernetes object as JSON has it.
type Object map[string]any

// Client talks to one API server.
type Client struct {
	http    *http.Client
	base    *url.URL
	timeout time.Duration
}

// Timeout bounds each request, a page of a list among them, where the
// configuration names no time of its own (--request-timeout).
const Timeout = 30 * time.Second

// New makes a client. The configuration's own transport, TLS and credentials
// are used, exec plugins included.
func New(cfg *rest.Config) (*Client, error) {
	c := rest.CopyConfig(cfg)
	h, err := rest.HTTPClientFor(c)
	if err != nil {
		return nil, err
	}
	base, _, err := rest.DefaultServerUrlFor(c)
	if err != nil {
		return nil, err
	}
	timeout := cfg.Timeout
	if timeout <= 0 {
		timeout = Timeout
	}
	return &Client{http: h, base: base, timeout: timeout}, nil
}

// maxBody bounds an answer; a page of 500 Secrets is far below.
const maxBody = 256 << 20

// URL is the address of a path at the API server.
func (c *Client) URL(path string) *url.URL {
	u := *c.base
	u.Path = strings.TrimSuffix(u.Path, "/") + path
	return &u
}

// Peer are the certificates that the API server presents to this client, on
// whatever way it takes there.
func (c *Client) Peer(ctx context.Context) ([]*x509.Certificate, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL("/version").String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.TLS == nil {
		return nil, errors.New("no TLS")
	}
	return resp.TLS.PeerCertificates, nil
}

// Do sends a request; body may be nil. An answer of 400 and above is an
// apierrors.APIStatus error.
func (c *Client) Do(ctx context.Context, method, path string, query url.Values, contentType string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	u := c.URL(path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	if resp.StatusCode < 400 {
		return data, nil
	}
	var st metav1.Status
	if json.Unmarshal(data, &st) == nil && st.Kind == "Status" {
		return nil, &apierrors.StatusError{ErrStatus: st}
	}
	return nil, apierrors.NewGenericServerResponse(resp.StatusCode, method, schema.GroupResource{}, path, strings.TrimSpace(string(data)), 0, true)
}

// Get reads one object.
func (c *Client) Get(ctx context.Context, path string) (Object, error) {
	data, err := c.Do(ctx, http.MethodGet, path, nil, "", nil)
	if err != nil {
		return nil, err
	}
	return object(path, data)
}

// List reads all pages of a list. Items get the kind that the list implies.
func (c *Client) List(ctx context.Context, path string, query url.Values) ([]Object, error) {
	var out []Object
	err := c.Each(ctx, path, query, func(o Object) { out = append(out, o) })
	return out, err
}

// Each is List for what is too much to be held at once: see is given one object
// after the other, and no more than a page of them is in memory.
func (c *Client) Each(ctx context.Context, path string, query url.Values, see func(Object)) error {
	q := url.Values{}
	for k, v := range query {
		q[k] = v
	}
	if q.Get("limit") == "" {
		q.Set("limit", "500")
	}
	for {
		data, err := c.Do(ctx, http.MethodGet, path, q, "", nil)
		if err != nil {
			return err
		}
		var l struct {
			Kind       string `json:"kind"`
			APIVersion string `json:"apiVersion"`
			Metadata   struct {
				Continue string `json:"continue"`
			} `json:"metadata"`
			Items []Object `json:"items"`
		}
		if err := decode(path, data, &l); err != nil {
			return err
		}
		for _, o := range l.Items {
			if o["kind"] == nil {
				o["kind"], o["apiVersion"] = strings.TrimSuffix(l.Kind, "List"), l.APIVersion
			}
			see(o)
		}
		if l.Metadata.Continue == "" {
			return nil
		}
		q.Set("continue", l.Metadata.Continue)
	}
}

// Create posts an object, Update puts it.
func (c *Client) Create(ctx context.Context, path string, o Object, query url.Values) (Object, error) {
	return c.send(ctx, http.MethodPost, path, o, query)
}

// Update replaces an object or a subresource.
func (c *Client) Update(ctx context.Context, path string, o Object, query url.Values) (Object, error) {
	return c.send(ctx, http.MethodPut, path, o, query)
}

func (c *Client) send(ctx context.Context, method, path string, o Object, query url.Values) (Object, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	data, err := c.Do(ctx, method, path, query, "application/json", body)
	if err != nil {
		return nil, err
	}
	return object(path, data)
}

func object(path string, data []byte) (Object, error) {
	var o Object
	err := decode(path, data, &o)
	return o, err
}

func decode(path string, data []byte, into any) error {
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: the answer is not JSON: %w", path, err)
	}
	return nil
}

// Dig walks down a path of maps.
func (o Object) Dig(path ...string) any {
	var v any = map[string]any(o)
	for _, p := range path {
		m, _ := v.(map[string]any)
		if m == nil {
			return nil
		}
		v = m[p]
	}
	return v
}

// String is the string at a path, "" where there is none.
func (o Object) String(path ...string) string {
	s, _ := o.Dig(path...).(string)
	return s
}

// Maps are the objects of the list at a path.
func (o Object) Maps(path ...string) []Object {
	l, _ := o.Dig(path...).([]any)
	var out []Object
	for _, e := range l {
		if m, ok := e.(map[string]any); ok {
			out = append(out, Object(m))
		}
	}
	return out
}

// Strings are the strings of the list at a path.
func (o Object) Strings(path ...string) []string {
	l, _ := o.Dig(path...).([]any)
	var out []string
	for _, e := range l {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Name and Namespace are those of the metadata.
func (o Object) Name() string { return o.String("metadata", "name") }

// Namespace: see Name.
func (o Object) Namespace() string { return o.String("metadata", "namespace") }
