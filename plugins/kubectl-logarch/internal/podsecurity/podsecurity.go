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

var evaluator = sync.OnceValue(func() policy.Evaluator {
	e, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		panic(fmt.Sprintf("the checks of the admission plugin are not consistent: %v", err))
	}
	return e
})

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

// Of is the strictest level that admits a pod under Kubernetes 1.minor, and why
// the next stricter one does not ("" for Restricted).
func Of(minor int, meta *metav1.ObjectMeta, spec *corev1.PodSpec) (Level, string) {
	v := api.MajorMinorVersion(1, minor)
	restricted := policy.AggregateCheckResults(evaluator().EvaluatePod(api.LevelVersion{Level: api.LevelRestricted, Version: v}, meta, spec))
	if restricted.Allowed {
		return Restricted, ""
	}
	baseline := policy.AggregateCheckResults(evaluator().EvaluatePod(api.LevelVersion{Level: api.LevelBaseline, Version: v}, meta, spec))
	if baseline.Allowed {
		return Baseline, restricted.ForbiddenDetail()
	}
	return Privileged, baseline.ForbiddenDetail()
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
