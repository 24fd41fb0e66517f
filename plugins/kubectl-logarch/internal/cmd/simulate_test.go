package cmd

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/simulate"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// TestVerdictOfSimulation: what was not played is not taken for clean, a reader
// that was killed is told whatever it lost, and lines fit.
func TestVerdictOfSimulation(t *testing.T) {
	failed := simulate.Result{Reader: "r", Scenario: "rename-late", Error: strings.Repeat("no space left on device, ", 5)}
	clean := simulate.Result{Reader: "r", Scenario: "steady", Written: 60, Delivered: 60}
	killed := simulate.Result{Reader: "r", Scenario: "stop", Written: 60, Lost: 60, Killed: true, About: strings.Repeat("about ", 9), Known: strings.Repeat("known ", 20)}
	for want, items := range map[string][]simulate.Result{
		"r: nothing was played; 2 could not be played":                {failed, failed},
		"r: nothing lost in 1 scenario; 1 could not be played":        {failed, clean},
		"r: 60 lines lost, in 1 of 2 scenarios; SIGTERM ignored in 1": {clean, killed},
	} {
		var b strings.Builder
		if err := writeSimulation(&b, cli.Style{}, &simulationReport{Items: items, Shell: "the sh and tail of this machine"}, []simulate.Reader{{Name: "r"}}, 80); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(b.String(), "\n")
		if strings.TrimSpace(lines[0]) != want {
			t.Errorf("%q, want %q", lines[0], want)
		}
		for _, l := range lines {
			if utf8.RuneCountInString(l) > 80 {
				t.Errorf("%d columns: %s", utf8.RuneCountInString(l), l)
			}
		}
	}
}
