package npd

import "github.com/clusterwright/kubectl-plugins/shared/finding"

const (
	sourceConfig  = "kubernetes/node-problem-detector, pkg/systemlogmonitor/config.go"
	sourceMonitor = "kubernetes/node-problem-detector, pkg/systemlogmonitor/log_monitor.go"
	docsPage      = "https://kubernetes.io/docs/tasks/debug/debug-cluster/monitor-node-health/"
)

// The checks of a monitor's configuration.
var (
	ruleLoad = finding.Rule{
		ID: "NH801", Title: "the detector does not start with this", Severity: finding.Error,
		Rationale: "A pattern that does not compile, a duration that is none or an unknown plugin is fatal: the detector exits, and the node is watched by nobody.",
		Remedy:    "Mend the value; patterns are Go (RE2) regular expressions without look-around and back-references.",
		Source:    sourceConfig + " (ValidateRules), logwatchers", Docs: docsPage,
		Bad: `{"type": "temporary", "reason": "X", "pattern": "(?<=task )hung"}`, Good: `{"type": "temporary", "reason": "X", "pattern": "task .* hung"}`,
	}
	ruleUnknownKey = finding.Rule{
		ID: "NH802", Title: "key that the detector ignores", Severity: finding.Error,
		Rationale: "The detector decodes its JSON leniently: a misspelt key is dropped without a word, and the setting has its default.",
		Remedy:    "Correct the spelling, or remove the key.",
		Source:    sourceConfig, Docs: docsPage,
		Bad: `{"type": "permanent", "conditon": "KernelDeadlock", ...}`, Good: `{"type": "permanent", "condition": "KernelDeadlock", ...}`,
	}
	ruleNoCondition = finding.Rule{
		ID: "NH803", Title: "permanent rule without its condition", Severity: finding.Error,
		Rationale: "A permanent rule sets a condition that the same file declares under conditions. Where it is not declared, a log monitor matches the line and reports nothing, and a custom plugin monitor does not start.",
		Remedy:    "Declare the condition under conditions, with the reason and message of the healthy state.",
		Source:    sourceMonitor + " (generateStatus)", Docs: docsPage,
		Bad: `"conditions": [], "rules": [{"type": "permanent", "condition": "XfsShutdown", ...}]`, Good: `"conditions": [{"type": "XfsShutdown", "reason": "XfsHasNotShutDown", "message": "..."}], ...`,
	}
	ruleType = finding.Rule{
		ID: "NH804", Title: "rule of a type that does not exist", Severity: finding.Error,
		Rationale: "The types are temporary and permanent, in lower case. Every other word is treated as permanent, so a rule meant as temporary sends no event.",
		Remedy:    "Write temporary or permanent.",
		Source:    sourceMonitor + " (generateStatus)", Docs: docsPage,
		Bad: `{"type": "Temporary", ...}`, Good: `{"type": "temporary", ...}`,
	}
	ruleBuffer = finding.Rule{
		ID: "NH805", Title: "pattern longer than the buffer", Severity: finding.Error,
		Rationale: "Patterns are matched against the last bufferSize lines (10 unless set). A pattern that needs more can never match.",
		Remedy:    "Raise bufferSize, or match fewer lines.",
		Source:    "kubernetes/node-problem-detector, pkg/systemlogmonitor/log_buffer.go", Docs: docsPage,
		Bad: `"bufferSize": 1, ... "pattern": "first line\nsecond line"`, Good: `"bufferSize": 10, ... "pattern": "first line\nsecond line"`,
	}
	ruleUnset = finding.Rule{
		ID: "NH806", Title: "condition that no rule sets", Severity: finding.Warning,
		Rationale: "The condition is reported as False for ever, which looks like a healthy answer from a check that does not exist.",
		Remedy:    "Add a permanent rule for it, or remove the condition (and delete it from the nodes' status, where it stays).",
		Source:    sourceMonitor + " (initialConditions)", Docs: docsPage,
		Bad: `"conditions": [{"type": "KernelDeadlock", ...}], "rules": []`, Good: `"conditions": [], "rules": []`,
	}
	ruleDockerOnly = finding.Rule{
		ID: "NH807", Title: "only docker can set this condition", Severity: finding.Warning,
		Rationale: "The stock KernelDeadlock matches a hung task named docker. On a node with containerd or CRI-O no task has that name, so the condition stays False through every deadlock; only the TaskHung event tells.",
		Remedy:    "Add the runtime's task names to the pattern, for example task (docker|containerd|containerd-shim|runc|kubelet):\\w+ blocked ....",
		Source:    "kubernetes/node-problem-detector, config/kernel-monitor.json", Docs: docsPage, Heuristic: true,
		Bad: `"pattern": "task docker:\\w+ blocked for more than \\w+ seconds\\."`, Good: `"pattern": "task (dockerd?|containerd\\S*|runc|kubelet):\\w+ blocked for more than \\w+ seconds\\."`,
	}
	ruleSource = finding.Rule{
		ID: "NH808", Title: "log that cannot be read as configured", Severity: finding.Error,
		Rationale: "filelog needs pluginConfig.timestamp, message (regular expressions) and timestampFormat (a Go layout); without one of them, or with a layout that is none, every line is dropped. Each watcher needs the path of its own kind of log.",
		Remedy:    "Complete pluginConfig and logPath for this plugin.",
		Source:    "kubernetes/node-problem-detector, pkg/systemlogmonitor/logwatchers/filelog/translator.go", Docs: docsPage,
		Bad: `"plugin": "filelog", "pluginConfig": {"timestamp": "^.{15}"}`, Good: `"plugin": "filelog", "pluginConfig": {"timestamp": "^.{15}", "message": "kernel: (.*)", "timestampFormat": "Jan _2 15:04:05"}`,
	}
	ruleTwice = finding.Rule{
		ID: "NH809", Title: "rule that is there twice", Severity: finding.Warning,
		Rationale: "Each matching rule reports: the same pattern and reason twice sends every event twice.",
		Remedy:    "Remove one of them.",
		Source:    sourceMonitor + " (parseLog)", Docs: docsPage,
		Bad: `two rules with the same pattern, reason and type`, Good: `one of them`,
	}
	ruleLatched = finding.Rule{
		ID: "NH810", Title: "condition that only a restart clears", Severity: finding.Info,
		Rationale: "A log monitor has no rule that sets a condition back to False: it stays True until the detector (often: the node) restarts, whatever happened since. Know it before you alert or drain on it.",
		Remedy:    "Restart the detector's pod on the node after the repair, or use a custom plugin monitor, which looks again.",
		Source:    sourceMonitor + "; kubernetes/node-problem-detector issues 215, 474, 728", Docs: docsPage,
		Bad: `a permanent rule in a log monitor`, Good: `a permanent rule in a custom plugin monitor`,
	}
)

// Rules are the checks, in the order of their ids.
var Rules = []finding.Rule{ruleLoad, ruleUnknownKey, ruleNoCondition, ruleType, ruleBuffer, ruleUnset, ruleDockerOnly, ruleSource, ruleTwice, ruleLatched}
