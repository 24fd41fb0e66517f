package nodeagent

import (
	"path"
	"testing"
)

// TestOwnLogsAreNotRead: an agent that reads what it writes never comes to an
// end, and a rotated file has another name.
func TestOwnLogsAreNotRead(t *testing.T) {
	own := Options{Agent: "otel", Namespace: "logging"}.Spec().Own
	for file, want := range map[string]bool{
		"/var/log/pods/logging_logarch-otel-x7k2p_1a/otel/0.log":                 true,
		"/var/log/pods/logging_logarch-otel-x7k2p_1a/otel/0.log.20261126-100000": true,
		"/var/log/pods/shop_web-0_1a/app/0.log":                                  false,
		"/var/log/pods/logging_other-x7k2p_1a/app/0.log":                         false,
	} {
		if got, err := path.Match(own, file); err != nil || got != want {
			t.Errorf("%s matches %s: %v %v", own, file, got, err)
		}
	}
}
