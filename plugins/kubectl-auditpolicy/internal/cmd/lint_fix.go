package cmd

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/diff"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/lint"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
	"github.com/clusterwright/kubectl-plugins/shared/widetext"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// oneByOne is the number of fixes up to which each is tried by itself, rounds
// how often fixes are tried.
const (
	oneByOne = 60
	rounds   = 10 * oneByOne
)

// mend applies the fixes of a file, says what they change in what is recorded,
// and returns the judgement on the result. A fix that would let credentials
// into the log is left to a person.
func (o *lintOptions) mend(env *cli.Env, name, shown string, data []byte, js []judged) ([]judged, error) {
	text := data
	refused := map[string]bool{}
	var talk []string
	try := func(edits []yamldoc.Edit, done ...lint.Result) error {
		next := yamldoc.Apply(text, edits)
		njs, err := o.judge(shown, next)
		if err != nil {
			return cli.Unknownf("%s: --fix would have broken it; nothing was written: %w", shown, err)
		}
		worse := credentials(njs) > credentials(js)
		for _, r := range done {
			if worse {
				refused[r.ID+" "+r.Subject.Path] = true
				talk = append(talk, fmt.Sprintf("left %s: %s would write credentials to the log [%s]", r.Subject.Location(), r.Fix.What, r.ID))
				continue
			}
			talk = append(talk, fmt.Sprintf("mended %s: %s [%s]", r.Subject.Location(), r.Fix.What, r.ID))
		}
		if !worse {
			text, js = next, njs
		}
		return nil
	}
	// A fix can bring to light what another mends: mending ends when nothing is
	// left, so that to mend again changes nothing.
	for range rounds {
		if len(pending(js, refused)) == 0 {
			break
		}
		var edits []yamldoc.Edit
		var done []lint.Result
		for _, j := range js {
			few := lint.Report{Results: pending([]judged{j}, refused)}
			e, d := few.Fixes()
			edits, done = append(edits, e...), append(done, d...)
		}
		if len(done) <= oneByOne {
			edits, done = done[0].Fix.Edits, done[:1]
		}
		if err := try(edits, done...); err != nil {
			return nil, err
		}
	}
	for _, l := range talk {
		fmt.Fprintln(env.ErrOut, l)
	}
	changed := !bytes.Equal(text, data)
	if changed {
		o.proof(env, shown, data, text)
	}
	switch {
	case o.dryRun:
		if _, err := env.Out.Write(text); err != nil {
			return nil, err
		}
	case changed:
		info, err := os.Stat(name)
		if err != nil {
			return nil, cli.Usagef("%s: %w", name, err)
		}
		if err := writeAtomic(name, text, info.Mode().Perm()); err != nil {
			return nil, cli.Unknownf("%s: %w", name, err)
		}
	}
	return js, nil
}

// pending are the results that can be mended and were not refused.
func pending(js []judged, refused map[string]bool) []lint.Result {
	var out []lint.Result
	for _, j := range js {
		for _, r := range j.report.Results {
			if r.Fix != nil && !refused[r.ID+" "+r.Subject.Path] {
				out = append(out, r)
			}
		}
	}
	return out
}

// credentials counts what the rules write to the log of Secrets and tokens.
func credentials(js []judged) int {
	n := 0
	for _, j := range js {
		n += j.report.Credentials
	}
	return n
}

// proof says how what is recorded changes.
func (o *lintOptions) proof(env *cli.Env, shown string, before, after []byte) {
	a, err1 := policy.Load(shown, before)
	b, err2 := policy.Load(shown, after)
	if err1 != nil || err2 != nil || len(a) != len(b) {
		return
	}
	for i := range a {
		if len(a[i].Refused) > 0 {
			env.Tell("%s: kube-apiserver refused it before, so there is nothing to compare", b[i].Title())
			continue
		}
		d := diff.Compare(a[i].Internal, b[i].Internal, apitable.For(o.rules.Minor))
		if len(d.Changes) > 0 {
			env.Tell("%s: what is recorded changes:", b[i].Title())
		}
		for _, c := range d.Changes {
			fold.Under(env.ErrOut, "  ", fmt.Sprintf("%s: %s -> %s", c.Class, c.From, c.To), env.Columns(env.ErrOut))
		}
		switch {
		case d.Undecided:
			env.Tell("%s: what changes could not be decided within the budget", b[i].Title())
		case d.More:
			env.Tell("%s: and more, which is not listed", b[i].Title())
		case len(d.Changes) == 0:
			env.Tell("%s: proven: every request is recorded as before", b[i].Title())
		}
	}
}

// writeAtomic replaces a file in one step, so that a reader sees the old text
// or the new one, in the encoding that the file has. Where the path is a link, what it points to is replaced.
func writeAtomic(path string, data []byte, mode os.FileMode) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if data, err = widetext.Like(path, data); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".auditpolicy-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(data); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Chmod(mode); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
