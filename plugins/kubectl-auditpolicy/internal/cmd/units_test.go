package cmd

import (
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		5 * time.Millisecond: "5ms", 1500 * time.Millisecond: "1.5s", time.Minute: "1m", 70 * time.Second: "1m10s",
		2*time.Minute + 20*time.Second: "2m20s", 70 * time.Minute: "1h10m", 2 * time.Hour: "2h0m", 49 * time.Hour: "2d1h",
	} {
		if got := span(d); got != want {
			t.Errorf("%d: %q, want %q", d, got, want)
		}
	}
}

func TestPlural(t *testing.T) {
	for n, want := range map[int64]string{1: "1 batch", 2: "2 batches", 1234: "1,234 batches"} {
		if got := plural(n, "batch"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := plural(3, "class"); got != "3 classes" {
		t.Error(got)
	}
}

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{"": 0, "20GB": 20e9, "500Mi": 500 << 20, "1.5 kB": 1500, "12": 12} {
		if got, err := parseSize(s); err != nil || got != want {
			t.Errorf("%q: %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"NaN", "inf", "-1GB", "0", "GB", "20xGB", "1e30"} {
		if got, err := parseSize(s); err == nil {
			t.Errorf("%q: %d", s, got)
		}
	}
}

func TestManyDays(t *testing.T) {
	for n, want := range map[float64]string{0.5: "12h0m", 30: "30d0h", 1e6: "more than 100 years"} {
		if got := manyDays(n); got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
	}
}
