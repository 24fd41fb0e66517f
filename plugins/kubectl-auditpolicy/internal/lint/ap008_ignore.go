package lint

import "github.com/clusterwright/kubectl-plugins/shared/finding"

var ap008 = Rule{finding.Rule{
	ID: "AP008", Title: "ignore comment does nothing", Severity: finding.Warning, Docs: auditing,
	Rationale: `A comment "# auditpolicy:ignore AP013 reason" silences a check for its line and the next, for a whole rule if it stands above
or beside the rule's first line, and for the whole policy as ignore-file. It must name checks that exist and give a reason: whoever
reads the policy next needs to know why. A comment that silences nothing any more is an info.`,
	Remedy: "Add the reason, mend the id, or delete the comment.",
	Source: "this linter",
	Bad:    "# auditpolicy:ignore AP053\n- level: Metadata",
	Good:   "# auditpolicy:ignore AP053 we want the moment a request came in\n- level: Metadata",
}, func(*Context, finding.Rule) {
	// Told by suppressions.complaints, which knows what was silenced.
}}
