// Package expiry orders certificates by the day on which they expire and judges
// them by two limits. It is a pure function of what was found and the clock.
package expiry

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
)

// Status is the verdict on one certificate.
type Status string

// The verdicts.
const (
	OK       Status = "ok"
	Soon     Status = "soon"
	Critical Status = "critical"
	Expired  Status = "expired"
	NotYet   Status = "notYetValid"
)

// Limits are when to warn.
type Limits struct {
	Warn, Crit time.Duration
	// LeaveOutCAs drops CAs and trust bundles.
	LeaveOutCAs bool
}

// Row is one certificate and its verdict.
type Row struct {
	Item   *inspect.Item
	Status Status
	// More is how many other places have the same certificate, where rows were
	// put together.
	More int
}

// Where is the place of the certificate, and how many more there are.
func (r Row) Where() string {
	if r.More > 0 {
		return fmt.Sprintf("%s (and %d more)", r.Item.Where(), r.More)
	}
	return r.Item.Where()
}

// Judge orders the certificates of the items, the soonest first.
func Judge(items []inspect.Item, l Limits, now time.Time) []Row {
	var rows []Row
	for i := range items {
		c := items[i].Cert
		if c == nil || (l.LeaveOutCAs && c.IsCA) {
			continue
		}
		r := Row{Item: &items[i], Status: OK}
		switch left := c.NotAfter.Sub(now); {
		case left <= 0:
			r.Status = Expired
		case now.Before(c.NotBefore):
			r.Status = NotYet
		case left <= l.Crit:
			r.Status = Critical
		case left <= l.Warn:
			r.Status = Soon
		}
		rows = append(rows, r)
	}
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].Item.Cert.NotAfter.Before(rows[j].Item.Cert.NotAfter) })
	return rows
}

// Words says the verdict as a part of a sentence.
func (r Row) Words(now time.Time) string {
	c := r.Item.Cert
	d := inspect.DaysLeft(c.NotAfter, now)
	switch {
	case r.Status == NotYet:
		return "is not valid before " + c.NotBefore.UTC().Format(time.RFC3339)
	case r.Status == Expired:
		return fmt.Sprintf("expired on %s", c.NotAfter.UTC().Format("2006-01-02"))
	case d == 0:
		return fmt.Sprintf("expires in %d hours", int(c.NotAfter.Sub(now).Hours()))
	}
	return fmt.Sprintf("expires in %d days, on %s", d, c.NotAfter.UTC().Format("2006-01-02"))
}

// ParseAge reads a duration with days and weeks too: 30d, 2w, 720h. More than
// two million hours are more than a time.Duration holds.
func ParseAge(s string) (time.Duration, error) {
	for unit, hours := range map[string]int{"d": 24, "w": 24 * 7} {
		if n, ok := strings.CutSuffix(s, unit); ok {
			if v, err := strconv.Atoi(n); err == nil && v >= 0 && v < 2_000_000/hours {
				return time.Duration(v*hours) * time.Hour, nil
			}
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q: not a time such as 30d or 720h", s)
	}
	return d, nil
}
