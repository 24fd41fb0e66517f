package cmd

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/report"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

func validFormat(format string) error {
	switch format {
	case "text", "wide", "json", "yaml", "name", "sarif", "junit", "github":
		return nil
	}
	if _, ok, err := output.NewObjectPrinter(format); ok {
		if err != nil {
			return cli.Usagef("%w", err)
		}
		return nil
	}
	return cli.Usagef("-o %q: not one of %s", format, strings.Join(formats, ", "))
}

// show writes the answer once, in the format asked for.
func (o *diagnoseOptions) show(env *cli.Env, l *report.List) error {
	w := env.Out
	switch o.output {
	case "text", "wide":
		return o.text(env, w, l)
	case "name":
		for _, i := range l.Items {
			if _, err := fmt.Fprintf(w, "node/%s\n", i.Metadata.Name); err != nil {
				return err
			}
		}
		return nil
	}
	cases := []finding.Case{{Suite: "cluster", Name: "cluster", Findings: l.Cluster.Findings, FailOn: o.failOn}}
	for _, i := range l.Items {
		cases = append(cases, finding.Case{Suite: "nodes", Name: i.Metadata.Name, Findings: i.Findings, FailOn: o.failOn, Unknown: i.Missing})
	}
	if written, err := env.WriteReport(o.output, cli.Report{Value: l, Rules: check.Rules(), Findings: l.Findings(), Cases: cases}); written {
		return err
	}
	p, _, err := output.NewObjectPrinter(o.output)
	if err != nil {
		return cli.Usagef("%w", err)
	}
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	var obj map[string]any
	if err := utiljson.Unmarshal(text, &obj); err != nil {
		return err
	}
	return p.PrintObj(&unstructured.Unstructured{Object: obj}, w)
}

// text is a story where nodes were named or there is only one, and a table
// otherwise.
func (o *diagnoseOptions) text(env *cli.Env, w io.Writer, l *report.List) error {
	st := env.Style(env.Out)
	paint := report.Paint{Bold: st.Bold, Faint: st.Faint, Error: st.Error, Warning: st.Warning, Good: st.Good}
	if len(o.nodes) > 0 || len(l.Items) == 1 && o.from != "" && o.output != "wide" {
		for i, n := range l.Items {
			if i > 0 {
				fmt.Fprintln(w)
			}
			if err := report.Story(w, l, n, paint, o.output == "wide", env.Width()); err != nil {
				return err
			}
		}
		return nil
	}
	fold.Under(w, "", paint.Bold(report.Headline(l)), env.Width())
	if len(l.Items) == 0 {
		return nil
	}
	if err := output.Table(w, report.Table(l), o.output == "wide", env.Columns(w), "Node"); err != nil {
		return err
	}
	return report.Footer(w, l, paint, env.Width())
}

func selectNodes(selector string) (func(*snapshot.Node) bool, error) {
	sel, err := labels.Parse(selector)
	if err != nil {
		return nil, cli.Usagef("-l %q: %w", selector, err)
	}
	return func(n *snapshot.Node) bool { return n.Object != nil && sel.Matches(labels.Set(n.Object.Labels)) }, nil
}
