package controlplane

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

func TestReach(t *testing.T) {
	dial := func(n syscall.Errno) error { return &net.OpError{Op: "dial", Net: "tcp", Err: n} }
	for want, errs := range map[string][]error{
		Refused: {dial(syscall.ECONNREFUSED), dial(10061)}, // the second is that of Windows
		NoRoute: {dial(syscall.EHOSTUNREACH), dial(syscall.ENETUNREACH), dial(10065), dial(10051)},
		NoName:  {&net.DNSError{Name: "api", Err: "no such host"}},
		Hung:    {errHandshake},
		Silent:  {context.DeadlineExceeded},
		Broken:  {errors.New("tls: first record does not look like a TLS handshake")},
	} {
		for _, err := range errs {
			c := &collector{config: &rest.Config{Host: "https://[fd00::1]:6443"}, s: &Snapshot{}}
			c.reach(err, err, Certificate{})
			if got := c.s.Reach; got.Layer != want || got.Address != "[fd00::1]:6443" {
				t.Errorf("%v: %+v, want %s", err, got, want)
			}
		}
	}
}

func TestCommandsForAnIPv6Server(t *testing.T) {
	s := &Snapshot{Reach: Reach{Layer: Silent, Address: "[fd00::1]:6443"}}
	if got := next(s, Report{})[0].Run; got != "ping -c 3 fd00::1; nc -vz -w 3 fd00::1 6443" {
		t.Error(got)
	}
}

func TestWordsOfSkewAndTime(t *testing.T) {
	s := healthy()
	s.Nodes[1].Kubelet = "v1.33.9"
	if f := Judge(s).Findings; len(f) != 1 || !strings.Contains(f[0].Message, "on 1 node is 4 minors") {
		t.Errorf("%+v", f)
	}
	for left, want := range map[time.Duration]string{time.Minute: "1 minute", time.Hour: "60 minutes", 3 * time.Hour: "3 hours", 72 * time.Hour: "3 days"} {
		if got := days(left); got != want {
			t.Errorf("%s: %s, want %s", left, got, want)
		}
	}
}
