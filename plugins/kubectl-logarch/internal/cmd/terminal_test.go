package cmd

import (
	"testing"

	"github.com/clusterwright/kubectl-plugins/shared/clitest"
)

func TestTerminal(t *testing.T) {
	clitest.Terminal(t, New, []string{
		"talk: inject -f examples/logarch/counter.yaml --log /var/log/1.log --log /var/log/2.log",
		"talk: inject -f examples/logarch/web.yaml --log /var/log/app.log --mode agent --agent otel",
		"talk: eject -f examples/logarch/web.yaml",
		"talk: agent otel",
		"talk: beats filebeat",
		"advise -f examples/logarch/web.yaml",
		"advise -f examples/logarch/counter.yaml",
		"advise system",
		"explain",
		"explain streaming",
		"explain tailers",
		"direct",
		"version",
	})
}
