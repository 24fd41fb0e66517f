package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ClockSkew is how far clock-skewed puts a node's clock ahead.
const ClockSkew = 2 * time.Minute

// mutatingPolicies is the version of admissionregistration.k8s.io in which a
// Kubernetes version has MutatingAdmissionPolicies, and which flags of the API
// server switch them on.
func (c Config) mutatingPolicies() (version string, flags []string) {
	if c.minor() >= 36 {
		return "v1", nil
	}
	return "v1beta1", []string{"--feature-gates=MutatingAdmissionPolicy=true", "--runtime-config=admissionregistration.k8s.io/v1beta1=true"}
}

// skewClock puts a node's clock apart as far as the API can tell. A process
// cannot be given a wall clock of its own, so what the kubelet writes of the
// time, its lease's renewTime, is moved on its way into the API server, while
// the API server's own stamps stay.
func skewClock(ctx context.Context, c *Cluster, n *Node) error {
	name := "clock-skew-" + n.Name
	fail := admissionv1.Fail
	if err := c.createPolicy(ctx, "MutatingAdmissionPolicy", &admissionv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.MutatingAdmissionPolicySpec{
			FailurePolicy:      &fail,
			ReinvocationPolicy: admissionv1.NeverReinvocationPolicy,
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				ResourceNames: []string{n.Name},
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{"coordination.k8s.io"}, APIVersions: []string{"v1"}, Resources: []string{"leases"}},
				}}}},
			Mutations: []admissionv1.Mutation{{PatchType: admissionv1.PatchTypeApplyConfiguration,
				ApplyConfiguration: &admissionv1.ApplyConfiguration{Expression: fmt.Sprintf(
					`Object{spec: Object.spec{renewTime: string(timestamp(object.spec.renewTime) + duration("%s"))}}`, ClockSkew)}}},
		},
	}); err != nil {
		return err
	}
	return c.createPolicy(ctx, "MutatingAdmissionPolicyBinding", &admissionv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       admissionv1.MutatingAdmissionPolicyBindingSpec{PolicyName: name},
	})
}

// policyPath is where the API server has the objects of a kind of admission
// policy. The v1 types serve for the beta too: their fields are the same.
func (c *Cluster) policyPath(kind string) (version, path string) {
	version, _ = c.Config.mutatingPolicies()
	resource := map[string]string{"MutatingAdmissionPolicy": "mutatingadmissionpolicies", "MutatingAdmissionPolicyBinding": "mutatingadmissionpolicybindings"}[kind]
	return version, "/apis/admissionregistration.k8s.io/" + version + "/" + resource
}

func (c *Cluster) createPolicy(ctx context.Context, kind string, object any) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	b, err := json.Marshal(object)
	if err != nil {
		return err
	}
	var fields map[string]any
	if err := json.Unmarshal(b, &fields); err != nil {
		return err
	}
	version, path := c.policyPath(kind)
	fields["apiVersion"], fields["kind"] = "admissionregistration.k8s.io/"+version, kind
	if b, err = json.Marshal(fields); err != nil {
		return err
	}
	err = client.CoreV1().RESTClient().Post().AbsPath(path).SetHeader("Content-Type", "application/json").Body(b).Do(ctx).Error()
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func unskewClock(ctx context.Context, c *Cluster, n *Node) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	for _, kind := range []string{"MutatingAdmissionPolicyBinding", "MutatingAdmissionPolicy"} {
		_, path := c.policyPath(kind)
		err := client.CoreV1().RESTClient().Delete().AbsPath(path + "/clock-skew-" + n.Name).Do(ctx).Error()
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}
