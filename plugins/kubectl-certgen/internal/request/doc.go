// Package request knows the certificates.k8s.io flow: which signer issues what,
// and, before anything is sent, whether it will; who approves; why a request
// that was approved is never issued; and whether what was issued is what was
// asked for.
//
// The rules are those of kube-apiserver's validation and admission and of
// kube-controller-manager's signer and approver (Kubernetes v1.37: package
// pkg/apis/certificates, pkg/controller/certificates, plugin/pkg/admission).
package request
