package cmd

import (
	"context"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

// busy waits for a computation that knows no context, of which a policy of
// thousands of rules makes a long one: a terminal is told what takes the time,
// and Ctrl-C ends the wait at once. What goes on computing then dies with the
// process.
func busy[T any](ctx context.Context, env *cli.Env, what string, f func() (T, error)) (T, error) {
	p := output.NewProgress(env.ErrOut, env.Interactive())
	defer p.Stop()
	p.Set("%s", what)
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		v, err := f()
		done <- answer{v, err}
	}()
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
