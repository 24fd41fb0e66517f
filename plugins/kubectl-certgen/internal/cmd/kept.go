package cmd

import (
	"crypto/x509"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/issue"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// kept collects what stays as it is although something else was asked for now: a
// certificate that is still good keeps its days, and no key is replaced.
type kept struct {
	days, keys keptFiles
}

// keptFiles are files that stay for one reason, of which the first is named.
type keptFiles struct {
	first     string
	is, asked string
	args      string // of renew, for the first
	more      int
}

func (k *keptFiles) add(file, is, asked, args string) {
	if k.first != "" {
		k.more++
		return
	}
	*k = keptFiles{first: file, is: is, asked: asked, args: args}
}

// who is the first file, and how many others there are.
func (k *keptFiles) who() string {
	if k.more > 0 {
		return fmt.Sprintf("%s and %d more", k.first, k.more)
	}
	return k.first
}

// add looks at what became of a request to a CA.
func (k *kept) add(f *issue.Folder, ca *x509.Certificate, it *issue.Item) {
	cert, key := show(f.Rel(it.Pair.Cert)), show(f.Rel(it.Pair.Key))
	if it.Pair.Cert == "" { // it is in a kubeconfig
		cert = show(f.Rel(it.Name))
		key = cert
	}
	if it.Action == issue.Unchanged && otherDays(it.Cert, ca, it.Validity, f.Outlive, f.Now) {
		k.days.add(cert, "until "+it.Cert.NotAfter.UTC().Format(time.DateOnly), lasting(it.Validity), fmt.Sprintf("--days %d", wholeDays(it.Validity)))
	}
	if is := pki.SpecOfCert(it.Cert); !it.KeyNew && f.Options.Key != "" && is != f.Options.Key {
		k.keys.add(key, is.Human(), f.Options.Key.Human(), "")
	}
}

// lines say what stays, and what makes it anew. root stands for more than one
// file.
func (k *kept) lines(root string) []string {
	var out []string
	if d := k.days; d.first != "" {
		what := d.first
		if d.more > 0 {
			what = show(root)
		}
		out = append(out, fmt.Sprintf("%s: kept, %s, and not made for %s as is asked now: 'kubectl certgen renew %s %s' does that", d.who(), d.is, d.asked, what, d.args))
	}
	if d := k.keys; d.first != "" {
		out = append(out, fmt.Sprintf("%s: kept, %s, and not %s as is asked now: a key is never replaced; move it away with its certificate to have both made anew", d.who(), d.is, d.asked))
	}
	return out
}

// keptCA is the line for a CA that stays as it is although another key or other
// days were asked for, "" where none was. key is what a new CA would get.
func keptCA(f *issue.Folder, key pki.KeySpec) string {
	c := f.CA.Cert
	is := pki.SpecOfCert(c)
	asked := ""
	if key != "" && key != is {
		asked = key.Human()
	}
	if otherDays(c, nil, f.CAValidity, true, f.Now) {
		asked = strings.TrimSpace(asked + " for " + lasting(f.CAValidity))
	}
	if f.CANew || asked == "" {
		return ""
	}
	return fmt.Sprintf("%s: kept, %s, until %s, and not %s as is asked now: a CA is never replaced; 'kubectl certgen rotate ca' puts a new one beside it, in stages",
		show(f.Rel(f.L.CA().Cert)), is.Human(), c.NotAfter.UTC().Format(time.DateOnly), asked)
}

// otherDays says that a certificate was not made to last as long as is asked now.
func otherDays(c, ca *x509.Certificate, asked time.Duration, outlive bool, now time.Time) bool {
	const slack = time.Hour // for what tools put before the time of making
	if asked == 0 {
		return false
	}
	longer := c.NotAfter.Sub(c.NotBefore) > asked+slack
	shorter := c.NotAfter.Sub(c.NotBefore) < asked-slack
	if ca != nil && c.NotBefore.Equal(ca.NotBefore) {
		// kubeadm's begin with their CA, so when it was made is not known: at the
		// latest now.
		longer = c.NotAfter.Sub(now) > asked+slack
	}
	if shorter && ca != nil && !outlive && c.NotAfter.Equal(ca.NotAfter) {
		return false // it was cut to the end of its CA, and would be again
	}
	return longer || shorter
}

const day = 24 * time.Hour

// wholeDays is a time in days, rounded up.
func wholeDays(d time.Duration) int { return int((d + day - 1) / day) }

// lasting is a validity in words.
func lasting(d time.Duration) string {
	if d%day == 0 {
		return fmt.Sprintf("%d %s", d/day, plural(int(d/day), "day", "days"))
	}
	return d.String()
}

// keptKey is the line for a key that stays beside a request or alone, "" where it
// is of the type that was asked for or none was.
func keptKey(f *issue.Folder, file string, is, asked pki.KeySpec) string {
	if asked == "" || is == asked {
		return ""
	}
	return fmt.Sprintf("%s: kept, %s, and not %s as is asked now: a key is never replaced; move %s away to have one made anew", show(f.Rel(file)), is.Human(), asked.Human(), path.Base(file))
}
