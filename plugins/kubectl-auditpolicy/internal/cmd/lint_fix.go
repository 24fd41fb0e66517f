package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/diff"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// maxRounds bounds mending: a mended place can bring another to light.
const maxRounds = 5

// mend applies the fixes of a file, says what they change in what is recorded,
// and returns the judgement on the result.
func (o *lintOptions) mend(env *cli.Env, name, shown string, data []byte, js []judged) ([]judged, error) {
	text, talk := data, []string{}
	for range maxRounds {
		var edits []yamldoc.Edit
		for _, j := range js {
			e, done := j.report.Fixes()
			edits = append(edits, e...)
			for _, r := range done {
				talk = append(talk, fmt.Sprintf("mended %s: %s [%s]", r.Subject.Location(), r.Fix.What, r.ID))
			}
		}
		if len(edits) == 0 {
			break
		}
		next := yamldoc.Apply(text, edits)
		njs, err := o.judge(shown, next)
		if err != nil {
			return nil, cli.Unknownf("%s: --fix would have broken it; nothing was written: %w", shown, err)
		}
		text, js = next, njs
	}
	for _, l := range talk {
		fmt.Fprintln(env.ErrOut, l)
	}
	if len(talk) > 0 {
		o.proof(env, shown, data, text)
	}
	switch {
	case o.dryRun || name == "-":
		if _, err := env.Out.Write(text); err != nil {
			return nil, err
		}
	case len(talk) > 0:
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

// proof says how what is recorded changes.
func (o *lintOptions) proof(env *cli.Env, shown string, before, after []byte) {
	a, err1 := policy.Load(shown, before)
	b, err2 := policy.Load(shown, after)
	if err1 != nil || err2 != nil || len(a) != len(b) {
		return
	}
	for i := range a {
		if len(a[i].Refused) > 0 {
			fmt.Fprintf(env.ErrOut, "%s: kube-apiserver refused it before, so there is nothing to compare\n", b[i].Title())
			continue
		}
		d := diff.Compare(a[i].Internal, b[i].Internal, apitable.For(o.rules.Minor))
		switch {
		case d.Undecided:
			fmt.Fprintf(env.ErrOut, "%s: what changes could not be decided within the budget\n", b[i].Title())
		case len(d.Changes) == 0:
			fmt.Fprintf(env.ErrOut, "%s: proven: every request is recorded as before\n", b[i].Title())
		default:
			fmt.Fprintf(env.ErrOut, "%s: what is recorded changes:\n", b[i].Title())
			for _, c := range d.Changes {
				fmt.Fprintf(env.ErrOut, "  %s\n", strings.Join([]string{c.Class, ": ", c.From.String(), " -> ", c.To.String()}, ""))
			}
		}
	}
}

// writeAtomic replaces a file in one step, so that a reader sees the old text
// or the new one.
func writeAtomic(path string, data []byte, mode os.FileMode) error {
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
