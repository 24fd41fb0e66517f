// Package coverage says which well-known detections can work on what an audit
// policy records: does the request that they look for make an event at all, at
// a level that has what they read, at a stage that comes in time?
package coverage

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/decide"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
)

// Who makes the requests of a detection.
type Who int

const (
	// Anybody is a user whom the policy does not name.
	Anybody Who = iota
	// Anonymous is system:anonymous.
	Anonymous
	// Nobody is a request whose authentication failed.
	Nobody
)

// Detection is something that people look for in audit logs.
type Detection struct {
	Name string `json:"name"`
	// Source is who looks for it.
	Source string `json:"source"`
	// Level is the least level whose events have what the detection reads.
	Level audit.Level `json:"level"`
	// Early says that it must be told while the request goes on, at
	// RequestReceived or ResponseStarted.
	Early bool `json:"early,omitempty"`
	// CIS says that it is one of the key concerns of CIS 3.2.2.
	CIS bool `json:"cis,omitempty"`
	who Who
	ask audit.PolicyRule
}

// Status is whether a detection can work.
type Status string

const (
	// Covered says that every such request is recorded as the detection needs.
	Covered Status = "covered"
	// Partial says that some are not.
	Partial Status = "partial"
	// Blind says that none is.
	Blind Status = "blind"
	// Undecided says that the budget ran out.
	Undecided Status = "undecided"
)

// Result is the answer for one detection.
type Result struct {
	Detection
	Status Status `json:"status"`
	// Rule decides the request that is missed, from 0; policy.NoRule is the
	// default.
	Rule int `json:"rule"`
	// Why says what is missing.
	Why string `json:"why,omitempty"`
	// Witness are the arguments of match for a request that is missed.
	Witness string `json:"witness,omitempty"`
}

func on(group string, resources []string, verbs ...string) audit.PolicyRule {
	return audit.PolicyRule{Verbs: verbs, Resources: []audit.GroupResources{{Group: group, Resources: resources}}}
}

func r(names ...string) []string { return names }

var write = []string{"create", "update", "patch", "delete", "deletecollection"}

const (
	meta = audit.LevelMetadata
	reqs = audit.LevelRequest
)

// Detections are the detections that are asked about, what concerns most
// people first. Levels are those whose events have the fields that the rules
// of the sources read.
var Detections = []Detection{
	{Name: "exec into a pod", Source: "Falco, Elastic, MITRE T1609", Level: meta, Early: true, CIS: true, ask: on("", r("pods/exec"), "get", "create")},
	{Name: "attach to a pod", Source: "Falco, MITRE T1609", Level: meta, Early: true, ask: on("", r("pods/attach"), "get", "create")},
	{Name: "port forwarding", Source: "CIS 3.2.2", Level: meta, CIS: true, ask: on("", r("pods/portforward"), "get", "create")},
	{Name: "proxying to pods and services", Source: "CIS 3.2.2", Level: meta, CIS: true, ask: on("", r("pods/proxy", "services/proxy"), "get", "create", "update", "patch", "delete")},
	{Name: "kubelet API through nodes/proxy", Source: "MITRE T1609", Level: meta, ask: on("", r("nodes/proxy"), "get", "create", "update", "patch", "delete")},
	{Name: "debug container added to a pod", Source: "Falco, Elastic", Level: meta, ask: on("", r("pods/ephemeralcontainers"), "update", "patch")},
	{Name: "Secret read", Source: "Elastic, MITRE T1552.007", Level: meta, CIS: true, ask: on("", r("secrets"), "get", "list", "watch")},
	{Name: "Secret changed", Source: "Falco", Level: meta, CIS: true, ask: on("", r("secrets"), write...)},
	{Name: "service account token requested", Source: "Elastic, MITRE T1528", Level: meta, ask: on("", r("serviceaccounts/token"), "create")},
	{Name: "anonymous access to resources", Source: "Falco, Elastic", Level: meta, who: Anonymous, ask: on("", r("pods", "secrets", "nodes", "namespaces"), "get", "list", "create")},
	{Name: "anonymous probing of paths", Source: "Elastic", Level: meta, who: Anonymous, ask: audit.PolicyRule{Verbs: r("get"), NonResourceURLs: r("/api", "/apis", "/version", "/metrics")}},
	{Name: "failed authentication (401)", Source: "Elastic, MITRE T1110", Level: meta, who: Nobody, ask: on("", r("pods", "secrets"), "get", "list")},
	{Name: "pod created or changed", Source: "CIS 3.2.2", Level: meta, CIS: true, ask: on("", r("pods"), write...)},
	{Name: "privileged, hostPath or hostNetwork pod", Source: "Falco, Elastic, MITRE T1610", Level: reqs, ask: on("", r("pods"), "create")},
	{Name: "deployment created or changed", Source: "CIS 3.2.2, Falco", Level: meta, CIS: true, ask: on("apps", r("deployments"), write...)},
	{Name: "image or security context of a workload", Source: "Falco", Level: reqs, ask: on("apps", r("deployments", "daemonsets", "statefulsets"), "create", "update", "patch")},
	{Name: "cron job created", Source: "MITRE T1053.007", Level: meta, ask: on("batch", r("cronjobs"), "create", "update", "patch")},
	{Name: "RBAC changed", Source: "Falco, Elastic", Level: meta, ask: on("rbac.authorization.k8s.io", r("roles", "rolebindings", "clusterroles", "clusterrolebindings"), write...)},
	{Name: "cluster-admin bound, wildcard role made", Source: "Falco, Elastic, MITRE T1098.006", Level: reqs, ask: on("rbac.authorization.k8s.io", r("roles", "rolebindings", "clusterroles", "clusterrolebindings"), "create", "update", "patch")},
	{Name: "admission webhook or policy changed", Source: "Elastic, MITRE T1556", Level: meta, ask: on("admissionregistration.k8s.io", r("validatingwebhookconfigurations", "mutatingwebhookconfigurations", "validatingadmissionpolicies", "validatingadmissionpolicybindings"), write...)},
	{Name: "certificate requested or approved", Source: "Elastic, MITRE T1649", Level: meta, ask: on("certificates.k8s.io", r("certificatesigningrequests", "certificatesigningrequests/approval"), "create", "update", "patch")},
	{Name: "credentials in a ConfigMap", Source: "Falco", Level: reqs, ask: on("", r("configmaps"), "create", "update", "patch")},
	{Name: "node port or external address exposed", Source: "Falco", Level: reqs, ask: on("", r("services"), "create", "update", "patch")},
	{Name: "namespace created or deleted", Source: "Falco", Level: meta, ask: on("", r("namespaces"), "create", "delete")},
	{Name: "service account created", Source: "Falco, MITRE T1136", Level: meta, ask: on("", r("serviceaccounts"), "create")},
	{Name: "custom resource definition changed", Source: "MITRE", Level: meta, ask: on("apiextensions.k8s.io", r("customresourcedefinitions"), write...)},
	{Name: "events deleted to cover tracks", Source: "Elastic, MITRE T1070", Level: meta, ask: on("", r("events"), "delete", "deletecollection")},
	{Name: "pod logs read", Source: "MITRE T1552", Level: meta, ask: on("", r("pods/log"), "get")},
}

// Of answers for every detection.
func Of(p *audit.Policy, table *apitable.Table) []Result { return within(p, table, decide.Work) }

// within answers within a budget.
func within(p *audit.Policy, table *apitable.Table, budget int) []Result {
	var questions []audit.PolicyRule
	for _, d := range Detections {
		questions = append(questions, d.ask)
	}
	questions = append(questions, audit.PolicyRule{Users: []string{"system:anonymous"}})
	a := decide.New(p, table, questions)
	a.Budget.Left = budget
	var out []Result
	for _, d := range Detections {
		out = append(out, answer(a, d))
	}
	return out
}

func answer(a *decide.Analysis, d Detection) Result {
	within := a.Space.Anybody()
	switch d.who {
	case Anonymous:
		within = a.Space.Anonymous()
	case Nobody:
		within = a.Space.Unauthenticated()
	}
	q := a.Ask(&d.ask, within)
	res := Result{Detection: d, Status: Covered, Rule: policy.NoRule}
	rule, w, ans := a.First(q, func(x policy.Decision) bool { return lack(d, x) != "" })
	switch ans {
	case space.Empty:
		return res
	case space.Undecided:
		res.Status = Undecided
		return res
	}
	x := policy.RuleDecision(a.Policy, rule)
	res.Rule, res.Why, res.Witness, res.Status = rule, lack(d, x), space.Flags(w), Blind
	if _, _, ans := a.First(q, func(x policy.Decision) bool { return lack(d, x) == "" }); ans != space.Empty {
		res.Status = Partial
	}
	return res
}

// lack says what a decision lacks for a detection, "" for nothing.
func lack(d Detection, x policy.Decision) string {
	switch {
	case x.Level == audit.LevelNone:
		return "not recorded"
	case policy.Rank(x.Level) < policy.Rank(d.Level):
		return fmt.Sprintf("level %s has no request body, and it looks into that", x.Level)
	case policy.Rank(d.Level) > policy.Rank(meta) && x.Omits(audit.StageResponseComplete):
		return "ResponseComplete is omitted, the stage whose event has the bodies"
	case d.who == Nobody && x.Omits(audit.StageResponseStarted):
		return "ResponseStarted is omitted, the only stage at which it is told"
	case d.Early && x.Omits(audit.StageRequestReceived) && x.Omits(audit.StageResponseStarted):
		return "told only when the session ends: RequestReceived and ResponseStarted are omitted"
	case x.Omits(audit.StageRequestReceived) && x.Omits(audit.StageResponseComplete):
		return "RequestReceived and ResponseComplete are omitted"
	}
	return ""
}

// Matches says whether a detection's name or source has a word.
func (d Detection) Matches(word string) bool {
	return slices.ContainsFunc([]string{d.Name, d.Source}, func(s string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(word)) })
}
