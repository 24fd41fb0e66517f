package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/auditlog"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/replay"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/request"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

type matchOptions struct {
	policy string
	spec   request.Spec
	event  string
	line   []string
	target string
	format string
}

func newMatch(env *cli.Env) *cobra.Command {
	var o matchOptions
	c := &cobra.Command{
		Use: "match POLICY (--verb V --resource R[.GROUP][/SUB] [--name N] [-n NS] | --url PATH [--verb V] | --event FILE | -- kubectl ...)\n" +
			"      [--user U] [--group G]... [--unauthenticated]",
		Short: "Say which rule decides a request, and what would be recorded of it",
		Long: cli.Dedent(`
			Say which rule of a policy decides a request, with which level and stages, and
			what would then be in the log. kube-apiserver's own evaluator decides.

			The groups that kube-apiserver puts a user in (system:authenticated, those of
			service accounts and nodes) are added. A line of kubectl stands for all
			requests that it makes, discovery left out.`),
		Example: cli.Dedent(`
			kubectl auditpolicy match examples/auditpolicy/good.yaml --user alice --verb delete --resource secrets -n default

			kubectl auditpolicy match examples/auditpolicy/good.yaml -- kubectl exec -it web-0 -- sh

			kubectl auditpolicy match examples/auditpolicy/good.yaml --url '/api/v1/pods?watch=1' --user system:kube-proxy

			# A login that failed
			kubectl auditpolicy match examples/auditpolicy/good.yaml --unauthenticated --url /api`),
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if at := cmd.ArgsLenAtDash(); at >= 0 {
				args, o.line = args[:at], args[at:]
			}
			if len(args) != 1 {
				return cli.Usagef("match takes one policy, and a line of kubectl after --: match policy.yaml -- kubectl get pods")
			}
			o.policy = args[0]
			o.spec.NamespaceSet = cmd.Flags().Changed("namespace")
			return o.run(cmd.Context(), env)
		},
	}
	f := c.Flags()
	f.StringVar(&o.spec.User, "user", "", "User name (default: any user, called "+request.AnyUser+")")
	f.StringArrayVar(&o.spec.Groups, "group", nil, "Group of the user, beyond those that kube-apiserver adds; may be repeated")
	f.BoolVar(&o.spec.Unauthenticated, "unauthenticated", false, "A request whose authentication fails: it has no user")
	f.StringVar(&o.spec.Verb, "verb", "", "Verb, or the HTTP method with --url")
	f.StringVar(&o.spec.Resource, "resource", "", "Resource: secrets, deployments.apps, pods/exec")
	f.StringVar(&o.spec.Name, "name", "", "Name of the object")
	f.StringVarP(&o.spec.Namespace, "namespace", "n", "", `Namespace; "" is for all namespaces and for what is in none`)
	f.StringVar(&o.spec.URL, "url", "", "Path, with or without query")
	f.StringVar(&o.event, "event", "", "File with audit events to match instead; - is stdin")
	f.StringVar(&o.target, "target-version", "1.37", "Kubernetes version whose resources are meant")
	addReportFormat(c, &o.format)
	_ = c.MarkFlagFilename("event")
	_ = c.RegisterFlagCompletionFunc("verb", cobra.FixedCompletions(space.ResourceVerbs[:8], cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("resource", completeResources)
	return c
}

func completeResources(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	var out []string
	for _, e := range apitable.For(0).Entries() {
		name, sub, _ := strings.Cut(e.Resource, "/")
		if e.Group != "" {
			name += "." + e.Group
		}
		if sub != "" {
			name += "/" + sub
		}
		if strings.HasPrefix(name, prefix) {
			out = append(out, name)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// matchResult is the answer for one request.
type matchResult struct {
	Request matchedRequest `json:"request"`
	// Rule is the index of the rule, -1 for none.
	Rule              int               `json:"rule"`
	Path              string            `json:"path,omitempty"`
	Line              int               `json:"line,omitempty"`
	Level             audit.Level       `json:"level"`
	OmitStages        []audit.Stage     `json:"omitStages,omitempty"`
	OmitManagedFields bool              `json:"omitManagedFields,omitempty"`
	Recorded          request.Recording `json:"recorded"`
	Notes             []string          `json:"notes,omitempty"`
}

type matchedRequest struct {
	User        string   `json:"user,omitempty"`
	Groups      []string `json:"groups,omitempty"`
	Verb        string   `json:"verb"`
	APIGroup    string   `json:"apiGroup,omitempty"`
	Resource    string   `json:"resource,omitempty"`
	Subresource string   `json:"subresource,omitempty"`
	Namespace   string   `json:"namespace,omitempty"`
	Name        string   `json:"name,omitempty"`
	Path        string   `json:"path,omitempty"`
	Why         string   `json:"why,omitempty"`
}

func (o *matchOptions) run(ctx context.Context, env *cli.Env) error {
	if err := checkReportFormat(o.format); err != nil {
		return err
	}
	if o.event == "-" && o.policy == "-" {
		return cli.Usagef("the policy and the events cannot both come from stdin")
	}
	minor, err := minorVersion(o.target)
	if err != nil {
		return cli.Usagef("--target-version %q: %w", o.target, err)
	}
	p, err := runnablePolicy(env, o.policy)
	if err != nil {
		return err
	}
	requests, err := o.requests(ctx, env, apitable.For(minor))
	if err != nil {
		return err
	}
	e := policy.NewEvaluator(p.Internal)
	items := []matchResult{}
	for _, r := range requests {
		items = append(items, resultOf(p, e, r))
	}
	report := map[string]any{"apiVersion": apiVersion, "kind": "MatchReport", "items": items}
	if done, err := env.WriteReport(o.format, cli.Report{Value: report}); done {
		return err
	}
	for i, m := range items {
		if i > 0 {
			fmt.Fprintln(env.Out)
		}
		writeMatch(env, p, requests[i], m)
	}
	return nil
}

func (o *matchOptions) requests(ctx context.Context, env *cli.Env, table *apitable.Table) ([]*request.Request, error) {
	ways := 0
	for _, given := range []bool{o.spec.Resource != "", o.spec.URL != "", o.event != "", len(o.line) > 0} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return nil, cli.Usagef("give the request in one way: --verb and --resource, --url, --event, or a line of kubectl after --")
	}
	s := o.spec
	switch {
	case s.Resource == "" && s.Name != "", s.URL != "" && s.NamespaceSet:
		return nil, cli.Usagef("--name and --namespace go with --resource: a URL, an event and a line of kubectl have their own")
	case o.event != "" && (s.Verb != "" || s.User != "" || len(s.Groups) > 0 || s.Unauthenticated || s.NamespaceSet):
		return nil, cli.Usagef("--event: its events say who did what; leave the other flags out")
	case len(o.line) > 0 && s.Verb != "":
		return nil, cli.Usagef("--verb: a line of kubectl has its own verbs")
	}
	if o.spec.Unauthenticated && (o.spec.User != "" || len(o.spec.Groups) > 0) {
		return nil, cli.Usagef("--unauthenticated: a request whose authentication fails has no user and no groups; leave --user and --group out")
	}
	switch {
	case len(o.line) > 0:
		rs, err := request.Kubectl(o.line, o.spec, table)
		if err != nil {
			return nil, cli.Usagef("%w", err)
		}
		return rs, nil
	case o.event != "":
		return o.events(ctx, env)
	}
	r, err := request.Make(o.spec, table)
	if err != nil {
		return nil, cli.Usagef("%w", err)
	}
	return []*request.Request{r}, nil
}

func (o *matchOptions) events(ctx context.Context, env *cli.Env) ([]*request.Request, error) {
	data, shown, err := readInput(env, o.event)
	if err != nil {
		return nil, err
	}
	if len(data) > policy.MaxBytes {
		return nil, cli.WithHint(cli.Usagef("%s: more than the %d MB of events that are matched one by one", shown, policy.MaxBytes>>20), "'replay' takes a log of any size")
	}
	c := &collector{}
	src := auditlog.Source{Name: shown, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
	_, st, err := auditlog.Read(ctx, []auditlog.Source{src}, auditlog.Options{Workers: 1}, func() auditlog.Visitor { return c })
	if errors.Is(err, context.Canceled) {
		return nil, err
	}
	if err != nil {
		return nil, cli.Usagef("%w", err)
	}
	if c.err != nil {
		return nil, cli.Usagef("%s: %w", shown, c.err)
	}
	if st.Broken > 0 {
		env.Warn("%s cut off or garbled (%s) could not be read", plural(st.Broken, "event"), size(st.BrokenBytes))
	}
	return c.requests, nil
}

// collector makes a request of every event, in their order.
type collector struct {
	requests []*request.Request
	err      error
}

// Visit takes the request of an event.
func (c *collector) Visit(e *auditlog.Event) {
	a, err := replay.Attributes(e)
	if err != nil {
		c.err = err
		return
	}
	c.requests = append(c.requests, &request.Request{AttributesRecord: a})
}

func resultOf(p *policy.Policy, e *policy.Evaluator, r *request.Request) matchResult {
	d := e.Match(r)
	m := matchResult{Rule: d.Rule, Level: d.Level, OmitStages: d.OmitStages, OmitManagedFields: d.OmitManagedFields,
		Recorded: request.Record(d, r), Notes: r.Notes}
	m.Request = matchedRequest{Verb: r.Verb, Why: r.Why}
	if r.User != nil {
		m.Request.User, m.Request.Groups = r.User.GetName(), r.User.GetGroups()
	}
	if r.ResourceRequest {
		m.Request.APIGroup, m.Request.Resource, m.Request.Subresource = r.APIGroup, r.Resource, r.Subresource
		m.Request.Namespace, m.Request.Name = r.Namespace, r.Name
	} else {
		m.Request.Path = r.Path
	}
	if d.Rule != policy.NoRule {
		m.Path = policy.RulePath(d.Rule)
		m.Line, _ = p.Position(p.RuleNode(d.Rule))
	}
	if m.Recorded.Events == nil {
		m.Recorded.Events = []audit.Stage{}
	}
	return m
}

func writeMatch(env *cli.Env, p *policy.Policy, r *request.Request, m matchResult) {
	st, w := env.Style(env.Out), env.Out
	head := "no rule, level None"
	if m.Rule != policy.NoRule {
		head = fmt.Sprintf("rule %d, level %s", m.Rule+1, m.Level)
	}
	if r.Why != "" {
		head += "   (" + r.Why + ")"
	}
	fmt.Fprintln(w, st.Bold(head))
	field := func(name, text string) { fold.Under(w, fmt.Sprintf("  %-10s", name), text, env.Width()) }
	field("request", sentence(r))
	method, uri := request.HTTP(r)
	field("", method+" "+uri)
	if m.Rule != policy.NoRule {
		field("rule", fmt.Sprintf("%s:%d  %s", p.Name, m.Line, ruleSummary(&p.Internal.Rules[m.Rule], 52)))
	} else {
		field("rule", "none matches; the default is None")
	}
	field("recorded", recordedWords(m))
	if m.Recorded.Why != "" {
		field("", m.Recorded.Why)
	}
	for _, n := range m.Notes {
		field("note", n)
	}
}

// sentence is a request in words.
func sentence(a authorizer.Attributes) string {
	who := "a request that fails authentication:"
	if u := a.GetUser(); u != nil {
		who = u.GetName() + " (" + strings.Join(u.GetGroups(), ", ") + "):"
	}
	if !a.IsResourceRequest() {
		return fmt.Sprintf("%s %s %s", who, a.GetVerb(), a.GetPath())
	}
	res := a.GetResource()
	if a.GetAPIGroup() != "" {
		res += "." + a.GetAPIGroup()
	}
	if a.GetSubresource() != "" {
		res += "/" + a.GetSubresource()
	}
	if a.GetName() != "" {
		res += " " + a.GetName()
	}
	if a.GetNamespace() != "" {
		res += " in " + a.GetNamespace()
	}
	return fmt.Sprintf("%s %s %s", who, a.GetVerb(), res)
}

func recordedWords(m matchResult) string {
	if m.Level == audit.LevelNone {
		return "nothing"
	}
	if len(m.Recorded.Events) == 0 {
		return "nothing: all stages of such a request are omitted"
	}
	var stages []string
	for _, s := range m.Recorded.Events {
		stages = append(stages, string(s))
	}
	text := plural(int64(len(stages)), "event") + " (" + strings.Join(stages, ", ") + "): who, when, URL, object, status"
	switch {
	case m.Recorded.RequestBody && m.Recorded.ResponseBody:
		text += ", request body, response body"
	case m.Recorded.RequestBody:
		text += ", request body"
	case m.Recorded.ResponseBody:
		text += ", response body"
	default:
		text += "; no bodies"
	}
	if m.OmitManagedFields && (m.Recorded.RequestBody || m.Recorded.ResponseBody) {
		text += " without managed fields"
	}
	return text
}
