package space

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"k8s.io/apiserver/pkg/apis/audit"
	auditcore "k8s.io/apiserver/pkg/audit"
	upstream "k8s.io/apiserver/pkg/audit/policy"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/spacetest"
)

// bits is a set of requests of the universe.
type flags []uint64

func evaluate(rule audit.PolicyRule, all []authorizer.AttributesRecord) flags {
	r := *rule.DeepCopy()
	r.Level = "yes"
	e := upstream.NewPolicyRuleEvaluator(&audit.Policy{Rules: []audit.PolicyRule{r}})
	out := make(flags, (len(all)+63)/64)
	for i := range all {
		if e.EvaluatePolicyRule(&all[i]).Level == "yes" {
			out[i/64] |= 1 << (i % 64)
		}
	}
	return out
}

// Reachability by the algebra equals reachability by asking the real evaluator
// about every request of a universe, for all policies of up to three rules of
// the Grammar; and every witness is a request that an HTTP request can make and
// that the real evaluator gives to the rule.
func TestReachabilityAgreesWithBruteForce(t *testing.T) {
	all := spacetest.Universe(ForcedGroups)
	match := make([]flags, len(spacetest.Grammar))
	for i, r := range spacetest.Grammar {
		match[i] = evaluate(r, all)
	}
	t.Logf("%d requests, %d rules", len(all), len(spacetest.Grammar))
	policies, comparisons := 0, len(all)*len(spacetest.Grammar)
	check := func(rules ...int) {
		policies++
		p := &audit.Policy{}
		for _, r := range rules {
			p.Rules = append(p.Rules, spacetest.Grammar[r])
		}
		sp := New(Hints{}, nil, p)
		last := len(rules) - 1
		var before []*Box
		for _, r := range rules[:last] {
			b := sp.Rule(&spacetest.Grammar[r])
			for k := range b {
				before = append(before, &b[k])
			}
		}
		point, ans := sp.Witness(sp.Rule(&spacetest.Grammar[rules[last]]), before, &Budget{Left: 1 << 30})
		brute := false
		for w := range match[rules[last]] {
			left := match[rules[last]][w]
			for _, r := range rules[:last] {
				left &^= match[r][w]
			}
			if left != 0 {
				brute = true
				break
			}
		}
		if (ans == Found) != brute {
			t.Fatalf("rules %v: the algebra says %v, brute force says reachable=%v", rules, ans, brute)
		}
		if ans != Found {
			return
		}
		a := sp.Request(point)
		for k, r := range rules {
			one := *spacetest.Grammar[r].DeepCopy()
			one.Level = "yes"
			got := upstream.NewPolicyRuleEvaluator(&audit.Policy{Rules: []audit.PolicyRule{one}}).EvaluatePolicyRule(&a).Level == "yes"
			if got != (k == last) {
				t.Fatalf("rules %v: witness %s: rule %d matches=%v", rules, Flags(&a), k, got)
			}
		}
		canBeMade(t, a)
	}
	for i := range spacetest.Grammar {
		check(i)
		for j := range spacetest.Grammar {
			check(i, j)
			for k := range spacetest.Grammar {
				check(i, j, k)
			}
		}
	}
	t.Logf("%d policies, %d questions to the evaluator", policies, comparisons)
}

// canBeMade builds an HTTP request that the API server turns into just these
// attributes.
func canBeMade(t *testing.T, a authorizer.AttributesRecord) {
	t.Helper()
	var candidates []string
	if !a.ResourceRequest {
		candidates = []string{a.Path}
	} else {
		prefix := "/api/v1"
		if a.APIGroup != "" {
			prefix = "/apis/" + a.APIGroup + "/v1"
		}
		for _, special := range []string{"", "/watch", "/proxy"} {
			p := prefix + special
			if a.Namespace != "" {
				p += "/namespaces/" + a.Namespace
			}
			p += "/" + a.Resource
			q := p
			if a.Name != "" {
				q += "/" + a.Name
				if a.Subresource != "" {
					q += "/" + a.Subresource
				}
			}
			candidates = append(candidates, q, q+"?watch=true", p+"?fieldSelector=metadata.name%3D"+a.Name, p+"?watch=true&fieldSelector=metadata.name%3D"+a.Name)
			if a.Resource == "namespaces" && a.Name == a.Namespace {
				candidates = append(candidates, prefix+special+"/namespaces/"+a.Name)
			}
		}
	}
	for _, c := range candidates {
		for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
			got, err := spacetest.FromHTTP(m, c)
			if err != nil {
				continue
			}
			got.User = a.User
			if a.ResourceRequest {
				got.Path = a.Path
			}
			got.APIVersion = a.APIVersion
			if fmt.Sprintf("%+v", got) == fmt.Sprintf("%+v", a) {
				return
			}
		}
	}
	t.Fatalf("no HTTP request makes %s", Flags(&a))
}

// A million random requests: the point of the space that a request falls on is
// in a rule's boxes exactly if the real evaluator says that the rule matches.
func TestMembershipAgreesWithEvaluator(t *testing.T) {
	all := spacetest.Universe(ForcedGroups)
	rnd := rand.New(rand.NewPCG(1, 2))
	asked := 0
	for asked < 1_000_000 {
		p := &audit.Policy{}
		var patterns []string
		for range 1 + rnd.IntN(6) {
			r := spacetest.Grammar[rnd.IntN(len(spacetest.Grammar))]
			r.Level = audit.LevelMetadata
			p.Rules = append(p.Rules, r)
			patterns = append(patterns, r.NonResourceURLs...)
		}
		sp := New(Hints{}, nil, p)
		var boxes []Boxes
		var evaluators []auditcore.PolicyRuleEvaluator
		for i := range p.Rules {
			boxes = append(boxes, sp.Rule(&p.Rules[i]))
			evaluators = append(evaluators, upstream.NewPolicyRuleEvaluator(&audit.Policy{Rules: []audit.PolicyRule{*p.Rules[i].DeepCopy()}}))
		}
		for range 4000 {
			a := &all[rnd.IntN(len(all))]
			pt, ok := sp.point(a, patterns)
			if !ok {
				continue // in more extra groups than the space needs to tell apart
			}
			for i := range p.Rules {
				asked++
				in := false
				for k := range boxes[i] {
					in = in || boxes[i][k].holds(pt)
				}
				if want := evaluators[i].EvaluatePolicyRule(a).Level == audit.LevelMetadata; in != want {
					t.Fatalf("rule %+v, request %s: the evaluator says %v, the space %v", p.Rules[i], Flags(a), want, in)
				}
			}
			for k := range sp.impossible {
				if sp.impossible[k].holds(pt) {
					t.Fatalf("the space calls a real request impossible: %s", Flags(a))
				}
			}
		}
	}
	t.Logf("%d questions", asked)
}

func (b *Box) holds(p Point) bool {
	for d := range dims {
		if !b[d].Has(p[d]) {
			return false
		}
	}
	return true
}

// point is the class of a request.
func (sp *Space) point(a *authorizer.AttributesRecord, patterns []string) (Point, bool) {
	var p Point
	last := func(no map[string]int, n int, v string) int {
		if i, ok := no[v]; ok && i < n {
			return i
		}
		return n
	}
	if a.User == nil {
		p[User] = nobody
	} else {
		name := a.User.GetName()
		i, ok := sp.userNo[name]
		if !ok {
			i = sp.classOf(name)
		}
		p[User] = i
		forced, _ := ForcedGroups(name)
		for _, g := range a.User.GetGroups() {
			k, named := sp.extraNo[g]
			if !named || contains(forced, g) {
				continue
			}
			switch {
			case p[Extra1] == 0:
				p[Extra1] = k
			case sp.extra2 && p[Extra2] == 0:
				p[Extra2] = k
			default:
				return p, false
			}
		}
	}
	p[Verb] = sp.verbNo[a.Verb]
	if !a.ResourceRequest {
		p[Path] = sp.pathOf(a.Path, patterns)
		return p, p[Path] > 0
	}
	p[Group] = last(sp.groupNo, len(sp.groups)-1, a.APIGroup)
	p[Resource] = last(sp.resourceNo, len(sp.resources)-1, a.Resource)
	p[Subresource] = last(sp.subNo, len(sp.subs)-1, a.Subresource)
	p[Namespace] = last(sp.namespaceNo, len(sp.namespaces)-1, a.Namespace)
	p[Name] = last(sp.nameNo, len(sp.names)-1, a.Name)
	return p, true
}

func contains(l []string, s string) bool {
	for _, x := range l {
		if x == s {
			return true
		}
	}
	return false
}

// classOf is the class of a user who is not named: the one whose forced groups
// are told apart alike.
func (sp *Space) classOf(name string) int {
	switch {
	case name == user.Anonymous:
		return anonymous
	case strings.HasPrefix(name, "system:node:"):
		for i, u := range sp.users {
			if u.class == "other nodes" {
				return i
			}
		}
	case strings.HasPrefix(name, "system:serviceaccount:"):
		ns := strings.Split(name, ":")[2]
		fallback := 0
		for i, u := range sp.users {
			if u.class == "other service accounts of "+ns {
				return i
			}
			if u.class == "other service accounts" {
				fallback = i
			}
		}
		return fallback
	}
	return ordinary
}

// pathOf is the path of the space that every pattern treats like this one.
func (sp *Space) pathOf(path string, patterns []string) int {
	for i := 1; i < len(sp.paths); i++ {
		same := true
		for _, spec := range patterns {
			same = same && pathMatches(path, spec) == pathMatches(sp.paths[i], spec)
		}
		if same {
			return i
		}
	}
	return 0
}
