package main

import (
	"fmt"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
	"github.com/spf13/cobra"
)

func newFault() *cobra.Command {
	var repair bool
	c := &cobra.Command{
		Use:   "fault [FAULT [NODE]]",
		Short: "Break something of a running cluster, or repair it; without arguments list the faults",
		Example: "  cluster fault\n  cluster fault kubelet-frozen kube-worker-1\n" +
			"  cluster fault kubelet-frozen kube-worker-1 --repair",
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				for _, f := range cluster.Faults() {
					node := ""
					if f.OnNode {
						node = "NODE"
					}
					fmt.Printf("%-27s %-5s %s\n", f.Name, node, f.What)
				}
				return nil
			}
			name, _ := c.Flags().GetString("name")
			cl, err := cluster.Open(name)
			if err != nil {
				return err
			}
			args = append(args, "")
			if repair {
				return cl.Repair(c.Context(), args[0], args[1])
			}
			return cl.Inject(c.Context(), args[0], args[1])
		},
	}
	c.Flags().BoolVar(&repair, "repair", false, "take the fault away again")
	return c
}

func newExec() *cobra.Command {
	c := &cobra.Command{
		Use:   "exec NODE [--] COMMAND [ARG...]",
		Short: "Run a command on a node, in its namespaces",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			name, _ := c.Flags().GetString("name")
			cl, err := cluster.Open(name)
			if err != nil {
				return err
			}
			n, err := cl.Node(args[0])
			if err != nil {
				return err
			}
			command := args[1:]
			if command[0] == "--" && len(command) > 1 { // as kubectl exec has it
				command = command[1:]
			}
			cmd := n.Command(command[0], command[1:]...)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr()
			return cmd.Run()
		},
	}
	c.Flags().SetInterspersed(false) // the flags after NODE are the command's
	return c
}
