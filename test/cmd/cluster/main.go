// Command cluster starts, stops and breaks a real test cluster for a developer
// to play with. "make cluster-up" and "make cluster-down" call it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:           "cluster",
		Short:         "Start, stop and break a real Kubernetes cluster on this machine",
		SilenceErrors: true, SilenceUsage: true,
	}
	root.PersistentFlags().String("name", "dev", "name of the cluster; clusters with different names run side by side")
	root.AddCommand(newUp(), newDown(), newStatus(), newFault(), newExec())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
