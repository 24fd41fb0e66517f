package lint

import (
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// auditing is the handbook's page.
const auditing = "https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/"

// Rules are all checks in the order of their IDs.
var Rules = []Rule{
	ap001, ap002, ap003, ap004, ap005, ap006, ap007, ap008,
	ap010, ap011, ap012, ap013, ap014, ap015,
	ap020, ap021, ap022, ap023, ap024, ap025, ap026, ap027, ap028, ap029, ap030, ap031, ap032, ap033, ap034,
	ap040, ap041, ap042, ap043, ap044, ap045, ap046, ap047,
	ap050, ap051, ap052, ap053, ap054, ap056,
	ap060, ap061,
}

// Catalogue are the rules as the reference pages need them.
func Catalogue() []finding.Rule {
	var out []finding.Rule
	for _, r := range Rules {
		out = append(out, r.Rule)
	}
	return out
}

// Find finds a rule by its ID.
func Find(id string) (finding.Rule, bool) {
	for _, r := range catalogue {
		if strings.EqualFold(r.ID, id) {
			return r, true
		}
	}
	return finding.Rule{}, false
}

// catalogue is filled from Rules; a variable that refers to Rules directly
// would refer to itself through the checks.
var catalogue []finding.Rule

func init() { catalogue = Catalogue() }
