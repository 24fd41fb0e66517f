package kube

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// What goes over the wire is what an API server expects of a typed client.
func TestRequests(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		line := r.Method + " " + r.URL.RequestURI()
		if len(body) > 0 {
			line += " " + r.Header.Get("Content-Type") + " " + strings.TrimSpace(string(body))
		}
		asked = append(asked, line)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/log"):
			_, _ = io.WriteString(w, "a line\n")
		case strings.HasSuffix(r.URL.Path, "/absent"):
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"message":"nodes \"absent\" not found"}`)
		case strings.HasSuffix(r.URL.Path, "/pods") && r.URL.Query().Has("fieldSelector"):
			// As an API server answers who takes it.
			if !strings.HasPrefix(r.Header.Get("Accept"), runtime.ContentTypeProtobuf) {
				t.Errorf("a list is asked for as %q", r.Header.Get("Accept"))
			}
			w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
			list := &corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "binary"}}}}
			if err := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(list, w); err != nil {
				t.Error(err)
			}
		case strings.HasSuffix(r.URL.Path, "/pods"):
			_, _ = io.WriteString(w, `{"kind":"PodList","apiVersion":"v1","metadata":{"continue":"more"},"items":[{"metadata":{"name":"p"}}]}`)
		default:
			_, _ = io.WriteString(w, `{"kind":"Node","apiVersion":"v1","metadata":{"name":"n"}}`)
		}
	}))
	defer server.Close()
	c, err := New(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if n, err := Nodes.Get(ctx, c, "", "n"); err != nil || n.Name != "n" {
		t.Errorf("%v, %v", n, err)
	}
	if _, err := Nodes.Get(ctx, c, "", "absent"); !apierrors.IsNotFound(err) {
		t.Errorf("%v", err)
	}
	list, err := Pods.List(ctx, c, "kube-system", metav1.ListOptions{LabelSelector: "a=b", Limit: 7})
	if err != nil || len(list.Items) != 1 || list.Items[0].Name != "p" || list.Continue != "more" {
		t.Errorf("%v, %v", list, err)
	}
	list, err = Pods.List(ctx, c, "", metav1.ListOptions{FieldSelector: "spec.nodeName=n"})
	if err != nil || len(list.Items) != 1 || list.Items[0].Name != "binary" {
		t.Errorf("%v, %v", list, err)
	}
	tail := int64(3)
	if b, err := c.Logs(ctx, "ns", "p", &corev1.PodLogOptions{TailLines: &tail, Previous: true}); err != nil || string(b) != "a line\n" {
		t.Errorf("%q, %v", b, err)
	}
	_ = Jobs.Create(ctx, c, "ns", &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "j"}})
	_ = Jobs.Patch(ctx, c, "ns", "j", []byte(`{"spec":{}}`))
	background := metav1.DeletePropagationBackground
	_ = Jobs.Delete(ctx, c, "ns", "j", metav1.DeleteOptions{PropagationPolicy: &background})
	exec := c.Exec("ns", "p", &corev1.PodExecOptions{Container: "c", Command: []string{"ls", "-l"}, Stdout: true})
	asked = append(asked, exec.URL().RequestURI())
	want := []string{
		"GET /api/v1/nodes/n",
		"GET /api/v1/nodes/absent",
		"GET /api/v1/namespaces/kube-system/pods?labelSelector=a%3Db&limit=7",
		"GET /api/v1/pods?fieldSelector=spec.nodeName%3Dn",
		"GET /api/v1/namespaces/ns/pods/p/log?previous=true&tailLines=3",
		`POST /apis/batch/v1/namespaces/ns/jobs application/json {"kind":"Job","apiVersion":"batch/v1",`,
		`PATCH /apis/batch/v1/namespaces/ns/jobs/j application/merge-patch+json {"spec":{}}`,
		`DELETE /apis/batch/v1/namespaces/ns/jobs/j application/json {"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background"}`,
		"/api/v1/namespaces/ns/pods/p/exec?command=ls&command=-l&container=c&stdout=true",
	}
	for i, w := range want {
		if i >= len(asked) || !strings.HasPrefix(asked[i], w) {
			t.Errorf("request %d\n got %s\nwant %s", i, fmt.Sprint(asked[min(i, len(asked)-1)]), w)
		}
	}
}
