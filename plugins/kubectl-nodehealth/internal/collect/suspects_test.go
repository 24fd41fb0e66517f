package collect

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// fleetOf is a cluster of n well nodes; asked counts the requests for a
// kubelet's configz, which only suspects get.
func fleetOf(n int, health func(node int) http.HandlerFunc) (server, func() []string) {
	srv := healthy()
	var items []string
	var mu sync.Mutex
	var asked []string
	for i := range n {
		name := fmt.Sprintf("w%d", i)
		items = append(items, fmt.Sprintf(`{"metadata":{"name":%q},"status":{"conditions":[{"type":"Ready","status":"True"}]}}`, name))
		srv["/api/v1/nodes/"+name+"/proxy/healthz"] = health(i)
		srv["/api/v1/nodes/"+name+"/proxy/configz"] = func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			asked = append(asked, name)
			mu.Unlock()
			json200(`{"kubeletconfig":{}}`)(w, r)
		}
	}
	srv["/api/v1/nodes"] = json200(`{"items":[` + strings.Join(items, ",") + `]}`)
	return srv, func() []string { mu.Lock(); defer mu.Unlock(); return asked }
}

func nobodySuspects(*snapshot.Snapshot, *snapshot.Node) bool { return false }

// A node whose kubelet's port alone is dropped shows in no list.
func TestSweepFindsTheSilentKubelet(t *testing.T) {
	srv, asked := fleetOf(60, func(i int) http.HandlerFunc {
		if i == 41 {
			return status(503, "error trying to reach service: dial tcp 10.0.0.41:10250: i/o timeout")
		}
		return text(200, "ok")
	})
	if _, err := srv.start(t).Fleet(t.Context(), FleetOptions{Suspect: nobodySuspects}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(asked(), " "); got != "w41" {
		t.Errorf("asked %q", got)
	}
}

// What is denied for one kubelet is denied for all, and no sign of trouble.
func TestSweepStopsWhenDenied(t *testing.T) {
	few, _ := fleetOf(2, func(int) http.HandlerFunc { return status(403, "nodes is forbidden: cannot get resource nodes/proxy") })
	if s, err := few.start(t).Fleet(t.Context(), FleetOptions{Suspect: nobodySuspects}); err != nil || len(s.Notes) != 1 || s.Notes[0] != notAsked {
		t.Errorf("of a few: %+v %v", s, err)
	}
	srv, asked := fleetOf(60, func(int) http.HandlerFunc { return status(403, "nodes is forbidden: cannot get resource nodes/proxy") })
	s, err := srv.start(t).Fleet(t.Context(), FleetOptions{Suspect: nobodySuspects})
	if err != nil {
		t.Fatal(err)
	}
	if got := asked(); len(got) != 0 {
		t.Errorf("asked %q", got)
	}
	if notes := strings.Join(s.Notes, "\n"); !strings.Contains(notes, "needs the right to get nodes/proxy") {
		t.Errorf("who was not asked is not said: %q", notes)
	}
}

// A cluster too large to ask everybody says so, and asks when told to.
func TestSweepOfALargeCluster(t *testing.T) {
	srv, asked := fleetOf(maxSwept+1, func(i int) http.HandlerFunc {
		if i == 41 {
			return status(503, "error trying to reach service: dial tcp 10.0.0.41:10250: i/o timeout")
		}
		return text(200, "ok")
	})
	c := srv.start(t)
	for all, want := range map[bool]string{false: "", true: "w41"} {
		before := len(asked())
		s, err := c.Fleet(t.Context(), FleetOptions{Suspect: nobodySuspects, AskAll: all})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(asked()[before:], " "); got != want {
			t.Errorf("all %v: asked %q, want %q", all, got, want)
		}
		if said := strings.Contains(strings.Join(s.Notes, "\n"), "501 kubelets were not asked"); said == all {
			t.Errorf("all %v: %q", all, s.Notes)
		}
	}
}

// Where every node is suspicious anyway nobody was passed over.
func TestAllOfALargeClusterAreSuspects(t *testing.T) {
	srv, asked := fleetOf(maxSwept+1, func(int) http.HandlerFunc { return text(200, "ok") })
	s, err := srv.start(t).Fleet(t.Context(), FleetOptions{Suspect: func(*snapshot.Snapshot, *snapshot.Node) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(asked()); n != MaxSuspects {
		t.Errorf("asked %d", n)
	}
	if notes := strings.Join(s.Notes, "\n"); strings.Contains(notes, "were not asked") || !strings.Contains(notes, "481 kubelets more") {
		t.Errorf("%q", s.Notes)
	}
}

func TestWithoutFigures(t *testing.T) {
	s := &snapshot.Snapshot{}
	for i := range 10 {
		n := &snapshot.Node{Name: fmt.Sprint(i)}
		p := snapshot.Probe{Name: snapshot.SourceMetrics, Status: snapshot.OK}
		if i == 3 {
			p.Status, p.Detail = snapshot.Absent, snapshot.NoNodeMetrics
		}
		n.Set(p)
		s.Nodes = append(s.Nodes, n)
	}
	if got := withoutFigures(s, s.Nodes); len(got) != 1 || got[0].Name != "3" {
		t.Errorf("%v", got)
	}
	for _, n := range s.Nodes {
		n.Set(snapshot.Probe{Name: snapshot.SourceMetrics, Status: snapshot.Absent, Detail: snapshot.NoNodeMetrics})
	}
	if got := withoutFigures(s, s.Nodes); len(got) != 0 {
		t.Errorf("where nobody has figures nobody is suspicious: %v", got)
	}
}
