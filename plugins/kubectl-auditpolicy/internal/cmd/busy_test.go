package cmd

import (
	"context"
	"errors"
	"testing"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

func TestBusyEndsAtCtrlC(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	env, _, _, errOut := cli.TestEnv()
	started, hold := make(chan bool), make(chan bool)
	defer close(hold)
	go func() {
		<-started
		stop()
	}()
	_, err := busy(ctx, env, "waiting", func() (int, error) {
		close(started)
		<-hold
		return 1, nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
	if errOut.Len() > 0 {
		t.Errorf("no terminal, and yet: %q", errOut)
	}
	if n, err := busy(context.Background(), env, "counting", func() (int, error) { return 2, nil }); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
