// Package policy reads audit policies as kube-apiserver reads them, and asks
// kube-apiserver's own evaluator what they decide.
//
// # Reading
//
// Load takes the bytes of a file: a policy, or something that holds policies
// (a ConfigMap or Secret, a Talos, kops or Cluster API object, cloud-init, a
// List). Each *Policy carries Internal, the policy as kube-apiserver would run
// it after its lenient decoding, and the place of every value in the file.
//
//	ps, err := policy.Load("policy.yaml", data) // err: not a policy at all
//	p := ps[0]
//	p.Refused // why kube-apiserver would not start with it; empty is fine
//	p.Dropped // fields that it drops with a warning line
//
// # Deciding
//
//	e := policy.NewEvaluator(p.Internal)
//	d := e.Match(attrs) // attrs: k8s.io/apiserver/pkg/authorization/authorizer.Attributes
//	d.Rule              // index from 0, policy.NoRule when none matches
//	d.Level, d.OmitStages, d.OmitManagedFields, d.Stages()
//
// An Evaluator is safe for concurrent use and costs one pass of the upstream
// evaluator for each request. A request whose authentication failed has a nil
// user: pass attributes whose GetUser is nil (an interface without value, not a
// pointer that is nil).
package policy
