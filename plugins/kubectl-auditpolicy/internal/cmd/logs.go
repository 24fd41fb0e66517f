package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/auditlog"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/replay"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

// readLogs reads audit logs with a progress line on a terminal, and says on
// stderr what a reader should know of their state.
func readLogs(ctx context.Context, env *cli.Env, args []string, newVisitor func() auditlog.Visitor) ([]auditlog.Visitor, auditlog.Stats, error) {
	sources, err := auditlog.Sources(args, env.In)
	if err != nil {
		return nil, auditlog.Stats{}, cli.Usagef("%w", err)
	}
	p := output.NewProgress(env.ErrOut, env.Interactive())
	defer p.Stop()
	var last atomic.Int64
	visitors, st, err := auditlog.Read(ctx, sources, auditlog.Options{Progress: func(read, total int64) {
		// A line of text for every 4 MB is plenty for a line drawn ten times a
		// second.
		if read-last.Load() < 4<<20 {
			return
		}
		last.Store(read)
		if total > 0 {
			p.Set("reading logs: %s of %s (%s)", size(read), size(total), percent(read, total))
		} else {
			p.Set("reading logs: %s", size(read))
		}
	}}, newVisitor)
	p.Stop()
	if errors.Is(err, context.Canceled) {
		return nil, st, err
	}
	if err != nil {
		return nil, st, cli.Usagef("%w", err)
	}
	if n := len(st.PassedOver); n > 0 {
		env.Warn("%s passed over, no audit log: %s", plural(int64(n), "file"), strings.Join(st.PassedOver, ", "))
	}
	if st.Broken > 0 {
		env.Warn("%s cut off or garbled (%s) could not be read", plural(st.Broken, "event"), size(st.BrokenBytes))
	}
	return visitors, st, nil
}

// exactPolicy is runnablePolicy for a command that asks exact questions, which
// cost more than the number of rules.
func exactPolicy(env *cli.Env, name string) (*policy.Policy, error) {
	p, err := runnablePolicy(env, name)
	if err != nil {
		return nil, err
	}
	return p, few(p)
}

// few refuses a policy of more rules than exact questions are asked about.
func few(p *policy.Policy) error {
	if n := len(p.Internal.Rules); n > policy.MaxExact {
		return cli.Usagef("%s: %s rules: exact answers are given for at most %s; match, test, replay and leaks take any number",
			p.Title(), count(int64(n)), count(policy.MaxExact))
	}
	return nil
}

// matchArg is a policy as an argument of match, for a command line to try: what
// came from stdin has to be in a file first.
func matchArg(p *policy.Policy) string {
	if p.Name == stdinName {
		return "policy.yaml"
	}
	return space.Quote(p.Name)
}

// origins says where in their file some policies stand.
func origins(ps []*policy.Policy) string {
	var out []string
	for _, p := range ps {
		out = append(out, p.Origin)
	}
	if len(out) > 4 {
		out = append(out[:3], fmt.Sprintf("%d more", len(ps)-3))
	}
	return strings.Join(out, "; ")
}

// judges reads a policy and makes a judge of it for each goroutine; without a
// policy there is none, and nothing is judged.
func judges(env *cli.Env, name string) (*policy.Policy, func() *replay.Judge, error) {
	if name == "" {
		return nil, func() *replay.Judge { return nil }, nil
	}
	p, err := runnablePolicy(env, name)
	if err != nil {
		return nil, nil, err
	}
	e := policy.NewEvaluator(p.Internal)
	return p, func() *replay.Judge { return replay.NewJudge(e, p.Internal) }, nil
}

// runnablePolicy loads the one policy of a file ("-" is stdin) for a command
// that asks what kube-apiserver would do with it. One that kube-apiserver would
// not start with records nothing, and is wrong input here; lint tells more.
func runnablePolicy(env *cli.Env, name string) (*policy.Policy, error) {
	data, err := readBytes(env, name)
	if err != nil {
		return nil, cli.Usagef("policy %s: %w", shownName(name), err)
	}
	ps, err := policy.Load(shownName(name), data)
	if err != nil {
		return nil, cli.Usagef("%w", err)
	}
	if len(ps) > 1 {
		return nil, cli.Usagef("%s: it holds %d policies (%s); give a file with one", shownName(name), len(ps), origins(ps))
	}
	p := ps[0]
	lint := fmt.Sprintf("'kubectl auditpolicy lint %s' shows what is wrong", space.Quote(name))
	if len(p.Refused) > 0 {
		return nil, cli.WithHint(cli.Usagef("%s: kube-apiserver would not start with this policy: %s", p.Title(), p.Refused[0].Said()), lint)
	}
	if n := len(p.Dropped); n > 0 {
		env.Warn("%s: kube-apiserver drops %s, so rules may match more than they say; %s", p.Title(), plural(int64(n), "field"), lint)
	}
	return p, nil
}
