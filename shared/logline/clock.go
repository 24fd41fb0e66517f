package logline

import (
	"bytes"
	"time"
)

const (
	second = int64(time.Second)
	day    = 24 * 3600 * second
	year   = 365 * day
)

// daysFromCivil is the number of days from 1970-01-01 to a date of the
// Gregorian calendar.
func daysFromCivil(y, m, d int) int64 {
	if m <= 2 {
		y--
	}
	// Years that begin in March, so that the leap day is the last one; 719468
	// days lie between 0000-03-01 and 1970-01-01.
	return int64(365*y+floorDiv4(y)) - int64(floorDiv100(y)) + int64(floorDiv100(y)>>2) + int64(marchDays[m]+d) - 719469
}

// marchDays are the days from 1 March to the first of each month.
var marchDays = [13]int{0, 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275}

func floorDiv4(y int) int { return y >> 2 }

func floorDiv100(y int) int {
	if y < 0 {
		return (y - 99) / 100
	}
	return y / 100
}

func civilFromDays(z int64) (y, m, d int) {
	z += 719468
	era := z / 146097
	if z < 0 {
		era = (z - 146096) / 146097
	}
	doe := int(z - era*146097)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = doy - (153*mp+2)/5 + 1
	m = mp + 3
	if m > 12 {
		m -= 12
	}
	y = yoe + int(era)*400
	if m <= 2 {
		y++
	}
	return y, m, d
}

func digits2(b []byte) int { // -1 where they are not digits
	a, c := b[0]-'0', b[1]-'0'
	if a > 9 || c > 9 {
		return -1
	}
	return int(a)*10 + int(c)
}

// clockOf reads hh:mm:ss.
func clockOf(b []byte) (secs int64, ok bool) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return 0, false
	}
	h, m, s := digits2(b), digits2(b[3:]), digits2(b[6:])
	if h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60 {
		return 0, false
	}
	return int64(h*3600 + m*60 + s), true
}

// fraction reads the digits after a decimal sign as nanoseconds, and how many
// bytes they took.
func fraction(b []byte) (ns int64, n int) {
	for n < len(b) {
		c := b[n] - '0'
		if c > 9 {
			break
		}
		if n < 9 {
			ns = ns*10 + int64(c)
		}
		n++
	}
	if n < 9 {
		ns *= pow10[9-n]
	}
	return ns, n
}

var pow10 = [10]int64{1, 10, 100, 1000, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// parseTimestamp reads a date and time at the start of b: 2006-01-02T15:04:05
// or with a space, a fraction after . or a comma, and a zone (Z, +02:00, +0200,
// or none, which is taken as UTC: see zoned and local). It returns the length it took, 0 where there
// is none.
func parseTimestamp(b []byte) (t int64, n int) {
	if len(b) < 19 || b[4] != '-' || b[7] != '-' || (b[10] != 'T' && b[10] != ' ') {
		return 0, 0
	}
	c, y2 := digits2(b), digits2(b[2:])
	mo, d := digits2(b[5:]), digits2(b[8:])
	secs, ok := clockOf(b[11:])
	if !ok || c < 0 || y2 < 0 || mo < 1 || mo > 12 || d < 1 || d > 31 {
		return 0, 0
	}
	// Nanoseconds since 1970 fit 64 bits from 1678 to 2261.
	if c < 17 || c > 22 {
		return 0, 0
	}
	t = daysFromCivil(c*100+y2, mo, d)*day + secs*second
	n = 19
	if n < len(b) && (b[n] == '.' || b[n] == ',') {
		ns, k := fraction(b[n+1:])
		if k > 0 {
			t += ns
			n += 1 + k
		}
	}
	if n >= len(b) {
		return t, n
	}
	switch b[n] {
	case 'Z':
		return t, n + 1
	case '+', '-':
		rest := b[n+1:]
		if len(rest) < 4 {
			return t, n
		}
		h := digits2(rest)
		k := 2
		if rest[2] == ':' {
			k = 3
		}
		if len(rest) < k+2 {
			return t, n
		}
		m := digits2(rest[k:])
		if h < 0 || h > 18 || m < 0 || m > 59 {
			return t, n
		}
		off := int64(h*3600+m*60) * second
		if b[n] == '-' {
			off = -off
		}
		return t - off, n + 1 + k + 2
	}
	return t, n
}

// resolveWall dates a time of the year (month, day, and nanoseconds into the
// day) that has no year and no zone. Carried by something that knows the time,
// it is the instant nearest to that, in the zone whose offset explains the
// difference; alone, it is the last such date before the file's own time.
func resolveWall(mo, d int, intoDay int64, env *Envelope, meta *Meta, memo *wall) int64 {
	if env.HasTime {
		y, start := memo.of(mo, d, floorDiv(env.Time, day))
		wall := start + intoDay
		if wall-env.Time > year/2 {
			wall = daysFromCivil(y-1, mo, d)*day + intoDay
		} else if env.Time-wall > year/2 {
			wall = daysFromCivil(y+1, mo, d)*day + intoDay
		}
		return atCarrier(wall, env.Time, env.Time)
	}
	y := meta.Year
	if y == 0 {
		y = lastYear(mo, d, intoDay, meta.Reference)
		if meta.Clock != nil && meta.Reference-daysFromCivil(y, mo, d)*day > year/2 {
			y = lastYear(mo, d, intoDay, meta.Clock())
		}
	}
	wall := daysFromCivil(y, mo, d)*day + intoDay
	if meta.Offset != nil {
		return wall - meta.Offset(wall)
	}
	return wall
}

// atCarrier is the instant that a clock without a zone shows, in the zone whose
// offset explains how far it is from the time at which the carrier took the
// line. Where none does, it is the third.
func atCarrier(wall, carrier, otherwise int64) int64 {
	ahead := wall - carrier
	if ahead <= second && ahead > -60*second {
		return wall
	}
	// The carrier takes the line a little after it was written: round the zone
	// up from there. Zones are multiples of 15 minutes, of an hour and more.
	const quarter = 900 * second
	zone := floorDiv(ahead+60*second, quarter) * quarter
	late := zone - ahead
	if zone >= -12*3600*second && zone <= 14*3600*second && (zone <= -3600*second || zone >= 3600*second) && late >= -second && late <= 60*second {
		return wall - zone
	}
	if ahead > -12*3600*second && ahead < 0 {
		// Written in UTC and taken long after: a slow reader.
		return wall
	}
	return otherwise
}

// local is the instant of a date and time that has no zone.
func (ev *Event) local(wall int64) int64 {
	switch {
	case ev.Env.HasTime:
		return atCarrier(wall, ev.Env.Time, wall)
	case ev.File != nil && ev.File.Offset != nil:
		return wall - ev.File.Offset(wall)
	}
	return wall
}

// zoned says whether a date and time, as parseTimestamp reads it, tells its zone.
func zoned(b []byte) bool { return bytes.ContainsAny(b[19:], "Z+-") }

// lastYear is the year of the last such date before a time. A day of slack is
// left: the date's zone may be ahead of UTC.
func lastYear(mo, d int, intoDay, ref int64) int {
	y, _, _ := civilFromDays(floorDiv(ref, day))
	if daysFromCivil(y, mo, d)*day+intoDay > ref+day {
		y--
	}
	for !validDate(y, mo, d) {
		y-- // 29 February
	}
	return y
}

func validDate(y, mo, d int) bool {
	return mo != 2 || d != 29 || y%4 == 0 && (y%100 != 0 || y%400 == 0)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// AppendTime appends a time as RFC 3339 in UTC, with microseconds, or
// nanoseconds where there are some.
func AppendTime(dst []byte, t int64) []byte { return (&date{}).appendTime(dst, t) }

// date remembers the text of a day: most events of a log are of the same one.
type date struct {
	known bool
	day   int64
	text  [27]byte
}

func (c *date) appendTime(dst []byte, t int64) []byte {
	days := floorDiv(t, day)
	if !c.known || days != c.day {
		y, m, d := civilFromDays(days)
		b := append4(c.text[:0], y)
		b = append2(append(b, '-'), m)
		b = append2(append(b, '-'), d)
		_ = append(b, "T00:00:00.000000"...)
		c.day, c.known = days, true
	}
	into := t - days*day
	secs := int(into / second)
	ns := int(into - int64(secs)*second)
	n := len(dst)
	dst = append(dst, c.text[:]...)
	b := dst[n : n+27]
	put2(b[11:13], secs/3600)
	put2(b[14:16], secs/60%60)
	put2(b[17:19], secs%60)
	us := ns / 1000
	put2(b[20:22], us/10000)
	put2(b[22:24], us/100%100)
	put2(b[24:26], us%100)
	if rest := ns - us*1000; rest != 0 {
		return append(dst[:n+26], byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10), 'Z')
	}
	b[26] = 'Z'
	return dst
}

const twoDigits = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"

func put2(b []byte, n int) {
	_ = b[1]
	b[0], b[1] = twoDigits[2*n], twoDigits[2*n+1]
}

func appendClock(dst []byte, secs int) []byte {
	dst = append2(dst, secs/3600)
	dst = append(dst, ':')
	dst = append2(dst, secs/60%60)
	dst = append(dst, ':')
	return append2(dst, secs%60)
}

func append2(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

func append4(dst []byte, n int) []byte { return append2(append2(dst, n/100%100), n%100) }

// appendShortTime appends month, day and time to the millisecond, for people.
func appendShortTime(dst []byte, t int64) []byte {
	days := floorDiv(t, day)
	_, m, d := civilFromDays(days)
	into := t - days*day
	dst = append2(dst, m)
	dst = append(dst, '-')
	dst = append2(dst, d)
	dst = append(dst, ' ')
	dst = appendClock(dst, int(into/second))
	ms := int(into % second / 1_000_000)
	return append(dst, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
}
