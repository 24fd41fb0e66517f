package finding

import "testing"

func TestSARIFNamesDrivesAndShares(t *testing.T) {
	for name, want := range map[string]string{
		`C:\my policies\a.yaml`:   "file:///C:/my%20policies/a.yaml",
		`C:/a.yaml`:               "file:///C:/a.yaml",
		`policies\a.yaml`:         "policies/a.yaml",
		`\\server\share\x\a.yaml`: "file://server/share/x/a.yaml",
	} {
		if got := uri(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
