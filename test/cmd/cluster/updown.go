package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
	"github.com/spf13/cobra"
)

func newUp() *cobra.Command {
	cfg := cluster.Config{}
	c := &cobra.Command{
		Use:     "up",
		Short:   "Start a cluster and print its KUBECONFIG line",
		Example: "  cluster up\n  cluster up --name audit --nodes 0 --apiserver-flag --audit-policy-file=/tmp/policy.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg.Name, _ = c.Flags().GetString("name")
			if !c.Flags().Changed("nodes") {
				if err := cluster.CanRunNodes(); err != nil {
					fmt.Fprintf(os.Stderr, "no nodes: %v\n", err)
					cfg.Nodes = 0
				}
			}
			begin := time.Now()
			up, err := cluster.Start(c.Context(), cfg)
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "cluster %s is up after %s: %d nodes, %s\n", up.Name, time.Since(begin).Round(100*time.Millisecond), len(up.Nodes), up.Endpoints.URL())
			fmt.Printf("export KUBECONFIG=%s\n", up.Kubeconfig)
			return nil
		},
	}
	f := c.Flags()
	f.IntVar(&cfg.Nodes, "nodes", 2, "number of real nodes")
	f.IntVar(&cfg.APIServers, "apiservers", 1, "number of API servers")
	f.StringVar(&cfg.Version, "kubernetes-version", "", "version whose binary is in the cache (default "+cluster.DefaultVersion+")")
	f.StringVar(&cfg.PKIDir, "pki", "", "folder in the layout of /etc/kubernetes to take certificates and kubeconfigs from")
	f.StringVar(&cfg.LogFormat, "log-format", "", "logging format of the components: text or json")
	f.DurationVar(&cfg.NodeMonitorGracePeriod, "node-monitor-grace-period", 0, "of the controller-manager (default 50s)")
	f.StringArrayVar(&cfg.APIServerFlags, "apiserver-flag", nil, "a further flag for the API server; may be given again")
	f.StringArrayVar(&cfg.ControllerManagerFlags, "controller-manager-flag", nil, "a further flag for the controller-manager")
	f.StringArrayVar(&cfg.EtcdFlags, "etcd-flag", nil, "a further flag for etcd")
	return c
}

func newDown() *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Stop a cluster and remove its folder",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			name, _ := c.Flags().GetString("name")
			dir := filepath.Join(cluster.BaseDir(), name)
			if _, err := os.Stat(dir); err != nil {
				return fmt.Errorf("no cluster %q: %w", name, err)
			}
			return cluster.Remove(dir)
		},
	}
}

func newStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the clusters of this machine and their processes",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			names, err := cluster.List()
			if err != nil {
				return err
			}
			if len(names) == 0 {
				fmt.Fprintln(os.Stderr, "no clusters below", cluster.BaseDir())
			}
			for _, name := range names {
				cl, err := cluster.Open(name)
				if err != nil {
					return err
				}
				fmt.Printf("%s  %s  KUBECONFIG=%s\n", cl.Name, cl.Endpoints.URL(), cl.Kubeconfig)
				var components []string
				for p := range cl.Processes {
					components = append(components, p)
				}
				slices.Sort(components)
				for _, p := range components {
					show(cl.Processes[p])
				}
				for _, n := range cl.Nodes {
					for _, p := range []*cluster.Process{n.Init, n.Containerd, n.Kubelet} {
						if p != nil {
							show(p)
						}
					}
				}
			}
			return nil
		},
	}
}

func show(p *cluster.Process) {
	state := "stopped"
	switch {
	case p.Frozen():
		state = "frozen"
	case p.Running():
		state = "running"
	}
	fmt.Printf("  %-32s %-8s pid %-7d %s\n", p.Name, state, p.Pid, p.Log)
}
