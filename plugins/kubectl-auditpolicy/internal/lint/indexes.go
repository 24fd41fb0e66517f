package lint

import "fmt"

// indexes are the indexes of the rule and of the entry of its resources in a
// path, -1 where the path has none.
func indexes(path string) (rule, entry int) {
	rule, entry = -1, -1
	if n, _ := fmt.Sscanf(path, "rules[%d].resources[%d]", &rule, &entry); n < 2 {
		entry = -1
	}
	return rule, entry
}
