package output

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTableFitsATerminal(t *testing.T) {
	nodes := &metav1.Table{
		ColumnDefinitions: []metav1.TableColumnDefinition{Column("Node", false), Column("Verdict", false), Column("Fault", false), Column("Version", false), Column("Zone", true)},
		Rows: []metav1.TableRow{
			Row("ip-10-0-20-162.us-east-2.compute.internal", "Unhealthy", "serving certificate not approved", "v1.29.0-eks-5e0fdde", "a"),
			Row("cp1", "Healthy", "-", "v1.29.0", "b"),
		},
	}
	certificates := &metav1.Table{
		ColumnDefinitions: []metav1.TableColumnDefinition{Column("Expires", false), Column("Where", false)},
		Rows:              []metav1.TableRow{Row("2027-11-26", "short"), Row("2036-11-26", "configmap kube-system/extension-apiserver-authentication requestheader-client-ca-file")},
	}
	for _, c := range []struct {
		name, long string
		table      *metav1.Table
		wide       bool
		columns    int
		want       string
	}{
		{"piped", "Node", nodes, false, 0, `
NODE                                        VERDICT     FAULT                              VERSION
ip-10-0-20-162.us-east-2.compute.internal   Unhealthy   serving certificate not approved   v1.29.0-eks-5e0fdde
cp1                                         Healthy     -                                  v1.29.0
`},
		{"room for all", "Node", nodes, false, 200, `
NODE                                        VERDICT     FAULT                              VERSION
ip-10-0-20-162.us-east-2.compute.internal   Unhealthy   serving certificate not approved   v1.29.0-eks-5e0fdde
cp1                                         Healthy     -                                  v1.29.0
`},
		{"the long cell has a line of its own", "Node", nodes, false, 80, `
NODE            VERDICT    FAULT                             VERSION
ip-10-0-20-162.us-east-2.compute.internal
                Unhealthy  serving certificate not approved  v1.29.0-eks-5e0fdde
cp1             Healthy    -                                 v1.29.0
`},
		{"cells are folded", "Node", nodes, false, 60, `
NODE  VERDICT    FAULT                   VERSION
ip-10-0-20-162.us-east-2.compute.internal
      Unhealthy  serving certificate     v1.29.0-eks-5e0fdde
                 not approved
cp1   Healthy    -                       v1.29.0
`},
		{"no room at all", "Node", nodes, false, 40, `
NODE VERDICT   FAULT       VERSION
ip-10-0-20-162.us-east-2.compute.internal
     Unhealthy serving     v1.29.0-eks-5e0fdde
               certificate
               not
               approved
cp1  Healthy   -           v1.29.0
`},
		{"the last column goes below", "Where", certificates, false, 60, `
EXPIRES     WHERE
2027-11-26  short
2036-11-26
            configmap
            kube-system/extension-apiserver-authentication
            requestheader-client-ca-file
`},
	} {
		var b strings.Builder
		if err := Table(&b, c.table, c.wide, c.columns, c.long); err != nil {
			t.Fatal(err)
		}
		if got := "\n" + b.String(); got != c.want {
			t.Errorf("%s: got%swant%s", c.name, got, c.want)
		}
	}
}
