// Package podsecurity tells at which Pod Security Standard a pod stands, by the
// rules of the admission plugin itself.
package podsecurity

import (
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

func evaluatorOf(checks func() []policy.Check) func() policy.Evaluator {
	return sync.OnceValue(func() policy.Evaluator {
		e, err := policy.NewEvaluator(checks(), nil)
		if err != nil {
			panic(fmt.Sprintf("the checks of the admission plugin are not consistent: %v", err))
		}
		return e
	})
}

// quick is the check that most pods fail on the way to restricted; who fails it
// need not be asked the others.
var (
	evaluator = evaluatorOf(policy.DefaultChecks)
	quick     = evaluatorOf(func() []policy.Check { return []policy.Check{policy.CheckAllowPrivilegeEscalation()} })
)

// Level is a Pod Security Standard.
type Level string

// The three levels, the strictest first.
const (
	Restricted Level = "restricted"
	Baseline   Level = "baseline"
	Privileged Level = "privileged"
)

// Rank orders levels: 2 restricted, 1 baseline, 0 privileged.
func (l Level) Rank() int {
	switch l {
	case Restricted:
		return 2
	case Baseline:
		return 1
	}
	return 0
}

// Of is the strictest level that admits a pod under Kubernetes 1.minor.
func Of(minor int, meta *metav1.ObjectMeta, spec *corev1.PodSpec) Level {
	for _, l := range []Level{Restricted, Baseline} {
		if l == Restricted && !mayBeRestricted(minor, meta, spec) {
			continue
		}
		if ok, _ := Meets(l, minor, meta, spec); ok {
			return l
		}
	}
	return Privileged
}

// Both is the level of a pod before and after containers and volumes were added to
// it. No rule is met because of a container, so a level that the larger pod meets the
// smaller one meets too, and mostly one question answers both.
func Both(minor int, meta *metav1.ObjectMeta, before, after *corev1.PodSpec) (was, is Level) {
	if mayBeRestricted(minor, meta, before) {
		if ok, _ := Meets(Restricted, minor, meta, after); ok {
			return Restricted, Restricted
		}
	} else if ok, _ := Meets(Baseline, minor, meta, after); ok {
		return Baseline, Baseline
	}
	return Of(minor, meta, before), Of(minor, meta, after)
}

func mayBeRestricted(minor int, meta *metav1.ObjectMeta, spec *corev1.PodSpec) bool {
	lv := api.LevelVersion{Level: api.LevelRestricted, Version: api.MajorMinorVersion(1, minor)}
	return policy.AggregateCheckResults(quick().EvaluatePod(lv, meta, spec)).Allowed
}

// Meets says whether a level admits a pod under Kubernetes 1.minor, and why it does
// not.
func Meets(level Level, minor int, meta *metav1.ObjectMeta, spec *corev1.PodSpec) (bool, string) {
	if level == Privileged {
		return true, ""
	}
	r := policy.AggregateCheckResults(evaluator().EvaluatePod(api.LevelVersion{Level: api.Level(level), Version: api.MajorMinorVersion(1, minor)}, meta, spec))
	return r.Allowed, r.ForbiddenDetail()
}
