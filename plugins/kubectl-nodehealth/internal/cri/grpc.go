package cri

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxMessage bounds an answer: a node with thousands of containers stays far
// below it.
const maxMessage = 64 << 20

// rpc makes unary gRPC calls over one connection that is already there. Only
// what a unary call needs is here: HTTP/2 without TLS, a frame of five bytes in
// front of the message, the status in the trailers.
type rpc struct {
	http *http.Client
	conn net.Conn
}

func newRPC(conn net.Conn) *rpc {
	used := false
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	t := &http.Transport{
		Protocols: protocols,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			if used {
				return nil, errors.New("the connection to the runtime's socket broke off")
			}
			used = true
			return conn, nil
		},
		DisableCompression: true,
	}
	return &rpc{http: &http.Client{Transport: t}, conn: conn}
}

// status is a gRPC error.
type status struct {
	code    int
	message string
}

func (s *status) Error() string { return s.message }

const (
	codeNotFound      = 5
	codeUnimplemented = 12
)

// call sends a request to runtime.v1.METHOD and returns the answer's bytes.
func (c *rpc) call(ctx context.Context, method string, request []byte) ([]byte, error) {
	frame := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(request)))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/runtime.v1."+method, bytes.NewReader(append(frame, request...)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("TE", "trailers")
	if deadline, ok := ctx.Deadline(); ok {
		req.Header.Set("Grpc-Timeout", strconv.FormatInt(max(1, time.Until(deadline).Milliseconds()), 10)+"m")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxMessage))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the socket answered HTTP %d, not gRPC", resp.StatusCode)
	}
	if err := grpcStatus(resp); err != nil {
		return nil, err
	}
	if len(body) < 5 || uint32(len(body)-5) != binary.BigEndian.Uint32(body[1:5]) {
		return nil, fmt.Errorf("%s: an answer of %d bytes is no whole message", method, len(body))
	}
	if body[0] != 0 {
		return nil, fmt.Errorf("%s: the answer is compressed, which was not asked for", method)
	}
	return body[5:], nil
}

func grpcStatus(resp *http.Response) error {
	from := resp.Trailer
	if from.Get("Grpc-Status") == "" {
		from = resp.Header // an error without a message has no trailers of its own
	}
	code, err := strconv.Atoi(from.Get("Grpc-Status"))
	if err != nil {
		return errors.New("the socket's answer has no gRPC status")
	}
	if code == 0 {
		return nil
	}
	message := from.Get("Grpc-Message")
	if plain, err := url.PathUnescape(message); err == nil {
		message = plain
	}
	if message == "" {
		message = "gRPC status " + strconv.Itoa(code)
	}
	return &status{code, message}
}

func (c *rpc) close() error {
	c.http.CloseIdleConnections()
	return c.conn.Close()
}

// pipe makes a network connection of a stream, such as that of a remote program.
type pipe struct{ io.ReadWriteCloser }

func (pipe) LocalAddr() net.Addr              { return address{} }
func (pipe) RemoteAddr() net.Addr             { return address{} }
func (pipe) SetDeadline(time.Time) error      { return nil }
func (pipe) SetReadDeadline(time.Time) error  { return nil }
func (pipe) SetWriteDeadline(time.Time) error { return nil }

type address struct{}

func (address) Network() string { return "pipe" }
func (address) String() string  { return "runtime socket" }
