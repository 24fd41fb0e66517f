// Package output prints Kubernetes objects and tables the way kubectl does:
// -o json|yaml|name|jsonpath=...|custom-columns=... . The printers are composed
// one by one: cli-runtime's full PrintFlags reach text/template by reflection,
// which keeps the linker from dropping dead code (10 MB a binary).
package output

import (
	"fmt"
	"io"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/client-go/util/jsonpath"
)

// ObjectFormats are the values of -o for Kubernetes objects, for completion
// and help.
var ObjectFormats = []string{"json", "yaml", "name", "jsonpath=", "custom-columns="}

// ObjectPrinter prints one object or list.
type ObjectPrinter interface {
	PrintObj(obj runtime.Object, w io.Writer) error
}

// NewObjectPrinter returns the printer for a value of -o. The second result is
// false for a format that is not one of ObjectFormats.
func NewObjectPrinter(format string) (ObjectPrinter, bool, error) {
	name, arg, hasArg := strings.Cut(format, "=")
	switch {
	case format == "json":
		return &printers.JSONPrinter{}, true, nil
	case format == "yaml":
		return &printers.YAMLPrinter{}, true, nil
	case format == "name":
		return &printers.NamePrinter{}, true, nil
	case name == "jsonpath" && hasArg:
		p, err := printers.NewJSONPathPrinter(arg)
		if err != nil {
			return nil, true, fmt.Errorf("-o jsonpath: %w", err)
		}
		p.AllowMissingKeys(true)
		return p, true, nil
	case name == "custom-columns" && hasArg:
		p, err := newColumns(arg)
		return p, true, err
	}
	return nil, false, nil
}

// IsObjectFormat says whether a value of -o is one that NewObjectPrinter
// knows.
func IsObjectFormat(format string) bool {
	switch name, _, _ := strings.Cut(format, "="); name {
	case "json", "yaml", "name":
		return name == format
	case "jsonpath", "custom-columns":
		return name != format
	}
	return false
}

// Column makes a table column; wide columns are shown by -o wide only.
func Column(name string, wide bool) metav1.TableColumnDefinition {
	c := metav1.TableColumnDefinition{Name: name, Type: "string"}
	if wide {
		c.Priority = 1
	}
	return c
}

// Row makes a table row.
func Row(cells ...any) metav1.TableRow { return metav1.TableRow{Cells: cells} }

// columns is the custom-columns printer, on client-go's jsonpath: kubectl's own
// lives in its get package, whose import doubles a plugin's start-up time.
type columns struct {
	names []string
	paths []*jsonpath.JSONPath
}

func newColumns(spec string) (*columns, error) {
	c := &columns{}
	if strings.TrimSpace(spec) == "" {
		return nil, fmt.Errorf("-o custom-columns: no columns; write NAME:.path,NAME:.path")
	}
	for _, col := range strings.Split(spec, ",") {
		name, path, ok := strings.Cut(col, ":")
		if !ok || name == "" || path == "" {
			return nil, fmt.Errorf("-o custom-columns: %q is not NAME:.path", col)
		}
		if !strings.HasPrefix(path, "{") {
			if !strings.HasPrefix(path, ".") {
				path = "." + path
			}
			path = "{" + path + "}"
		}
		jp := jsonpath.New(name).AllowMissingKeys(true)
		if err := jp.Parse(path); err != nil {
			return nil, fmt.Errorf("-o custom-columns: %q: %w", col, err)
		}
		c.names = append(c.names, name)
		c.paths = append(c.paths, jp)
	}
	return c, nil
}

// PrintObj prints a header and a row for each item of a list, or for the
// object.
func (c *columns) PrintObj(obj runtime.Object, w io.Writer) error {
	t := &metav1.Table{}
	for _, n := range c.names {
		t.ColumnDefinitions = append(t.ColumnDefinitions, Column(n, false))
	}
	items, err := itemsOf(obj)
	if err != nil {
		return err
	}
	for _, item := range items {
		var row metav1.TableRow
		for i, jp := range c.paths {
			results, err := jp.FindResults(item)
			if err != nil {
				return fmt.Errorf("-o custom-columns: column %s: %w", c.names[i], err)
			}
			var cells []string
			for _, r := range results {
				for _, v := range r {
					cells = append(cells, fmt.Sprint(v.Interface()))
				}
			}
			cell := "<none>"
			if len(cells) > 0 {
				cell = strings.Join(cells, ",")
			}
			row.Cells = append(row.Cells, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return Table(w, t, false, 0, "")
}

// itemsOf turns an object into plain maps, so that paths are the ones of its
// JSON.
func itemsOf(obj runtime.Object) ([]any, error) {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, err
	}
	if list, ok := m["items"].([]any); ok {
		return list, nil
	}
	return []any{m}, nil
}
