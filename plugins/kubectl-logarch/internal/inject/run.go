package inject

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/eject"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/manifest"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/splice"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// The actions of an Item.
const (
	Injected = "injected"
	Skipped  = "skipped"
	Refused  = "refused"
)

// Item is what was done to one workload.
type Item struct {
	Subject   finding.Subject   `json:"subject"`
	Action    string            `json:"action"`
	Reason    string            `json:"reason,omitempty"`
	Container string            `json:"container,omitempty"`
	Mode      Mode              `json:"mode,omitempty"`
	Native    bool              `json:"native,omitempty"`
	Sidecars  []Sidecar         `json:"sidecars,omitempty"`
	Volumes   []string          `json:"volumes,omitempty"`
	ConfigMap string            `json:"configMap,omitempty"`
	Security  *Security         `json:"podSecurity,omitempty"`
	Findings  []finding.Finding `json:"findings"`
	Summary   finding.Summary   `json:"summary"`
	// Patch makes what was added as a strategic merge patch; nil where nothing was.
	Patch func() map[string]any `json:"-"`
}

// Outcome is what became of a file.
type Outcome struct {
	Name string
	// Text is the file's new text; it is that of the input where nothing was to
	// be done or a document was refused.
	Text  string
	Items []Item
}

// Refused says whether a document was refused.
func (o *Outcome) Refused() bool {
	return slices.ContainsFunc(o.Items, func(i Item) bool { return i.Action == Refused })
}

// BadInput is a file that is not what it claims to be, with a place.
type BadInput struct {
	File         string
	Line, Column int
	Msg          string
}

func (e *BadInput) Error() string {
	at := e.File
	if e.Line > 0 {
		at += fmt.Sprintf(":%d", e.Line)
	}
	if e.Column > 0 {
		at += fmt.Sprintf(":%d", e.Column)
	}
	return fmt.Sprintf("%s: %s", at, e.Msg)
}

// Read parses a file and holds every document against the YAML library. A
// document that is YAML but not readable here is left in place with its error;
// only a text that is not YAML is a *BadInput.
func Read(name, src string) (*yamltree.File, error) {
	if i := strings.IndexByte(src, 0); i >= 0 {
		return nil, &BadInput{File: name, Line: 1 + strings.Count(src[:i], "\n"), Msg: "not YAML: a zero byte: this is a binary file"}
	}
	f := yamltree.Parse(name, src)
	if err := judge(f); err != nil {
		return nil, err
	}
	return f, nil
}

// judge is Read's second half.
func judge(f *yamltree.File) error {
	for _, d := range f.Docs {
		if d.Root != nil && d.Root.Kind != yamltree.Map && !d.Root.IsNull() {
			line, col := f.Position(d.Root.Start)
			return &BadInput{File: f.Name, Line: line, Column: col, Msg: "not a Kubernetes object: a document that is no map of keys"}
		}
		if d.Plain || d.JSON {
			continue
		}
		if err := f.Judge(d); err != nil {
			if line := template(f, d); line > 0 {
				return &BadInput{File: f.Name, Line: line, Msg: "a template (\"{{\"), not a manifest: render it first, for example with helm template"}
			}
			var bad *yamltree.NotYAML
			if errors.As(err, &bad) {
				e := &BadInput{File: f.Name, Line: bad.Line, Msg: "not YAML: " + bad.Msg}
				if d.Err != nil {
					e.Line, e.Column = f.Position(d.Err.Offset)
				}
				return e
			}
			var unread *yamltree.Unread
			if errors.As(err, &unread) {
				d.Root = nil
				d.Err = &yamltree.Error{Offset: lineOffset(f.Src, unread.Line), Msg: unread.Msg}
			}
		}
	}
	return nil
}

// template is the line on which a document that could not be read has a "{{" of
// Helm or alike, 0 without one.
func template(f *yamltree.File, d *yamltree.Doc) int {
	if d.Err == nil {
		return 0
	}
	at := min(d.Err.Offset, len(f.Src))
	start := strings.LastIndexByte(f.Src[:at], '\n') + 1
	text, _, _ := strings.Cut(f.Src[start:], "\n")
	if !strings.Contains(text, "{{") {
		return 0
	}
	line, _ := f.Position(at)
	return line
}

func lineOffset(src string, line int) int {
	at := 0
	for ; line > 1; line-- {
		i := strings.IndexByte(src[at:], '\n')
		if i < 0 {
			break
		}
		at += i + 1
	}
	return at
}

// File injects into every workload of a file that the options choose.
func File(f *yamltree.File, o Options) (*Outcome, error) {
	out := &Outcome{Name: f.Name, Text: f.Src}
	original := f
	before := map[string]string{}
	if base, removed := eject.File(f); len(removed) > 0 || base != f.Src {
		for _, r := range removed {
			before[r.Workload.Ref()] = r.Receipt.Encode()
		}
		var err error
		if f, err = Read(f.Name, base); err != nil {
			return nil, fmt.Errorf("%s: the earlier injection could not be taken out: %w", f.Name, err)
		}
	}
	scalers := autoscalers(f)
	type part struct {
		change
		items []Item
		err   error
	}
	parts := make([]part, len(f.Docs))
	yamltree.Each(len(f.Docs), func(i int) {
		d, p := f.Docs[i], &parts[i]
		if d.Root == nil {
			if item, ok := unread(f, d); ok {
				p.items = []Item{item}
			}
			return
		}
		at := original
		if len(original.Docs) != len(f.Docs) {
			at = f
		}
		var edits []yamldoc.Edit
		edits, p.items = document(f, d, at, at.Docs[i], o, before, scalers)
		if len(edits) > 0 {
			p.change = change{d.Start, d.End, splice.Apply(f.Src, d.Start, d.End, edits)}
			p.err = p.prove(f, d)
		}
	})
	var failed error
	size := len(f.Src)
	for _, p := range parts {
		out.Items = append(out.Items, p.items...)
		failed = cmp.Or(failed, p.err)
		size += len(p.after) - (p.end - p.start)
	}
	switch {
	case out.Refused():
		return out, nil
	case failed != nil:
		s := finding.Subject{Kind: "File", Name: f.Name}
		out.Items = append(out.Items, refuse(s, check.NotProved.New(s, failed.Error())))
		out.Text = original.Src
		return out, nil
	}
	var b strings.Builder
	b.Grow(size)
	at := 0
	for _, p := range parts {
		if p.end > 0 {
			b.WriteString(f.Src[at:p.start])
			b.WriteString(p.after)
			at = p.end
		}
	}
	b.WriteString(f.Src[at:])
	out.Text = b.String()
	return out, nil
}

func refuse(s finding.Subject, fs ...finding.Finding) Item {
	return Item{Subject: s, Action: Refused, Findings: fs, Summary: finding.Summarize(fs)}
}

// unread is the refusal of a document that may hold a workload and that the
// editor does not read.
func unread(f *yamltree.File, d *yamltree.Doc) (Item, bool) {
	text := f.Src[d.Start:d.End]
	if !strings.Contains(text, "containers") {
		return Item{}, false
	}
	line, col := f.Position(d.Err.Offset)
	s := finding.Subject{Kind: "File", Name: f.Name, File: f.Name, Line: line, Column: col}
	return refuse(s, check.NotEditable.New(s, "the editor does not handle this: "+d.Err.Msg)), true
}

// document plans the workloads of a document and edits it. at is the document
// in the file that the user gave, for line numbers.
func document(f *yamltree.File, d *yamltree.Doc, at *yamltree.File, atDoc *yamltree.Doc, o Options, before map[string]string, scalers []scaler) ([]yamldoc.Edit, []Item) {
	workloads := manifest.Find(d)
	if len(workloads) == 0 {
		return nil, nil
	}
	items := make([]Item, len(workloads))
	plans := make([]*plan, len(workloads))
	places := manifest.Find(atDoc)
	tangled, refused := false, false
	for i, w := range workloads {
		s := finding.Subject{Kind: w.Kind, Name: w.Name, Namespace: w.Namespace, File: f.Name}
		if i < len(places) {
			s.Line, s.Column = at.Position(places[i].Object.Start)
		}
		if reason := passOver(w, o); reason != "" {
			items[i] = Item{Subject: s, Action: Skipped, Reason: reason, Findings: []finding.Finding{}}
			continue
		}
		p := makePlan(w, o, s)
		p.autoscaled(scalers)
		plans[i] = p
		refused = refused || p.refused()
		if !p.refused() {
			alias, _ := p.aliasInTheWay()
			tangled = tangled || alias != nil
		}
	}
	var edits []yamldoc.Edit
	switch {
	case refused:
	case tangled:
		edits = untangle(f, d, plans, o)
	default:
		e := splice.New(f, d)
		for _, p := range plans {
			if p != nil {
				replaced := e.Replaced
				p.edit(e)
				if e.Replaced > replaced {
					p.add(check.ListReplaced, "a null was replaced by the list; eject puts it back")
				}
			}
		}
		for _, p := range plans {
			if p != nil && p.config != nil {
				e.NewDocument(p.configObject())
			}
		}
		edits = e.Edits()
	}
	for i, p := range plans {
		if p != nil {
			items[i] = p.item(before)
		}
	}
	return edits, items
}

// untangle expands the aliases that stand in the way, one after the other, and
// then edits: the whole document is replaced by its new text.
func untangle(f *yamltree.File, d *yamltree.Doc, plans []*plan, o Options) []yamldoc.Edit {
	text := f.Src[d.Start:d.End]
	for range 200 {
		sub := yamltree.Parse(f.Name, text)
		if len(sub.Docs) != 1 || sub.Docs[0].Root == nil {
			break
		}
		workloads := manifest.Find(sub.Docs[0])
		if len(workloads) != len(plans) {
			break
		}
		e := splice.New(sub, sub.Docs[0])
		var alias, holder *yamltree.Node
		var fresh []*plan
		for i, w := range workloads {
			if plans[i] == nil {
				continue
			}
			p := makePlan(w, o, plans[i].subject)
			fresh = append(fresh, p)
			if alias, holder = p.aliasInTheWay(); alias != nil {
				line, _ := f.Position(d.Start + min(alias.Start, len(text)))
				plans[i].add(check.AliasExpanded, "alias *%s (near line %d) was expanded: the anchor is shared with another place", alias.Value, line)
				break
			}
		}
		if alias != nil {
			e.Expand(holder, alias)
			text = splice.Apply(text, 0, len(text), e.Edits())
			continue
		}
		for _, p := range fresh {
			p.edit(e)
		}
		for _, p := range fresh {
			if p.config != nil {
				e.NewDocument(p.configObject())
			}
		}
		text = splice.Apply(text, 0, len(text), e.Edits())
		return []yamldoc.Edit{{Start: d.Start, End: d.End, Text: text}}
	}
	for _, p := range plans {
		if p != nil {
			p.add(check.NotEditable, "the aliases around the pod template could not be taken apart")
			break
		}
	}
	return nil
}

// passOver says why a workload is not one of those that the options choose.
func passOver(w *manifest.Workload, o Options) string {
	if len(o.Only) > 0 && !slices.ContainsFunc(o.Only, func(s string) bool { return matches(w, s) }) {
		return "not chosen by --only"
	}
	if o.Selector != nil {
		set := labels.Set{}
		meta := w.Template.Get("metadata").Get("labels").Resolve()
		for _, k := range meta.MergedKeysOrNone() {
			set[k] = meta.Text(k)
		}
		if !o.Selector.Matches(set) {
			return "not chosen by --selector"
		}
	}
	if o.Container != "" {
		for _, key := range []string{"containers", "initContainers"} {
			for _, c := range w.Spec.Get(key).ItemsOrNone() {
				if c.Text("name") == o.Container {
					return ""
				}
			}
		}
		return fmt.Sprintf("no container %s", o.Container)
	}
	return ""
}

// matches compares with KIND/NAME, where KIND may be short and either may be
// left out.
func matches(w *manifest.Workload, want string) bool {
	kind, name, ok := strings.Cut(want, "/")
	if !ok {
		return w.Name == want
	}
	if name != w.Name && name != "" {
		return false
	}
	kind = strings.ToLower(kind)
	if full, ok := short[kind]; ok {
		kind = full
	}
	k := strings.ToLower(w.Kind)
	return kind == "" || kind == k || kind == k+"s"
}

var short = map[string]string{"po": "pod", "deploy": "deployment", "sts": "statefulset", "ds": "daemonset", "rs": "replicaset", "rc": "replicationcontroller", "cj": "cronjob"}

func (p *plan) item(before map[string]string) Item {
	it := Item{Subject: p.subject, Action: Injected, Mode: p.o.Mode, Native: p.o.IsNative(), Sidecars: p.images, Volumes: append(slices.Clone(p.created), p.reused...)}
	if p.refused() {
		it.Action, it.Sidecars, it.Volumes = Refused, nil, nil
	} else {
		s := p.security
		it.Security = &s
		it.Container = p.target.Name
		if p.config != nil {
			it.ConfigMap = p.config.Name
		}
		if old, ok := before[p.w.Ref()]; ok && !p.sameAs(old) {
			p.add(check.Reinjected, "the earlier injection was replaced")
		}
		it.Patch = p.patch
	}
	if it.Findings = p.findings; it.Findings == nil {
		it.Findings = []finding.Finding{}
	}
	it.Summary = finding.Summarize(it.Findings)
	return it
}

// sameAs says whether an old receipt speaks of the same files and mode.
func (p *plan) sameAs(old string) bool {
	var logs []string
	for _, l := range p.o.Logs {
		logs = append(logs, `"`+l.Path+`"`)
	}
	return strings.Contains(old, `"mode":"`+string(p.o.Mode)+`"`) && strings.Contains(old, `"logs":[`+strings.Join(logs, ",")+`]`)
}
