package snapshot

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Tally counts nodes by how they are. Fresh nodes renewed their lease within
// its duration and are not Unknown; the leases of the others were not read, or
// are stale.
type Tally struct{ Nodes, Ready, Fresh, Stale int }

func (t *Tally) add(p Peer, now time.Time, times int) {
	t.Nodes += times
	if p.Ready == corev1.ConditionTrue {
		t.Ready += times
	}
	switch {
	case p.LeaseRenewed.IsZero():
	case now.Sub(p.LeaseRenewed) < LeaseDuration && p.Ready != corev1.ConditionUnknown:
		t.Fresh += times
	default:
		t.Stale += times
	}
}

// tallyKey is a zone at a time; whole is all zones.
type tallyKey struct {
	zone  string
	whole bool
	now   time.Time
}

// tally counts the nodes of a zone, once: every node of a large cluster asks.
func (s *Snapshot) tally(k tallyKey) Tally {
	zones := s.Zones()
	s.talliesMu.Lock()
	defer s.talliesMu.Unlock()
	t, ok := s.tallies[k]
	if ok {
		return t
	}
	for zone, ps := range zones {
		if k.whole || zone == k.zone {
			for _, p := range ps {
				t.add(p, k.now, 1)
			}
		}
	}
	if s.tallies == nil {
		s.tallies = map[tallyKey]Tally{}
	}
	s.tallies[k] = t
	return t
}

// Peers counts the other nodes of this node's zone; where it is alone there,
// all other nodes, and inZone is false.
func (v *View) Peers() (peers Tally, inZone bool) {
	zone := Zone(v.Node.Object)
	peers = v.tally(tallyKey{zone: zone, now: v.Now})
	self, listed := v.named[v.Node.Name]
	if listed && self.Zone == zone {
		peers.add(self, v.Now, -1)
	}
	if peers.Nodes > 0 {
		return peers, true
	}
	peers = v.All()
	if listed {
		peers.add(self, v.Now, -1)
	}
	return peers, false
}

// All counts all nodes known, this one included.
func (v *View) All() Tally { return v.tally(tallyKey{whole: true, now: v.Now}) }

// AllPeers are all nodes known, the snapshot's own included.
func (s *Snapshot) AllPeers() []Peer {
	seen := make(map[string]bool, len(s.Cluster.Peers))
	out := slices.Clone(s.Cluster.Peers)
	for _, p := range out {
		seen[p.Name] = true
	}
	for _, n := range s.Nodes {
		if n.Object != nil && !seen[n.Name] {
			out = append(out, NewPeer(n))
		}
	}
	return out
}

// Zones are all nodes known by the zone in which the node lifecycle controller
// counts them. The snapshot must not change after the first call.
func (s *Snapshot) Zones() map[string][]Peer {
	s.zonesOnce.Do(func() {
		s.zones, s.named = map[string][]Peer{}, map[string]Peer{}
		for _, p := range s.AllPeers() {
			s.zones[p.Zone] = append(s.zones[p.Zone], p)
			s.named[p.Name] = p
		}
	})
	return s.zones
}

// At are the nodes, all that are known, with an internal address.
// The snapshot must not change after the first call.
func (s *Snapshot) At(address string) []Peer {
	s.addressesOnce.Do(func() {
		s.addresses = map[string][]Peer{}
		for _, ps := range s.Zones() {
			for _, p := range ps {
				s.addresses[p.Address] = append(s.addresses[p.Address], p)
			}
		}
	})
	return s.addresses[address]
}
