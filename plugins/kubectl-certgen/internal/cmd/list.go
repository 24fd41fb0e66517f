package cmd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/issue"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/san"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

// listed is a line of --list.
type listed struct {
	line  int
	name  string
	names []pki.GeneralName
}

// readList reads NAME and its addresses and names, a line each; # starts a
// comment. Every line is checked before anything is made.
func readList(env *cli.Env, file string) ([]listed, error) {
	shown := file
	if file == "-" {
		shown = "stdin"
	}
	data, err := readInput(env, file)
	if err != nil {
		return nil, err
	}
	out, err := parseList(bytes.NewReader(data))
	if err != nil {
		return nil, cli.Usagef("%s:%w", shown, err)
	}
	if len(out) == 0 {
		return nil, cli.Usagef("%s: no names in it, only comments", shown)
	}
	return out, nil
}

func parseList(in io.Reader) ([]listed, error) {
	var out []listed
	seen := map[string]int{}
	sc := bufio.NewScanner(in)
	sc.Buffer(nil, 1<<20)
	n := 0
	for sc.Scan() {
		n++
		text, _, _ := strings.Cut(strings.TrimPrefix(sc.Text(), "\ufeff"), "#")
		words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' || r == '\r' })
		if len(words) == 0 {
			continue
		}
		l := listed{line: n, name: words[0]}
		if err := layout.CheckName(l.name); err != nil {
			return nil, fmt.Errorf("%d: %w", n, err)
		}
		if first, dup := seen[l.name]; dup {
			return nil, fmt.Errorf("%d: %q is on line %d already", n, l.name, first)
		}
		seen[l.name] = n
		for _, w := range words[1:] {
			g, err := san.Parse(w)
			if err != nil {
				return nil, fmt.Errorf("%d: %w", n, err)
			}
			l.names = san.Add(l.names, g)
		}
		out = append(out, l)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("%d: %w", n+1, err)
	}
	return out, nil
}

func (o *serverOptions) runList(ctx context.Context, env *cli.Env) error {
	lines, err := readList(env, o.flags.list)
	if err != nil {
		return err
	}
	var reqs []issue.Request
	for _, l := range lines {
		r := o.request
		r.Name = l.name
		names := o.names
		if len(l.names) == 0 {
			g, err := san.Parse(l.name)
			if err != nil {
				return cli.Usagef("%s:%d: no names behind %q, and it is none itself: %w", o.flags.list, l.line, l.name, err)
			}
			l.names = []pki.GeneralName{g}
		}
		for _, g := range l.names {
			if g.Kind == pki.IP {
				names.IPs = append(names.IPs[:len(names.IPs):len(names.IPs)], g)
			} else {
				names.DNS = append(names.DNS[:len(names.DNS):len(names.DNS)], g)
			}
		}
		r.Names = o.Profile.Arrange(names)
		if o.flags.noServiceNames && o.flags.subject == "" {
			r.Subject = pki.Name{{Type: "CN", Value: pki.CutCommonName(l.name)}}
		}
		reqs = append(reqs, r)
	}
	return runMany(ctx, env, o.Options, reqs, o.flags.format)
}

// runMany makes many certificates, in parallel and in sets that appear whole;
// what an earlier, interrupted run made is left as it is.
func runMany(ctx context.Context, env *cli.Env, opts issue.Options, reqs []issue.Request, format string) error {
	opts.Doing = nil // it is said for all of them
	f, err := issue.Open(opts)
	if err != nil {
		return refused(err)
	}
	defer f.Close()
	p := output.NewProgress(env.ErrOut, env.Interactive())
	defer p.Stop()
	var first []*issue.Item
	stays := &kept{}
	count := map[issue.Action]int{}
	beside := 0
	err = f.Many(ctx, reqs, func(done int, it *issue.Item) {
		count[it.Action]++
		if it.Action == issue.Unchanged {
			beside += len(it.Also())
		}
		stays.add(f, f.CA.Cert, it)
		if format != "text" || len(first) < 1 {
			first = append(first, it)
		}
		p.Set("%d of %d certificates", done, len(reqs))
	})
	p.Stop()
	done := count[issue.Created] + count[issue.Reissued] + count[issue.Unchanged]
	if err != nil {
		if ctx.Err() != nil {
			env.Tell("stopped after %d of %d certificates; run it again to make the rest", done, len(reqs))
			return ctx.Err()
		}
		var we *issue.WriteError
		if errors.As(err, &we) {
			return cli.WithHint(notWritten(we.Err), fmt.Sprintf("%d of %d certificates are there; run it again to make the rest", done, len(reqs)))
		}
		return refused(err)
	}
	r := newReport(f, first...)
	r.Warnings = append(r.Warnings, stays.lines(f.L.Root)...)
	if format != "text" {
		if format == "yaml" {
			return finding.WriteYAML(env.Out, r)
		}
		return finding.WriteJSON(env.Out, r)
	}
	many(env, f, r, count, beside)
	return nil
}

// many says what became of many certificates, and how many kubeconfigs were
// written beside some that stayed.
func many(env *cli.Env, f *issue.Folder, r *made, count map[issue.Action]int, beside int) {
	items := r.Items
	r.Items = items[:1]
	verb := "made"
	if f.DryRun {
		verb = "would be made"
	}
	n := count[issue.Created]
	fmt.Fprintf(env.Out, "%d %s %s", n, plural(n, "certificate", "certificates"), verb)
	if n := count[issue.Reissued]; n > 0 {
		fmt.Fprintf(env.Out, ", %d issued again", n)
	}
	if n := count[issue.Unchanged]; n > 0 {
		fmt.Fprintf(env.Out, ", %d were there already", n)
	}
	if beside > 0 {
		fmt.Fprintf(env.Out, ", %d %s written for them", beside, plural(beside, "kubeconfig", "kubeconfigs"))
	}
	where := "as " + show(f.Rel(f.L.Leaf("NAME").Cert))
	if len(items) > 1 {
		where += ", until " + items[1].until
	}
	fmt.Fprintf(env.Out, " %s\n", where)
	clients := r.Clients
	r.Clients = ""
	r.text(env)
	if clients != "" {
		fold.Under(env.Out, "clients  ", clients, env.Columns(env.Out))
	}
	r.talk(env)
}
