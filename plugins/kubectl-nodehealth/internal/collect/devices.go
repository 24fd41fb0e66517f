package collect

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// devices reads what drivers of dynamic resource allocation offer on a node
// (v1.34 and later). Most clusters have none, so that a cluster without the API
// or the right to read it lacks nothing that is said.
func (c *Client) devices(ctx context.Context, node string) []snapshot.Devices {
	ctx, cancel := context.WithTimeout(ctx, ProbeDeadline)
	defer cancel()
	r, err := c.get(ctx, "/apis/resource.k8s.io/v1/resourceslices", url.Values{"fieldSelector": {"spec.nodeName=" + node}, "limit": {"500"}}, acceptJSON)
	if err != nil || r.Code != http.StatusOK {
		return nil
	}
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if json.Unmarshal(r.Body, &list) != nil {
		return nil
	}
	found := map[string][]snapshot.Devices{}
	for _, i := range list.Items {
		if _, err := snapshot.AddSlice(i, found); err != nil {
			return nil
		}
	}
	return found[node]
}
