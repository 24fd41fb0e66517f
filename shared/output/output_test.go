package output

import (
	"bytes"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func list() *unstructured.Unstructured {
	item := func(name string, labels map[string]any) any {
		return map[string]any{"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{"name": name, "labels": labels}}
	}
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "List",
		"items": []any{item("n1", map[string]any{"zone": "z1"}), item("n2", nil)}}}
}

func TestObjectPrinters(t *testing.T) {
	for format, want := range map[string]string{
		"jsonpath={.items[*].metadata.name}":                            "n1 n2",
		"custom-columns=NAME:.metadata.name,ZONE:.metadata.labels.zone": "NAME   ZONE\nn1     z1\nn2     <none>\n",
	} {
		p, ok, err := NewObjectPrinter(format)
		if !ok || err != nil {
			t.Fatalf("%s: %v %v", format, ok, err)
		}
		var b bytes.Buffer
		if err := p.PrintObj(list(), &b); err != nil {
			t.Fatal(err)
		}
		if b.String() != want {
			t.Errorf("%s: got %q, want %q", format, b.String(), want)
		}
		if !IsObjectFormat(format) {
			t.Errorf("IsObjectFormat(%q) is false", format)
		}
	}
}

func TestWrongFormats(t *testing.T) {
	for format, want := range map[string]string{
		"custom-columns=":      "no columns",
		"custom-columns=NAME":  "not NAME:.path",
		"custom-columns=N:.a[": "custom-columns",
		"jsonpath={.a":         "jsonpath",
	} {
		_, _, err := NewObjectPrinter(format)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want it to say %q", format, err, want)
		}
	}
	if _, ok, _ := NewObjectPrinter("go-template={{.}}"); ok {
		t.Error("go-template is not one of ours")
	}
}

func TestTableHidesWideColumns(t *testing.T) {
	table := &metav1.Table{
		ColumnDefinitions: []metav1.TableColumnDefinition{Column("Name", false), Column("Kernel", true)},
		Rows:              []metav1.TableRow{Row("n1", "6.1")},
	}
	for wide, want := range map[bool]string{false: "NAME\nn1\n", true: "NAME   KERNEL\nn1     6.1\n"} {
		var b bytes.Buffer
		if err := Table(&b, table, wide, 0, ""); err != nil {
			t.Fatal(err)
		}
		if b.String() != want {
			t.Errorf("wide %v: got %q, want %q", wide, b.String(), want)
		}
	}
}

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	NewProgress(&b, 0).Stop()
	p := NewProgress(&b, 20)
	p.Set("asking the nodes of %s", "a cluster")
	time.Sleep(900 * time.Millisecond)
	p.Stop()
	p.Stop()
	// Drawn once, cut so that it can be erased, and erased.
	if got, want := b.String(), "\r\x1b[Kasking the nodes...\r\x1b[K"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
