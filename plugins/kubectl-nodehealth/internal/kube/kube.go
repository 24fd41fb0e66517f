// Package kube reads and writes Kubernetes objects of the few kinds that are
// used here. client-go's typed clients bring the apply configurations of every
// kind along: 350 kB that the limit of 32 MB has no room for.
package kube

import (
	"context"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"
)

// Client is an API server.
type Client struct {
	*rest.RESTClient
	params runtime.ParameterCodec
}

// New makes a client; it asks nothing yet.
func New(config *rest.Config) (*Client, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, coordv1.AddToScheme,
		discoveryv1.AddToScheme, admissionv1.AddToScheme,
	} {
		utilruntime.Must(add(scheme))
	}
	config = rest.CopyConfig(config)
	config.APIPath = "/api"
	config.GroupVersion = &corev1.SchemeGroupVersion
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	if config.UserAgent == "" {
		config.UserAgent = rest.DefaultKubernetesUserAgent()
	}
	c, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, err
	}
	return &Client{c, runtime.NewParameterCodec(scheme)}, nil
}

// Resource is a kind of objects, T, and of their lists, L.
type Resource[T, L any] struct{ prefix, name string }

// The kinds that are used.
var (
	Nodes          = Resource[corev1.Node, corev1.NodeList]{"/api/v1", "nodes"}
	Pods           = Resource[corev1.Pod, corev1.PodList]{"/api/v1", "pods"}
	Events         = Resource[corev1.Event, corev1.EventList]{"/api/v1", "events"}
	Services       = Resource[corev1.Service, corev1.ServiceList]{"/api/v1", "services"}
	ConfigMaps     = Resource[corev1.ConfigMap, corev1.ConfigMapList]{"/api/v1", "configmaps"}
	DaemonSets     = Resource[appsv1.DaemonSet, appsv1.DaemonSetList]{"/apis/apps/v1", "daemonsets"}
	Jobs           = Resource[batchv1.Job, batchv1.JobList]{"/apis/batch/v1", "jobs"}
	Leases         = Resource[coordv1.Lease, coordv1.LeaseList]{"/apis/coordination.k8s.io/v1", "leases"}
	EndpointSlices = Resource[discoveryv1.EndpointSlice, discoveryv1.EndpointSliceList]{"/apis/discovery.k8s.io/v1", "endpointslices"}

	ValidatingWebhooks = Resource[admissionv1.ValidatingWebhookConfiguration, admissionv1.ValidatingWebhookConfigurationList]{"/apis/admissionregistration.k8s.io/v1", "validatingwebhookconfigurations"}
	MutatingWebhooks   = Resource[admissionv1.MutatingWebhookConfiguration, admissionv1.MutatingWebhookConfigurationList]{"/apis/admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations"}
)

func (r Resource[T, L]) to(req *rest.Request, namespace string) *rest.Request {
	return req.AbsPath(r.prefix).NamespaceIfScoped(namespace, namespace != "").Resource(r.name)
}

// Get reads one object; namespace is "" for those that have none.
func (r Resource[T, L]) Get(ctx context.Context, c *Client, namespace, name string) (*T, error) {
	out := new(T)
	return out, r.to(c.RESTClient.Get(), namespace).Name(name).Do(ctx).Into(any(out).(runtime.Object))
}

// acceptLists prefers the binary form: decoding JSON takes five times as long,
// and a large cluster's pods a minute.
const acceptLists = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON

// List reads a list, "" being all namespaces.
func (r Resource[T, L]) List(ctx context.Context, c *Client, namespace string, o metav1.ListOptions) (*L, error) {
	out := new(L)
	return out, r.to(c.RESTClient.Get(), namespace).SetHeader("Accept", acceptLists).VersionedParams(&o, c.params).Do(ctx).Into(any(out).(runtime.Object))
}

// Create makes an object.
func (r Resource[T, L]) Create(ctx context.Context, c *Client, namespace string, object *T) error {
	return r.to(c.Post(), namespace).Body(any(object).(runtime.Object)).Do(ctx).Error()
}

// Patch merges a JSON patch into an object.
func (r Resource[T, L]) Patch(ctx context.Context, c *Client, namespace, name string, patch []byte) error {
	return r.to(c.RESTClient.Patch(types.MergePatchType), namespace).Name(name).Body(patch).Do(ctx).Error()
}

// Delete removes an object.
func (r Resource[T, L]) Delete(ctx context.Context, c *Client, namespace, name string, o metav1.DeleteOptions) error {
	return r.to(c.RESTClient.Delete(), namespace).Name(name).Body(&o).Do(ctx).Error()
}

// Logs reads the log of a pod's container; only where the pod has no other may
// the options leave its name out.
func (c *Client) Logs(ctx context.Context, namespace, pod string, o *corev1.PodLogOptions) ([]byte, error) {
	return Pods.to(c.RESTClient.Get(), namespace).Name(pod).SubResource("log").VersionedParams(o, c.params).DoRaw(ctx)
}

// Exec is the request that runs a program in a pod.
func (c *Client) Exec(namespace, pod string, o *corev1.PodExecOptions) *rest.Request {
	return Pods.to(c.Post(), namespace).Name(pod).SubResource("exec").VersionedParams(o, c.params)
}
