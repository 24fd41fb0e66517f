package auditpolicy

import (
	"context"
	"testing"

	authnv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// secretsIn makes every kind of request whose body is a credential.
func secretsIn(t *testing.T, ctx context.Context, k kubernetes.Interface) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := k.CoreV1().Secrets("default").Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "leak"}, StringData: map[string]string{"password": "correct horse battery staple"},
	}, metav1.CreateOptions{})
	check(err)
	_, err = k.CoreV1().Secrets("default").Get(ctx, "leak", metav1.GetOptions{})
	check(err)
	_, err = k.CoreV1().Secrets("default").Patch(ctx, "leak", types.MergePatchType, []byte(`{"data":{"password":"aHVudGVyMmh1bnRlcjI="}}`), metav1.PatchOptions{})
	check(err)
	_, err = k.CoreV1().ServiceAccounts("default").Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "leak"}}, metav1.CreateOptions{})
	check(err)
	tok, err := k.CoreV1().ServiceAccounts("default").CreateToken(ctx, "leak", &authnv1.TokenRequest{}, metav1.CreateOptions{})
	check(err)
	_, err = k.AuthenticationV1().TokenReviews().Create(ctx, &authnv1.TokenReview{Spec: authnv1.TokenReviewSpec{Token: tok.Status.Token}}, metav1.CreateOptions{})
	check(err)
	check(k.CoreV1().ServiceAccounts("default").Delete(ctx, "leak", metav1.DeleteOptions{}))
	check(k.CoreV1().Secrets("default").DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{FieldSelector: "metadata.name=leak"}))
}
