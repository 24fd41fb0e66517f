package cmd

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/inject"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/manifest"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/source"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// apiVersion is the version of the plugin's reports.
const apiVersion = "logarch.clusterwright.dev/v1alpha1"

// injectReport is the report as JSON.
type injectReport struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Items      []inject.Item   `json:"items"`
	Summary    finding.Summary `json:"summary"`
}

func writeInjectReport(env *cli.Env, format string, outcomes []*inject.Outcome, live bool) error {
	if format == "none" {
		return nil
	}
	if format == "json" {
		r := injectReport{APIVersion: apiVersion, Kind: "InjectReport", Items: []inject.Item{}}
		for _, o := range outcomes {
			for _, it := range o.Items {
				r.Items = append(r.Items, it)
				r.Summary = r.Summary.Add(it.Summary)
			}
		}
		return finding.WriteJSON(env.ErrOut, r)
	}
	w := bufio.NewWriter(env.ErrOut)
	st := env.Style(env.ErrOut)
	width, columns := env.WidthOf(env.ErrOut), env.Columns(env.ErrOut)
	for _, o := range outcomes {
		switch {
		case len(o.Items) == 0:
			fmt.Fprintf(w, "%s: no pod template in it; unchanged\n", o.Name)
		case len(o.Items) > manyItems:
			writeMany(w, st, o, width, columns)
		default:
			for _, it := range o.Items {
				writeItem(w, st, o.Name, it, width, columns)
			}
		}
	}
	if slices.ContainsFunc(outcomes, (*inject.Outcome).Refused) {
		fmt.Fprintln(w, "nothing was written")
	}
	return w.Flush()
}

// writeItem tells what was done to a workload: the answer first, then what it
// means, each on a line of its own.
func writeItem(w io.Writer, st cli.Style, file string, it inject.Item, width, columns int) {
	head := file + ": "
	if ref := strings.ToLower(it.Subject.Kind) + "/" + it.Subject.Name; it.Subject.Kind != "File" && ref != file {
		head += ref + ": "
	}
	pad := strings.Repeat(" ", min(len(file)+2, 14))
	line := func(text string) { fold.Hang(w, pad, pad+"  ", text, width) }
	switch it.Action {
	case inject.Skipped:
		fold.Hang(w, "", pad, fmt.Sprintf("%sunchanged (%s)", head, it.Reason), columns)
		return
	case inject.Refused:
		fmt.Fprintf(w, "%s%s\n", head, st.Error("refused"))
	default:
		fold.Hang(w, "", pad, head+st.Bold(answer(it)), columns)
		for _, s := range it.Sidecars {
			if s.File != "" {
				line(does(s))
			}
		}
		line(fmt.Sprintf("pod security: %s before, %s after", it.Security.Before, it.Security.After))
	}
	for _, f := range it.Findings {
		word := severityWord(st, f.Severity)
		at := ""
		if f.Subject.Line > 0 && (f.Severity == finding.Error || f.Subject.Line != it.Subject.Line) {
			at = fmt.Sprintf(" (line %d)", f.Subject.Line)
		}
		line(fmt.Sprintf("%s: %s%s [%s]", word, f.Message, at, f.ID))
		for _, e := range f.Evidence {
			fold.Hang(w, pad+"  ", pad+"    ", e, width)
		}
		if f.Severity != finding.Info && f.Remedy != "" {
			line("try: " + f.Remedy)
		}
	}
}

func severityWord(st cli.Style, s finding.Severity) string {
	switch s {
	case finding.Error:
		return st.Error("error")
	case finding.Warning:
		return st.Warning("warning")
	}
	return "note"
}

// does says what a sidecar is for.
func does(s inject.Sidecar) string {
	if s.Rotates {
		return s.Name + " rotates " + s.File
	}
	return s.Name + " reads " + s.File
}

// answer is "2 tailers added (native sidecars), emptyDir varlog reused".
func answer(it inject.Item) string {
	noun := map[inject.Mode]string{inject.Streaming: "tailer", inject.Agent: "agent", inject.Rotate: "rotation sidecar"}[it.Mode]
	all := len(it.Sidecars)
	n, beside := all, ""
	if it.Mode == inject.Streaming && all > 0 && it.Sidecars[all-1].Rotates {
		n, beside = all-1, " and a rotation sidecar"
	}
	if n != 1 {
		noun += "s"
	}
	kind := "plain sidecar"
	if it.Native {
		kind = "native sidecar"
	}
	if all != 1 {
		kind += "s"
	}
	s := fmt.Sprintf("%d %s%s added (%s)", n, noun, beside, kind)
	if len(it.Volumes) > 0 {
		s += ", " + strings.Join(it.Volumes, ", ")
	}
	if it.ConfigMap != "" {
		s += ", configmap/" + it.ConfigMap
	}
	return s
}

// writeManifests writes the results: in place, as they came, or converted.
func writeManifests(env *cli.Env, format string, inPlace bool, texts []source.Text, outcomes []*inject.Outcome) error {
	switch {
	case inPlace:
		for _, t := range texts {
			if t.File == "" { // before anything is written
				return cli.Usagef("--in-place: %s is not a file", t.Name)
			}
		}
		for i, t := range texts {
			if outcomes[i].Text() == t.Body {
				continue
			}
			if err := source.WriteInPlace(t.File, outcomes[i].Text()); err != nil {
				return cli.Usagef("%w", err)
			}
		}
		return nil
	case format == "patch":
		return writePatches(env.Out, outcomes)
	case format == "json":
		return writeObjects(env.Out, outcomes, false)
	case format == "yaml":
		for _, o := range outcomes {
			if f := yamltree.Parse(o.Name, o.Text()); len(f.Docs) > 0 && f.Docs[0].JSON {
				return writeObjects(env.Out, outcomes, true)
			}
		}
	}
	w := bufio.NewWriterSize(env.Out, 64<<10)
	for i, o := range outcomes {
		if i > 0 && !strings.HasPrefix(o.Text(), "---") {
			_, _ = w.WriteString("---\n") // Flush returns the error
		}
		if err := o.Write(w); err != nil {
			return err
		}
		if i+1 < len(outcomes) && !o.EndsLine() {
			_ = w.WriteByte('\n')
		}
	}
	return w.Flush()
}

// judgePatches says of kinds that Kubernetes does not define what their patches are
// worth, and refuses those that cannot be written.
func judgePatches(outcomes []*inject.Outcome) error {
	for _, o := range outcomes {
		for _, it := range o.Items {
			if it.Patch == nil || it.Known {
				continue
			}
			patch := it.Patch()
			if patch == nil {
				return cli.Usagef("-o patch: %s/%s has a container without a name, which a patch cannot address; give it a name", strings.ToLower(it.Subject.Kind), it.Subject.Name)
			}
			if api, _ := patch["apiVersion"].(string); strings.HasPrefix(api, "apps.openshift.io/") {
				continue
			}
			for i := range it.Findings {
				if f := &it.Findings[i]; f.ID == check.ForeignKind.ID {
					f.Evidence = append(f.Evidence, "kubectl patch takes no such patch of this kind, and kustomize replaces the list of containers by the patch's unless it has the kind's schema (openapi: in the kustomization)")
				}
			}
		}
	}
	return nil
}

func writePatches(w io.Writer, outcomes []*inject.Outcome) error {
	first := true
	for _, o := range outcomes {
		for _, it := range o.Items {
			if it.Patch == nil {
				continue
			}
			b, err := yaml.Marshal(it.Patch())
			if err != nil {
				return err
			}
			if !first {
				b = append([]byte("---\n"), b...)
			}
			first = false
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeObjects writes all documents in another format: one object as it is,
// several as a List in JSON and as documents in YAML.
func writeObjects(w io.Writer, outcomes []*inject.Outcome, asYAML bool) error {
	var objects []any
	for _, o := range outcomes {
		for _, d := range yamltree.Parse(o.Name, o.Text()).Docs {
			if d.Root != nil {
				objects = append(objects, manifest.JSON(d.Root))
			}
		}
	}
	if asYAML {
		for i, o := range objects {
			b, err := yaml.Marshal(o)
			if err != nil {
				return err
			}
			if i > 0 {
				b = append([]byte("---\n"), b...)
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
		return nil
	}
	var out any = map[string]any{"apiVersion": "v1", "kind": "List", "items": objects}
	if len(objects) == 1 {
		out = objects[0]
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "    ")
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}
