package phrase

import "testing"

func TestCause(t *testing.T) {
	for s, want := range map[string]string{
		"Failed to create pod sandbox: rpc error: code = Unknown desc = failed to create containerd task: failed to create shim task: hcs::CreateComputeSystem x: The container operating system does not match": "hcs::CreateComputeSystem x: The container operating system does not match",
		`Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "0a1b": plugin type="calico" failed (add): no IPs left`:                                              `plugin type="calico" failed (add): no IPs left`,
		"rpc error: code = Unknown desc =": "rpc error: code = Unknown desc =",
		"plain":                            "plain",
	} {
		if got := Cause(s); got != want {
			t.Errorf("%q: %q", s, got)
		}
	}
}
