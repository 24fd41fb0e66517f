package cmd

import (
	"context"
	"errors"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// discoveryTimeout bounds the question to the cluster.
const discoveryTimeout = 15 * time.Second

// liveTable asks a cluster what it serves, custom resources and aggregated APIs
// included.
func liveTable(ctx context.Context, flags *cli.Cluster) (*apitable.Table, error) {
	config, err := flags.RESTConfig()
	if err != nil {
		return nil, cli.WithHint(err, "leave --live out to judge by the table of a Kubernetes version")
	}
	config.Timeout = discoveryTimeout
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, cli.Unknownf("--live: %w", err)
	}
	type answer struct {
		lists []*metav1.APIResourceList
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		_, lists, err := client.ServerGroupsAndResources()
		done <- answer{lists, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case a := <-done:
		if a.err == nil && len(a.lists) == 0 {
			a.err = errors.New("discovery names no resource")
		}
		if a.err != nil && !discovery.IsGroupDiscoveryFailedError(a.err) || len(a.lists) == 0 {
			return nil, cli.WithHint(cli.Unknownf("--live: discovery: %w", a.err), "leave --live out to judge by the table of a Kubernetes version")
		}
		if a.err != nil {
			// A verdict on a group that does not answer would be a guess.
			return nil, cli.WithHint(cli.Unknownf("--live: discovery: %w", a.err), "an aggregated API does not answer: 'kubectl get apiservices' shows which")
		}
		return tableOf(a.lists), nil
	}
}

func tableOf(lists []*metav1.APIResourceList) *apitable.Table {
	byName := map[string]int{}
	var entries []apitable.Entry
	for _, l := range lists {
		group, _, ok := strings.Cut(l.GroupVersion, "/")
		if !ok {
			group = ""
		}
		for _, r := range l.APIResources {
			g := group
			if r.Group != "" && !strings.Contains(r.Name, "/") {
				g = r.Group
			}
			key := g + " " + r.Name
			if i, ok := byName[key]; ok {
				entries[i].Verbs = append(entries[i].Verbs, r.Verbs...)
				continue
			}
			byName[key] = len(entries)
			entries = append(entries, apitable.Entry{Group: g, Resource: r.Name, Kind: r.Kind, Singular: r.SingularName, ShortNames: r.ShortNames,
				Namespaced: r.Namespaced, Verbs: append([]string(nil), r.Verbs...)})
		}
	}
	return apitable.New(entries)
}
