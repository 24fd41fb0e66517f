// Package phrase writes durations, sizes and lists the way the reports say
// them, so that one figure never reads in two ways.
package phrase

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// Duration is a duration in its two largest units: 9s, 13m4s, 3h5m, 4d2h.
func Duration(d time.Duration) string {
	d = d.Round(time.Second)
	if d < 0 {
		return "-" + Duration(-d)
	}
	day := 24 * time.Hour
	two := func(a int64, ua string, b int64, ub string) string {
		if b == 0 {
			return fmt.Sprintf("%d%s", a, ua)
		}
		return fmt.Sprintf("%d%s%d%s", a, ua, b, ub)
	}
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int64(d/time.Second))
	case d < time.Hour:
		return two(int64(d/time.Minute), "m", int64(d%time.Minute/time.Second), "s")
	case d < day:
		return two(int64(d/time.Hour), "h", int64(d%time.Hour/time.Minute), "m")
	case d < 730*day:
		return two(int64(d/day), "d", int64(d%day/time.Hour), "h")
	}
	return fmt.Sprintf("%dy", int64(d/(365*day)))
}

// Short is a duration in its largest unit, for tables: 13m, 4d.
func Short(d time.Duration) string {
	day := 24 * time.Hour
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int64(max(0, d)/time.Second))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int64(d/time.Minute))
	case d < 2*day:
		return fmt.Sprintf("%dh", int64(d/time.Hour))
	case d < 730*day:
		return fmt.Sprintf("%dd", int64(d/day))
	}
	return fmt.Sprintf("%dy", int64(d/(365*day)))
}

// Clock is a time of the day in UTC.
func Clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }

// Time is a date and time in UTC.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// Bytes is a size in binary units: 512B, 1.5Gi.
func Bytes(n uint64) string {
	if n < 1024 {
		return fmt.Sprintf("%dB", n)
	}
	f, i := float64(n), -1
	for f >= 1024 && i < 4 {
		f /= 1024
		i++
	}
	unit := []string{"Ki", "Mi", "Gi", "Ti", "Pi"}[i]
	if f >= 10 {
		return fmt.Sprintf("%.0f%s", f, unit)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") + unit
}

// Count is "1 pod", "2 pods".
func Count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// List is "a", "a and b", "a, b and c", and "a, b and 3 more" beyond limit.
func List(items []string, limit int) string {
	if limit > 0 && len(items) > limit {
		return fmt.Sprintf("%s and %d more", strings.Join(items[:limit], ", "), len(items)-limit)
	}
	switch len(items) {
	case 0:
		return ""
	case 1:
		return items[0]
	}
	return strings.Join(items[:len(items)-1], ", ") + " and " + items[len(items)-1]
}

// Sentence ends a text that others wrote with a full stop less, so that it can
// stand inside ours.
func Sentence(s string) string { return strings.TrimRight(strings.TrimSpace(s), ".") }

// Clip shortens a text from elsewhere to a number of characters.
func Clip(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > n {
		return string(r[:n-3]) + "..."
	}
	return s
}

// wrappers are what components put before a reason that they hand on.
var wrappers = lazyregexp.New(`^(?:Failed to create pod sandbox: |rpc error: code = \w+ desc = |failed to (?:create|start) containerd task: |failed to create shim(?: task)?: |failed to setup network for sandbox "[0-9a-f]+": )`)

// Cause is the end of a chain of errors, which is its reason.
func Cause(s string) string {
	s = strings.TrimSpace(s)
	for {
		m := wrappers.FindString(s)
		if m == "" || m == s {
			return s
		}
		s = s[len(m):]
	}
}

// Capital makes a clause begin like a sentence, but for a name: kube-scheduler
// stays as it is.
func Capital(s string) string {
	if word, _, _ := strings.Cut(s, " "); strings.ContainsAny(word, "-./:0123456789") {
		return s
	}
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
