// Package check is the ordered table of everything that kubectl logarch can find
// wrong or worth knowing: LA0xx belong to inject, LA1xx to advise, which knows LA016 too.
package check

import "github.com/clusterwright/kubectl-plugins/shared/finding"

// All is every rule, in the order of the ids.
func All() []finding.Rule {
	return append(append([]finding.Rule(nil), Inject...), Advise...)
}
