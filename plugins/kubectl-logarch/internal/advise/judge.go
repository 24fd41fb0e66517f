package advise

import (
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/eject"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// Options are what the user assumes.
type Options struct {
	// Rate is the assumed rate of container logs, in bytes a minute, where none
	// was measured; 0 is none.
	Rate float64
	// Kubelet is the rotation where no node was asked.
	Kubelet Kubelet
	// ShortMinutes is below what reach of kubectl logs a finding is made.
	ShortMinutes float64
}

// Judge says what is to say of each workload, and of all together.
func Judge(s *Snapshot, o Options) (items []Advice, general []finding.Finding) {
	if o.Kubelet.MaxSize == 0 {
		o.Kubelet = DefaultKubelet
	}
	if o.ShortMinutes == 0 {
		o.ShortMinutes = 10
	}
	shipped := false
	for _, w := range s.Workloads {
		if nodeAgent(newFacts(w, s)) != nil {
			shipped = true
		}
	}
	for _, w := range s.Workloads {
		j := &judge{facts: newFacts(w, s), s: s, o: o, shipped: shipped, found: slices.Clip(w.Twice)}
		items = append(items, j.advice())
	}
	if s.AllNamespaces && !shipped && len(s.Workloads) > 0 {
		general = append(general, check.NobodyShips.New(finding.Subject{Kind: "Cluster"},
			fmt.Sprintf("none of %d workloads reads the nodes' container logs", len(s.Workloads))))
	}
	return items, general
}

// nodeAgent returns the container of a workload that reads the node's logs.
func nodeAgent(f *facts) *container {
	for _, k := range f.containers {
		for _, m := range k.VolumeMounts {
			v := f.volumes[m.Name]
			if v != nil && v.HostPath != nil && underLogs(v.HostPath.Path) && (k.agent != nil || f.w.Kind == "DaemonSet" && strings.Contains(k.config+k.words, "/var/log/")) {
				return k
			}
		}
	}
	return nil
}

func underLogs(p string) bool {
	p = path.Clean(p)
	return p == "/" || p == "/var" || p == "/var/log" || strings.HasPrefix(p, "/var/log/pods") || strings.HasPrefix(p, "/var/log/containers") || strings.HasPrefix(p, "/var/lib/docker")
}

type judge struct {
	*facts
	s       *Snapshot
	o       Options
	shipped bool
	found   []finding.Finding
}

// report makes a finding about a container, or about the pod.
func (j *judge) report(r finding.Rule, k *container, message string, evidence ...string) {
	w := j.w
	s := finding.Subject{Kind: w.Kind, Name: w.Name, Namespace: w.Namespace, File: w.File, Line: w.At.Line, Column: w.At.Column}
	if k != nil {
		s.Path = "container " + k.Name
		if p, ok := w.Containers[k.Name]; ok {
			s.Line, s.Column = p.Line, p.Column
		}
	}
	f := r.New(s, message)
	f.Evidence = evidence
	j.found = append(j.found, f)
}

func (j *judge) advice() Advice {
	w := j.w
	a := Advice{Metadata: Metadata{w.Kind, w.Name, w.Namespace, w.File}}
	node := nodeAgent(j.facts)
	for _, k := range j.containers {
		j.tails(k)
		j.agents(k, node)
		if node == nil {
			j.files(k)
		}
	}
	j.doubled()
	j.volumes()
	a.Patterns = j.patterns(node)
	a.Budget = j.budget(a.Patterns)
	a.Findings = j.found
	if a.Findings == nil {
		a.Findings = []finding.Finding{}
	}
	finding.SortBySeverity(a.Findings)
	a.Summary = finding.Summarize(a.Findings)
	return a
}

// sidecar says whether a container is there for the logs of others.
func (k *container) sidecar() bool { return k.tailer || k.tail != "" || k.agent != nil }

func (j *judge) tails(k *container) {
	if !k.sidecar() {
		return
	}
	if k.tail == "-f" {
		j.report(check.TailDescriptor, k, fmt.Sprintf("container %s runs tail -f on %s: nothing comes after the first rotation", k.Name, k.reads[0].path))
	}
	if k.tail == "-F" {
		j.report(check.TailName, k, fmt.Sprintf("container %s runs tail -F on %s", k.Name, k.reads[0].path))
	}
	alone := len(j.containers) == 1
	if job := j.w.Kind == "Job" || j.w.Kind == "CronJob"; job && !k.native && !alone && !(k.tailer && strings.Contains(strings.Join(append(k.Command, k.Args...), "\n"), "\njob")) {
		j.report(check.JobNeverDone, k, fmt.Sprintf("the %s cannot finish: its sidecar %s never ends", j.w.Kind, k.Name))
	}
	if !alone && !k.tailer && j.w.Kind != "DaemonSet" {
		missing := []string{}
		for _, r := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			_, req := k.Resources.Requests[r]
			_, lim := k.Resources.Limits[r]
			if own := j.w.Pod.Resources; own != nil { // the pod's bound all of its containers
				_, request := own.Requests[r]
				_, limit := own.Limits[r]
				req = req || request || limit
			}
			if !req && !lim {
				missing = append(missing, string(r))
			}
		}
		if len(missing) > 0 {
			j.report(check.NoRequests, k, fmt.Sprintf("sidecar %s has no request for %s", k.Name, strings.Join(missing, " and ")))
		}
	}
}

func (j *judge) agents(k *container, node *container) {
	if copyTruncate.MatchString(k.config) || copyTruncate.MatchString(k.words) {
		j.report(check.CopyTruncate, k, fmt.Sprintf("container %s rotates with copytruncate", k.Name))
	}
	if k.agent == nil {
		return
	}
	if k.agent.eol != "" {
		j.report(check.EndOfLife, k, fmt.Sprintf("container %s runs %s: %s", k.Name, k.Image, k.agent.eol), "image "+k.Image)
	}
	cfg := k.config
	if k.agent.name == "fluentd" && fluentSource.MatchString(cfg) && oldFluentd.MatchString(cfg) {
		j.report(check.FluentdV012, k, fmt.Sprintf("container %s is configured in the language of fluentd 0.12", k.Name), evidence(oldFluentd, cfg))
	}
	if keeps, ok := keepsPosition(k.agent.name, cfg); ok && !keeps {
		j.report(check.NoPosition, k, fmt.Sprintf("%s in container %s keeps no position in the files", k.agent.name, k.Name))
	}
	if beginsAtEnd(k.agent.name, cfg) {
		j.report(check.FromTheEnd, k, fmt.Sprintf("%s in container %s leaves out what a file holds when it is found", k.agent.name, k.Name))
	}
	if low := lower(cfg); k.agent.name == "fluent-bit" && strings.Contains(low, "tail") && strings.Contains(low, "/var/log") && !strings.Contains(low, "skip_long_lines") {
		j.report(check.SkipsLongLines, k, fmt.Sprintf("fluent-bit in container %s gives up a file at a line longer than 32 KiB", k.Name))
	}
	if k != node {
		return
	}
	if containersIn.MatchString(cfg) && !podsIn.MatchString(cfg) && k.agent.name != "filebeat" {
		j.report(check.BlindToRotated, k, fmt.Sprintf("%s in container %s reads /var/log/containers, where rotated files never are", k.agent.name, k.Name), evidence(containersIn, cfg))
	}
	if (containersIn.MatchString(cfg) || podsIn.MatchString(cfg)) && !criParser.MatchString(cfg) {
		ev := []string{"no CRI parser in the configuration"}
		if dockerParser.MatchString(cfg) {
			ev = []string{evidence(dockerParser, cfg)}
		}
		j.report(check.NoCRIParser, k, fmt.Sprintf("%s in container %s does not take the runtime's time, stream and tag off the lines", k.agent.name, k.Name), ev...)
	}
	if j.w.Kind == "DaemonSet" && !slices.ContainsFunc(j.w.Pod.Tolerations, func(t corev1.Toleration) bool {
		return t.Key == "" && t.Operator == corev1.TolerationOpExists
	}) {
		j.report(check.NotEverywhere, nil, "tainted nodes, control planes among them, have no log agent")
	}
	j.links(k)
}

// links looks whether an agent that reads /var/log/containers has what its
// links lead to.
func (j *judge) links(k *container) {
	hasLinks, hasPods := false, false
	for _, m := range k.VolumeMounts {
		v := j.facts.volumes[m.Name]
		if v == nil || v.HostPath == nil {
			continue
		}
		switch p := path.Clean(v.HostPath.Path); {
		case p == "/" || p == "/var" || p == "/var/log":
			hasLinks, hasPods = true, true
		case p == "/var/log/containers":
			hasLinks = true
		case strings.HasPrefix(p, "/var/log/pods"):
			hasPods = true
		}
	}
	if hasLinks && !hasPods {
		j.report(check.DanglingLinks, k, fmt.Sprintf("container %s mounts /var/log/containers without /var/log/pods: all links are broken", k.Name))
	}
}

// files judges the log files that a container writes.
func (j *judge) files(k *container) {
	for _, file := range k.writes {
		if j.byOperator(file) {
			continue
		}
		if file.volume == "" {
			r := check.ContainerLayer
			if path.Ext(file.path) == "" {
				// A folder that is named for logs need not get any.
				r.Severity = finding.Warning
			}
			if command := j.injectCommand(k, file); command != "" {
				r.Remedy = "log to stdout, or: " + command
			}
			j.report(r, k, fmt.Sprintf("container %s writes %s into its own layer: the file is gone when the container restarts", k.Name, file.path), file.how)
			continue
		}
		if v := j.facts.volumes[file.volume]; v != nil && v.HostPath != nil {
			continue // on the node, where agents read
		}
		tails, agents := j.readers(file)
		if len(tails) == 0 && len(agents) == 0 {
			r := check.Unshipped
			if command := j.injectCommand(k, file); command != "" {
				r.Remedy = command
			}
			j.report(r, k, fmt.Sprintf("container %s writes %s, which no container of the pod reads", k.Name, file.path), file.how)
		}
	}
}

// byOperator says whether an operator is asked, by annotation, to add a sidecar
// that streams the file (SumoLogic's tailing-sidecar).
func (j *judge) byOperator(file logFile) bool {
	return strings.Contains(j.w.Annotations["tailing-sidecar"], file.path)
}

// doubled looks for files that are streamed and shipped.
func (j *judge) doubled() {
	for _, k := range j.containers {
		for _, r := range k.reads {
			_, agents := j.readers(r)
			for _, a := range agents {
				if a != k {
					j.report(check.DoubleShipping, a, fmt.Sprintf("%s is streamed by container %s and shipped by container %s", r.path, k.Name, a.Name))
				}
			}
		}
	}
}

// volumes looks at what log files may grow to.
func (j *judge) volumes() {
	seen := map[string]bool{}
	for _, k := range j.containers {
		for _, file := range append(append([]logFile{}, k.writes...), k.reads...) {
			v := j.facts.volumes[file.volume]
			if v == nil || v.EmptyDir == nil || seen[file.volume] {
				continue
			}
			if v.EmptyDir.SizeLimit == nil && j.limit() == 0 && !j.rotated(file) {
				seen[file.volume] = true
				r := check.Unbounded
				if strings.Contains(j.w.Annotations[eject.Annotation], `"mode":"agent"`) {
					// A rotation of inject's would take the agent's place.
					r.Remedy = "let the application rotate by renaming, and set emptyDir.sizeLimit"
				} else if command := j.injectCommand(k, file); command != "" && !k.sidecar() {
					r.Remedy = "set emptyDir.sizeLimit and rotate: " + command + j.rotateFlag(file)
				}
				j.report(r, nil, fmt.Sprintf("nothing bounds the log in volume %s", file.volume), "emptyDir without sizeLimit, containers without a limit for ephemeral-storage")
			}
		}
	}
}

// rotateFlag is what makes inject rotate a file: beside a tailer, unless others read it.
func (j *judge) rotateFlag(file logFile) string {
	tails, agents := j.readers(file)
	for _, k := range tails {
		if k.tailer { // it is replaced by what is asked for now
			return " --rotate"
		}
	}
	if len(tails)+len(agents) > 0 {
		return " --mode rotate"
	}
	return " --rotate"
}

// rotated says whether a sidecar of inject's rotates a file.
func (j *judge) rotated(file logFile) bool {
	return slices.ContainsFunc(j.containers, func(k *container) bool {
		return strings.Contains(k.words, "logarch rotation") && strings.Contains(k.words+" ", " "+file.path+" ")
	})
}

func (j *judge) patterns(node *container) []Pattern {
	var out []Pattern
	add := func(p Pattern) {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	if node != nil {
		return []Pattern{NodeAgent}
	}
	plain := false
	for _, k := range j.containers {
		switch {
		case k.tailer || k.tail != "":
			add(Streaming)
		case k.agent != nil && len(j.containers) > 1:
			add(AgentSidecar)
		case pushes(k):
			add(Direct)
		case len(k.writes) == 0:
			plain = true
		}
		for _, file := range k.writes {
			tails, agents := j.readers(file)
			switch {
			case j.byOperator(file):
				add(Streaming)
			case file.volume == "":
				add(ContainerLayer)
			case len(tails)+len(agents) == 0:
				add(UnreadFile)
			}
		}
	}
	if plain && len(out) == 0 {
		add(Stdout)
	}
	if len(out) == 0 {
		add(Stdout)
	}
	return out
}

// pushes says whether the application sends its logs itself: by the variables
// of the OpenTelemetry SDKs.
func pushes(k *container) bool {
	for _, e := range k.Env {
		switch e.Name {
		case "OTEL_LOGS_EXPORTER":
			if e.Value != "" && e.Value != "none" && e.Value != "console" {
				return true
			}
		case "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT":
			return true
		}
	}
	return false
}
