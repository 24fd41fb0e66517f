// Package profile holds ready-made audit policies: written here, after the ideas
// of those who run many clusters, commented for whoever has to answer for them.
package profile

import (
	"embed"
	"strings"
)

//go:embed policies/*.yaml
var files embed.FS

// Profile is a ready-made policy.
type Profile struct {
	Name string `json:"name"`
	// Title says what it records, in one line.
	Title string `json:"title"`
	// Use says when to take it.
	Use string `json:"use"`
	// After names whose idea it is.
	After string `json:"after"`
}

// All are the profiles, from the least to the most that they record.
var All = []Profile{
	{"minimal", "every request, no bodies", "to begin with, or with a pipeline that filters", "the handbook's minimal policy"},
	{"openshift-default", "every request but discovery and health, no bodies", "a quiet log of who did what", "OpenShift's profile Default"},
	{"cis", "no credentials; workload changes with bodies", "to meet the benchmark, 3.2.2", "CIS Kubernetes Benchmark"},
	{"security", "decisive changes with bodies, named chatter dropped", "for detection and investigation; the one to take in doubt", "this project"},
	{"handbook", "one rule of each kind", "to learn from", "the Kubernetes documentation's example"},
	{"gce", "reads with requests, writes whole, chatter dropped", "to reconstruct changes", "Kubernetes' scripts for Compute Engine"},
	{"openshift-write", "every write whole, the rest no bodies", "where every change must be provable", "OpenShift's profile WriteRequestBodies"},
	{"openshift-all", "every request whole, credentials excepted", "for a short time, to hunt", "OpenShift's profile AllRequestBodies"},
}

// Find returns a profile and its policy. ok is false for a name that is none.
func Find(name string) (p Profile, text []byte, ok bool) {
	for _, p := range All {
		if strings.EqualFold(p.Name, name) {
			text, err := files.ReadFile("policies/" + p.Name + ".yaml")
			return p, text, err == nil
		}
	}
	return Profile{}, nil, false
}

// Names are the profiles' names, in the order of All.
func Names() []string {
	var out []string
	for _, p := range All {
		out = append(out, p.Name)
	}
	return out
}
