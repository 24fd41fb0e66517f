// Package rotate replaces a CA of a kubeadm-style cluster in stages, so that at
// every moment each server is trusted by each of its clients:
//
//	prepare   the new CA is made; nothing uses it
//	trust     everybody trusts the old and the new CA
//	sign      certificates and kubeconfigs are signed by the new CA
//	finish    nobody trusts the old CA any more
//
// It carries out what happens in the files of one node's /etc/kubernetes, says
// which processes read them by themselves and which have to be restarted, and
// what must hold before the next stage. Where a rotation stands is read off the
// files, so it can be taken up at any time, and undone until finish.
package rotate

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// Stage is a step of a rotation.
type Stage string

// The stages. None is before the first.
const (
	None     Stage = ""
	Prepare  Stage = "prepare"
	Trust    Stage = "trust"
	Sign     Stage = "sign"
	Finish   Stage = "finish"
	Rollback Stage = "rollback"
)

// Stages are those of a rotation, in order.
var Stages = []Stage{Prepare, Trust, Sign, Finish}

// Which is one of kubeadm's CAs.
type Which string

// The CAs of a kubeadm cluster.
const (
	Cluster    Which = "cluster"
	FrontProxy Which = "front-proxy"
	Etcd       Which = "etcd"
)

// Whiches lists them.
var Whiches = []Which{Cluster, FrontProxy, Etcd}

// base is the CA's file without its extension, below the root.
func (w Which) base() string {
	switch w {
	case FrontProxy:
		return "pki/front-proxy-ca"
	case Etcd:
		return "pki/etcd/ca"
	}
	return "pki/ca"
}

// State is where a rotation stands.
type State struct {
	Which Which
	Root  string
	// Done is the last stage that is done, None for no rotation.
	Done Stage
	// Old and New are the CAs; New is nil before prepare.
	Old, New *x509.Certificate
	// Leaves are the certificates and kubeconfigs that the rotation concerns.
	Leaves []Leaf
	// Kubeconfigs carry the CA (the cluster's only).
	Kubeconfigs []string
	// Manifest is kube-controller-manager's, "" where it is not here.
	Manifest string
}

// Leaf is a certificate of the CA.
type Leaf struct {
	Item  *inspect.Item
	ByNew bool
}

const beforeSuffix = ".before-rotation"

// Read finds out where a rotation stands.
func Read(root string, w Which) (*State, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	s := &State{Which: w, Root: abs}
	active, err := s.certs(w.base() + ".crt")
	if err != nil {
		return nil, err
	}
	next, err := s.certs(w.base() + "-next.crt")
	if errors.Is(err, fs.ErrNotExist) {
		if len(active) != 1 {
			return nil, fmt.Errorf("%s holds %d certificates and there is no %s-next.crt beside it: this is somebody else's rotation", s.path(w.base()+".crt"), len(active), filepath.Base(w.base()))
		}
		s.Old = active[0]
		return s, s.scan()
	}
	if err != nil {
		return nil, err
	}
	s.New = next[0]
	old, err := s.certs(w.base() + "-old.crt")
	if err != nil {
		return nil, err
	}
	s.Old = old[0]
	hasOld, hasNew := slices.ContainsFunc(active, s.Old.Equal), slices.ContainsFunc(active, s.New.Equal)
	if err := s.scan(); err != nil {
		return nil, err
	}
	left := 0
	for _, l := range s.Leaves {
		if !l.ByNew {
			left++
		}
	}
	switch {
	case hasNew && !hasOld:
		s.Done = Finish
	case hasNew && hasOld && left == 0 && (len(s.Leaves) > 0 || s.signsAnew()):
		s.Done = Sign
	case hasNew && hasOld:
		s.Done = Trust
	default:
		s.Done = Prepare
	}
	return s, nil
}

// signsAnew says that the CA's key is the new one, which stage sign puts there: a
// folder without a certificate of this CA tells it by nothing else.
func (s *State) signsAnew() bool {
	key := readOr(s.path(s.Which.base() + ".key"))
	return len(key) > 0 && bytes.Equal(key, readOr(s.path(s.Which.base()+"-next.key")))
}

// Next is the stage that comes now, None where all is done.
func (s *State) Next() Stage {
	i := slices.Index(Stages, s.Done)
	if i+1 >= len(Stages) {
		return None
	}
	return Stages[i+1]
}

func (s *State) path(rel string) string { return filepath.Join(s.Root, filepath.FromSlash(rel)) }

func (s *State) certs(rel string) ([]*x509.Certificate, error) {
	data, err := os.ReadFile(s.path(rel))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.path(rel), cause(err))
	}
	cs, err := pki.ParseCerts(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.path(rel), err)
	}
	return cs, nil
}

func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// scan finds the leaves and the kubeconfigs.
func (s *State) scan() error {
	items, _, err := inspect.Dir(s.Root, inspect.Options{})
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range items {
		it := &items[i]
		if it.Cert == nil || strings.Contains(it.Source, beforeSuffix) {
			continue
		}
		if strings.HasPrefix(it.Part, "cluster ") && s.Which == Cluster && !seen[it.Source] {
			seen[it.Source] = true
			s.Kubeconfigs = append(s.Kubeconfigs, it.Source)
		}
		if it.Cert.IsCA || it.Intermediate || it.Bundle || it.CertFile != "" {
			// A certificate in a file of its own is found as that file where it
			// lies in this folder; the kubelet's does not, and is its own affair.
			continue
		}
		switch {
		case s.New != nil && pki.SignedBy(it.Cert, s.New):
			s.Leaves = append(s.Leaves, Leaf{it, true})
		case pki.SignedBy(it.Cert, s.Old):
			s.Leaves = append(s.Leaves, Leaf{it, false})
		}
	}
	sort.Strings(s.Kubeconfigs)
	if m := s.path("manifests/kube-controller-manager.yaml"); s.Which == Cluster {
		if _, err := os.Stat(m); err == nil {
			s.Manifest = m
		}
	}
	return nil
}
