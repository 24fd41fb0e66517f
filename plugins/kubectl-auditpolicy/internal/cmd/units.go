package cmd

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// size writes bytes as a person does: three digits and a decimal unit, which
// is what disks and log bills count in.
func size(n int64) string {
	switch {
	case n < 0:
		return "-" + size(-n)
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	}
	v, units := float64(n)/1000, "kMGTPE"
	i := 0
	for v >= 999.5 && i < len(units)-1 {
		v /= 1000
		i++
	}
	digits := 0
	if v < 9.95 {
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + units[i:i+1] + "B"
}

// count writes a number with commas between thousands.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return sign + b.String()
}

// plural is "1 event", "1,234 events" or "2 batches".
func plural(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	ending := "s"
	if strings.HasSuffix(word, "s") || strings.HasSuffix(word, "ch") {
		ending = "es"
	}
	return count(n) + " " + word + ending
}

// percent is part of whole, with a decimal below ten per cent.
func percent(part, whole int64) string {
	if whole == 0 {
		return "-"
	}
	p := 100 * float64(part) / float64(whole)
	switch {
	case part != 0 && p < 0.1:
		return "<0.1%"
	case p < 9.95 && p != 0:
		return fmt.Sprintf("%.1f%%", p)
	case part != whole && p > 99.4:
		return fmt.Sprintf("%.2f%%", min(p, 99.99))
	}
	return fmt.Sprintf("%.0f%%", p)
}

// span writes a duration with its two largest units.
func span(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return withoutSeconds(d.Round(time.Second))
	case d < 48*time.Hour:
		return withoutSeconds(d.Round(time.Minute))
	}
	days := int64(d / (24 * time.Hour))
	return fmt.Sprintf("%dd%dh", days, int64(d/time.Hour)%24)
}

// manyDays writes a number of days, which may be more than a Duration holds.
func manyDays(n float64) string {
	if n > 36500 {
		return "more than 100 years"
	}
	return span(time.Duration(n * 24 * float64(time.Hour)))
}

// withoutSeconds leaves out seconds that are none: "2m", but "1m10s".
func withoutSeconds(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		return strings.TrimSuffix(s, "0s")
	}
	return s
}
