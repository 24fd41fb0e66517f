package expiry

import (
	"testing"
	"time"
)

func TestParseAge(t *testing.T) {
	for in, want := range map[string]time.Duration{"30d": 720 * time.Hour, "2w": 336 * time.Hour, "720h": 720 * time.Hour, "0d": 0} {
		if got, err := ParseAge(in); err != nil || got != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	// The last two are numbers of hours that an int does not hold.
	for _, in := range []string{"", "d", "-1d", "1y", "90000d", "400000000000000000d", "60000000000000000w"} {
		if got, err := ParseAge(in); err == nil {
			t.Errorf("%s: accepted as %v", in, got)
		}
	}
}
