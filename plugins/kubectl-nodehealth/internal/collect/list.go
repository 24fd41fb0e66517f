package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kubelet"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// object is a generated Kubernetes type: it decodes itself from protobuf, and
// from JSON by its tags.
type object interface {
	Unmarshal([]byte) error
}

// lister reads a list page by page. The next page is on its way while one is
// folded, and no page is kept.
type lister struct {
	client   *Client
	path     string
	query    url.Values
	keep     fields
	limit    int
	maxItems int
	deadline time.Duration
}

type fetched struct {
	reply kubelet.Reply
	err   error
}

// each calls f with every item of the list. The probe says how it ended; what
// came before an error has been folded.
func each[T any, P interface {
	*T
	object
}](ctx context.Context, l lister, source string, f func(P)) snapshot.Probe {
	var buf []byte
	return l.walk(ctx, source, func(raw []byte) error {
		if l.keep != nil {
			var err error
			if buf, err = trim(buf[:0], raw, l.keep); err != nil {
				return err
			}
			raw = buf
		}
		item := P(new(T))
		if err := item.Unmarshal(raw); err != nil {
			return errWire
		}
		f(item)
		return nil
	}, func(raw json.RawMessage) error {
		item := P(new(T))
		if err := json.Unmarshal(raw, item); err != nil {
			return err
		}
		f(item)
		return nil
	})
}

// walk reads the list and hands each item over in the form in which it came:
// protobuf, or JSON from a server that has no other.
func (l lister) walk(ctx context.Context, source string, wire func([]byte) error, text func(json.RawMessage) error) snapshot.Probe {
	if l.deadline == 0 {
		l.deadline = PageDeadline
	}
	if l.limit == 0 {
		l.limit = 500
	}
	count := 0
	// One buffer is folded while the other is filled.
	buffers := [2]*bytes.Buffer{{}, {}}
	ahead := l.fetch(ctx, "", buffers[0])
	turn := 0
	for {
		var got fetched
		select {
		case got = <-ahead:
		case <-ctx.Done():
			return failure(ctx, source, ctx.Err(), l.deadline)
		}
		if got.err != nil {
			p := failure(ctx, source, got.err, l.deadline)
			if count > 0 {
				p.Detail += fmt.Sprintf(" after %d items", count)
			}
			return p
		}
		if got.reply.Code != 200 {
			p := kubelet.Classify(source, got.reply)
			if got.reply.Code == 410 {
				p.Status, p.Detail = snapshot.Timeout, fmt.Sprintf("the list expired on the API server after %d items", count)
			}
			return p
		}
		var next string
		var err error
		var walk func() error
		if strings.Contains(got.reply.ContentType, "protobuf") {
			var p page
			if p, err = openPage(got.reply.Body); err == nil {
				next = p.next
				walk = func() error {
					return p.items(func(raw []byte) error {
						count++
						return wire(raw)
					})
				}
			}
		} else {
			var doc struct {
				Metadata struct {
					Continue string `json:"continue"`
				} `json:"metadata"`
				Items []json.RawMessage `json:"items"`
			}
			if err = json.Unmarshal(got.reply.Body, &doc); err == nil {
				next = doc.Metadata.Continue
				walk = func() error {
					for _, raw := range doc.Items {
						count++
						if err := text(raw); err != nil {
							return err
						}
					}
					return nil
				}
			}
		}
		if err != nil {
			return snapshot.Probe{Name: source, Status: snapshot.Unreachable, Detail: "the answer is not a list"}
		}
		more := next != "" && (l.maxItems == 0 || count+l.limit < l.maxItems)
		if more {
			turn = 1 - turn
			ahead = l.fetch(ctx, next, buffers[turn])
		}
		if err := walk(); err != nil {
			return snapshot.Probe{Name: source, Status: snapshot.Unreachable, Detail: err.Error()}
		}
		switch {
		case more:
		case next != "":
			return snapshot.Probe{Name: source, Status: snapshot.OK, Detail: fmt.Sprintf("only the first %d were read; there are more", count)}
		default:
			return snapshot.Probe{Name: source, Status: snapshot.OK}
		}
	}
}

// cutNotes tell of lists that were read up to a limit: what stands beyond it is
// not known.
func cutNotes(s *snapshot.Snapshot, lists ...snapshot.Probe) []string {
	var out []string
	for _, p := range slices.Concat(lists, s.Cluster.Probes) {
		if p.Status == snapshot.OK && p.Detail != "" && p.Name != snapshot.SourcePeers {
			out = append(out, p.Name+": "+p.Detail)
		}
	}
	return out
}

// fetch starts reading a page into a buffer.
func (l lister) fetch(ctx context.Context, next string, buf *bytes.Buffer) <-chan fetched {
	out := make(chan fetched, 1)
	q := url.Values{}
	for k, v := range l.query {
		q[k] = v
	}
	q.Set("limit", strconv.Itoa(l.limit))
	if next != "" {
		q.Set("continue", next)
	}
	go func() {
		ctx, cancel := context.WithTimeout(ctx, l.deadline)
		defer cancel()
		r, err := l.client.getInto(ctx, l.path, q, acceptProtobuf, buf)
		out <- fetched{r, err}
	}()
	return out
}
