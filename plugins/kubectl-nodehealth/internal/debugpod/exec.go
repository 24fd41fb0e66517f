package debugpod

import (
	"context"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

// Streams are those of the program. TTY joins its output and error streams.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	TTY      bool
	Resize   remotecommand.TerminalSizeQueue
}

// Exec runs a program in the pod and returns its exit status. The error is
// that of the connection, never that of the program.
func (p *Pod) Exec(ctx context.Context, argv []string, s Streams) (int, error) {
	req := p.core.Exec(p.namespace, p.name, &corev1.PodExecOptions{
		Container: container, Command: argv,
		Stdin: s.In != nil, Stdout: true, Stderr: !s.TTY, TTY: s.TTY,
	})
	// As kubectl does: WebSocket, and SPDY where a server or proxy before 1.31
	// does not take it.
	websocket, err := remotecommand.NewWebSocketExecutor(p.config, "GET", req.URL().String())
	if err != nil {
		return 0, err
	}
	spdy, err := remotecommand.NewSPDYExecutor(p.config, "POST", req.URL())
	if err != nil {
		return 0, err
	}
	exec, err := remotecommand.NewFallbackExecutor(websocket, spdy, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
	if err != nil {
		return 0, err
	}
	err = exec.StreamWithContext(ctx, remotecommand.StreamOptions{
		Stdin: s.In, Stdout: s.Out, Stderr: s.Err, Tty: s.TTY, TerminalSizeQueue: s.Resize,
	})
	var exit utilexec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitStatus(), nil
	}
	return 0, fmt.Errorf("exec in pod %s/%s: %w", p.namespace, p.name, err)
}
