package inject

import (
	"cmp"
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

// Text injects into every workload of a manifest that the options choose. A text
// that is not a manifest is a *manifest.BadInput.
func Text(name, src string, o Options) (*Outcome, error) {
	if strings.Contains(src, "logarch.clusterwright.dev/") || strings.Contains(src, "HorizontalPodAutoscaler") {
		// One document tells of others: the file is read as a whole.
		f, err := manifest.Read(name, src)
		if err != nil {
			return nil, err
		}
		return File(f, o)
	}
	if err := manifest.Encoding(name, src); err != nil {
		return nil, err
	}
	f, parts := yamltree.Split(name, src)
	r := &run{file: f, original: f, o: o}
	return r.all(len(parts), func(i int, scratch *yamltree.Scratch) ([]*yamltree.Doc, error) {
		docs := scratch.Docs(f, parts[i])
		return docs, manifest.Judge(f, docs)
	})
}

// File is Text for a file that was read.
func File(f *yamltree.File, o Options) (*Outcome, error) {
	r := &run{file: f, original: f, o: o, before: map[string]string{}}
	if base, removed := eject.File(f); len(removed) > 0 || base != f.Src {
		for _, was := range removed {
			r.before[was.Workload.Ref()] = was.Receipt.Encode()
		}
		var err error
		if r.file, err = manifest.Read(f.Name, base); err != nil {
			return nil, fmt.Errorf("%s: the earlier injection could not be taken out: %w", f.Name, err)
		}
	}
	r.scalers = autoscalers(r.file)
	return r.all(len(r.file.Docs), func(i int, _ *yamltree.Scratch) ([]*yamltree.Doc, error) {
		return r.file.Docs[i : i+1], nil
	})
}

// run is an injection into a file.
type run struct {
	// original is the file that the user gave, file the one without an earlier
	// injection.
	file, original *yamltree.File
	o              Options
	before         map[string]string
	scalers        []scaler
}

// part is what became of a part of a file.
type part struct {
	docs    int
	changes []change
	items   []Item
	bad     error // not a manifest
	failed  error // the change could not be proved
}

// all works on the n parts of the file. docs reads one of them; what it returns may
// be gone when the next one is read.
func (r *run) all(n int, docs func(int, *yamltree.Scratch) ([]*yamltree.Doc, error)) (*Outcome, error) {
	parts := make([]part, n)
	yamltree.Each(n, func(i int) {
		scratch := scratches.Get().(*yamltree.Scratch)
		defer scratches.Put(scratch)
		ds, err := docs(i, scratch)
		if parts[i].bad = err; err == nil {
			r.part(&parts[i], i, ds)
		}
	})
	out := NewOutcome(r.file.Name, r.original.Src)
	out.Items = make([]Item, 0, n)
	changes := make([]change, 0, n)
	var failed error
	for _, p := range parts {
		if p.bad != nil {
			return nil, p.bad
		}
		out.Documents += p.docs
		out.Items = append(out.Items, p.items...)
		changes = append(changes, p.changes...)
		failed = cmp.Or(failed, p.failed)
	}
	switch {
	case out.Refused():
	case failed != nil:
		s := finding.Subject{Kind: "File", Name: r.file.Name}
		out.Items = append(out.Items, refuse(s, check.NotProved.New(s, failed.Error())))
	default:
		out.pieces = assemble(r.file.Src, changes)
	}
	return out, nil
}

// part plans, edits and proves the documents of a part.
func (r *run) part(p *part, i int, docs []*yamltree.Doc) {
	p.docs = len(docs)
	for _, d := range docs {
		if d.Root == nil {
			if item, ok := unread(r.file, d); ok {
				p.items = append(p.items, item)
			}
			continue
		}
		at, atDoc := r.original, d
		if r.original != r.file {
			if at = r.file; len(r.original.Docs) == len(r.file.Docs) {
				at, atDoc = r.original, r.original.Docs[i]
			}
		}
		edits, items := document(r.file, d, at, atDoc, r.o, r.before, r.scalers)
		p.items = append(p.items, items...)
		if len(edits) > 0 {
			c := newChange(r.file, d, edits)
			p.changes = append(p.changes, c)
			p.failed = cmp.Or(p.failed, c.prove(r.file, d))
		}
	}
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
		return nil, strangers(f, d, at, atDoc, o)
	}
	if d.Anchors {
		if k := manifest.Ambiguous(d.Root); k != nil {
			line, col := f.Position(k.Start)
			s := finding.Subject{Kind: "File", Name: f.Name, File: f.Name, Line: line, Column: col}
			r := check.NotEditable
			r.Remedy = `write "<<" once in a map, and before its other keys`
			return nil, []Item{refuse(s, r.New(s, "a second \"<<\", or one behind a key that it brings too: YAML takes the key, kubectl what is merged"))}
		}
	}
	items := make([]Item, len(workloads), len(workloads)+1)
	plans := make([]*plan, len(workloads))
	places := workloads
	if atDoc != d {
		places = manifest.Find(atDoc)
	}
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
		var lines *yamltree.File
		if at == f {
			lines = f
		}
		p := makePlan(w, o, s, lines)
		if p.foreign != "" {
			items[i] = Item{Subject: s, Action: Skipped, Reason: "not a pod template: " + p.foreign, Findings: []finding.Finding{}}
			continue
		}
		p.autoscaled(scalers)
		if i < len(places) {
			p.twices(at, places[i])
		}
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
	return edits, append(items, strangers(f, d, at, atDoc, o)...)
}

// strangers are the objects that hold containers where none were added, and why.
func strangers(f *yamltree.File, d *yamltree.Doc, at *yamltree.File, atDoc *yamltree.Doc, o Options) (items []Item) {
	if len(o.Only) > 0 || o.Selector != nil || !strings.Contains(f.Src[d.Start:d.End], "containers") {
		return nil
	}
	for _, s := range manifest.Strangers(atDoc) {
		subject := finding.Subject{Kind: s.Kind, Name: s.Name, Namespace: s.Namespace, File: f.Name}
		subject.Line, subject.Column = at.Position(s.Object.Start)
		items = append(items, Item{Subject: subject, Action: Skipped, Reason: "inject does not know this kind; its containers are at " + s.At, Findings: []finding.Finding{}})
	}
	return items
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
			p := makePlan(w, o, plans[i].subject, nil)
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
				if name := c.Text("name"); name == o.Container || name == "" && o.Container == userContainer && isKnative(w) {
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
			p.replaced(old)
		}
		it.Patch, it.Known = p.patch, p.w.Known
	}
	if it.Findings = p.findings; it.Findings == nil {
		it.Findings = []finding.Finding{}
	}
	it.Summary = finding.Summarize(it.Findings)
	return it
}

// replaced says that an earlier injection is gone, and how to have what it did too.
func (p *plan) replaced(old string) {
	f := p.add(check.Reinjected, "the earlier injection was replaced")
	streamed, rotated := strings.Contains(old, `"mode":"streaming"`), strings.Contains(old, `"mode":"rotate"`) || strings.Contains(old, `"rotate":true`)
	switch {
	case strings.Contains(old, `"mode":"agent"`) && p.o.Mode != Agent:
		f.Evidence = []string{"its agent is gone with it: a workload has one injection at a time"}
	case streamed && p.o.Mode == Rotate:
		f.Evidence = []string{"its tailers are gone with it: --rotate, without --mode, makes tailers and rotates their files"}
	case rotated && p.o.Mode == Streaming && !p.o.Rotate:
		f.Evidence = []string{"nothing rotates the files any more: add --rotate"}
	}
}

// sameAs says whether an old receipt speaks of the same files and mode.
func (p *plan) sameAs(old string) bool {
	var logs []string
	for _, l := range p.o.Logs {
		logs = append(logs, `"`+l.Path+`"`)
	}
	return strings.Contains(old, `"mode":"`+string(p.o.Mode)+`"`) && strings.Contains(old, `"rotate":true`) == (p.o.Mode == Streaming && p.o.Rotate) && strings.Contains(old, `"logs":[`+strings.Join(logs, ",")+`]`)
}
