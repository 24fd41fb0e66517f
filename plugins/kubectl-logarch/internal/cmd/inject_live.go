package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/inject"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/liveobject"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/manifest"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/source"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// clusterDeadline bounds every question to the API server.
const clusterDeadline = 30 * time.Second

// within runs f until it is done, the deadline is over or the user stops it.
// Discovery knows no context, so it is left behind then.
func within(ctx context.Context, what string, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, clusterDeadline)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return cli.Unknownf("%s: no answer within %v", what, clusterDeadline)
		}
		return ctx.Err()
	}
}

// session is a connection to the cluster: dynamic, so that kinds that others
// define work too. (The resource builder of cli-runtime would double the size of
// the binary: it links kustomize.)
type session struct {
	client    dynamic.Interface
	mapper    meta.RESTMapper
	namespace string
}

func connect(cluster *cli.Cluster) (*session, error) {
	config, err := cluster.RESTConfig()
	if err != nil {
		return nil, cli.WithHint(err, "a manifest is read with -f FILE")
	}
	ns, err := cluster.Namespace()
	if err != nil {
		return nil, cli.Unknownf("no cluster: %w", err)
	}
	config.QPS, config.Burst = 50, 100
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, cli.Unknownf("no cluster: %w", err)
	}
	mapper, err := cluster.Mapper()
	if err != nil {
		return nil, cli.Unknownf("ask the API server for its resources: %w", err)
	}
	return &session{client, mapper, ns}, nil
}

func (s *session) resource(m *meta.RESTMapping, ns string) dynamic.ResourceInterface {
	if m.Scope.Name() == meta.RESTScopeNameRoot {
		return s.client.Resource(m.Resource)
	}
	if ns == "" {
		ns = s.namespace
	}
	return s.client.Resource(m.Resource).Namespace(ns)
}

// readLive reads objects of the cluster, KIND/NAME, as manifests.
func readLive(ctx context.Context, cluster *cli.Cluster, args []string) ([]source.Text, error) {
	if len(args) == 0 {
		return nil, nil
	}
	for _, a := range args {
		if kind, name, ok := strings.Cut(a, "/"); !ok || kind == "" || name == "" {
			return nil, cli.WithHint(cli.Usagef("%q: not KIND/NAME such as deploy/web", a), "a file is given with -f FILE")
		}
	}
	var out []source.Text
	err := within(ctx, "read "+strings.Join(args, " "), func() error {
		s, err := connect(cluster)
		if err != nil {
			return err
		}
		for _, a := range args {
			kind, name, _ := strings.Cut(a, "/")
			resource, group, _ := strings.Cut(kind, ".")
			gvk, err := s.mapper.KindFor(schema.GroupVersionResource{Group: group, Resource: resource})
			if meta.IsNoMatchError(err) {
				return cli.Usagef("read %s: the API server has no resource %q", a, kind)
			}
			if err != nil {
				return cli.Unknownf("read %s: %w", a, err)
			}
			m, err := s.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
			if err != nil {
				return cli.Unknownf("read %s: %w", a, err)
			}
			obj, err := s.resource(m, "").Get(ctx, name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				return cli.Usagef("read %s: %w", a, err)
			}
			if err != nil {
				return cli.Unknownf("read %s: %w", a, err)
			}
			b, err := yaml.Marshal(liveobject.Clean(obj).Object)
			if err != nil {
				return err
			}
			out = append(out, source.Text{Name: strings.ToLower(obj.GetKind()) + "/" + obj.GetName(), Body: string(b)})
		}
		return nil
	})
	if err != nil {
		return nil, err // what was left behind may still write to out
	}
	return out, nil
}

// tellImmutable adds to the report of live objects what the API server will
// not let them change.
func tellImmutable(outcomes []*inject.Outcome, texts []source.Text, liveFrom int) {
	for i := liveFrom; i < len(outcomes); i++ {
		for k := range outcomes[i].Items {
			it := &outcomes[i].Items[k]
			if it.Action == inject.Injected && (it.Subject.Kind == "Pod" || it.Subject.Kind == "Job") {
				it.Findings = append(it.Findings, check.ImmutableObject.New(it.Subject, fmt.Sprintf("the API server takes no new containers into %s: replace it (kubectl replace --force -f -)", texts[i].Name)))
				it.Summary = finding.Summarize(it.Findings)
			}
		}
	}
}

// oldestKubelet is the minor version of the oldest kubelet of the cluster.
func oldestKubelet(ctx context.Context, cluster *cli.Cluster) (int, error) {
	session, err := connect(cluster)
	if err != nil {
		return 0, fmt.Errorf("--live: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, clusterDeadline)
	defer cancel()
	oldest, next := -1, ""
	for {
		list, err := session.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "nodes"}).List(ctx, metav1.ListOptions{Limit: 500, Continue: next})
		if err != nil {
			return 0, cli.WithHint(cli.Unknownf("--live: list nodes for their kubelets' versions: %w", err), "without the right to list nodes, say --target-version instead")
		}
		for _, n := range list.Items {
			v, _, _ := unstructured.NestedString(n.Object, "status", "nodeInfo", "kubeletVersion")
			minor, err := inject.ParseVersion(v)
			if err != nil {
				return 0, cli.Unknownf("--live: node %s: kubelet version %w", n.GetName(), err)
			}
			if oldest < 0 || minor < oldest {
				oldest = minor
			}
		}
		if next = list.GetContinue(); next == "" {
			break
		}
	}
	if oldest < 0 {
		return 0, cli.Unknownf("--live: the cluster has no nodes; say --target-version instead")
	}
	return oldest, nil
}

// dryRunServer asks the API server whether it takes the results. What it could not
// be asked about is said of each object; a refusal outranks it.
func dryRunServer(ctx context.Context, env *cli.Env, cluster *cli.Cluster, outcomes []*inject.Outcome) error {
	refused := false
	var unknown error
	for _, o := range outcomes {
		var no bool // of this outcome: what was left behind may still write to it
		var cannot error
		err := within(ctx, "--dry-run=server: "+o.Name, func() error {
			s, err := connect(cluster)
			if err != nil {
				return err
			}
			for _, obj := range objectsIn(o) {
				what := strings.ToLower(obj.GetKind()) + "/" + obj.GetName() + obj.GetGenerateName()
				err := s.tryOn(ctx, obj)
				var denied *notAllowed
				switch {
				case err == nil:
					env.Tell("%s: the API server takes it", what)
				case !errors.As(err, &denied) && refusal(err):
					no = true
					env.Tell("%s: the API server refuses it: %v", what, err)
				case cannot == nil:
					cannot = cli.Unknownf("--dry-run=server: %s: %w", what, err)
				}
			}
			return nil
		})
		if err != nil {
			unknown = err
			break
		}
		refused = refused || no
		if unknown == nil {
			unknown = cannot
		}
	}
	if refused && unknown != nil {
		fmt.Fprintln(env.ErrOut, unknown)
	}
	if refused {
		return cli.Exit(cli.ExitFindings)
	}
	return unknown
}

// refusal says whether an error is the API server's judgement of an object.
func refusal(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) || apierrors.IsConflict(err) || apierrors.IsNotFound(err) || meta.IsNoMatchError(err)
}

// notAllowed is a request that the user may not make: it says nothing of the object.
type notAllowed struct{ error }

func (e *notAllowed) Unwrap() error { return e.error }

// denied tells a refusal of the object from one of the user: admission answers 403
// too (Pod Security, quotas), so the API server is asked whether the user may.
func (s *session) denied(ctx context.Context, err error, verb string, m *meta.RESTMapping, obj *unstructured.Unstructured) error {
	if !apierrors.IsForbidden(err) {
		return err
	}
	ask := map[string]any{"verb": verb, "group": m.Resource.Group, "version": m.Resource.Version, "resource": m.Resource.Resource}
	if m.Scope.Name() == meta.RESTScopeNameNamespace {
		ask["namespace"] = cmp.Or(obj.GetNamespace(), s.namespace)
	}
	if verb != "create" {
		ask["name"] = obj.GetName()
	}
	review, e := s.client.Resource(schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"}).Create(ctx,
		&unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": map[string]any{"resourceAttributes": ask},
		}}, metav1.CreateOptions{})
	if e != nil {
		return &notAllowed{err}
	}
	if allowed, _, _ := unstructured.NestedBool(review.Object, "status", "allowed"); !allowed {
		return &notAllowed{err}
	}
	return err
}

// objectsIn are the objects of a result, those of lists one by one.
func objectsIn(o *inject.Outcome) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	var add func(v any)
	add = func(v any) {
		m, ok := v.(map[string]any)
		if !ok {
			return
		}
		u := &unstructured.Unstructured{Object: m}
		if items, ok := m["items"].([]any); ok && strings.HasSuffix(u.GetKind(), "List") {
			for _, i := range items {
				if item, ok := i.(map[string]any); ok && item["kind"] == nil && item["apiVersion"] == nil {
					item["kind"], item["apiVersion"] = strings.TrimSuffix(u.GetKind(), "List"), u.GetAPIVersion()
				}
				add(i)
			}
			return
		}
		out = append(out, u)
	}
	for _, d := range yamltree.Parse(o.Name, o.Text()).Docs {
		if d.Root != nil {
			add(manifest.JSON(d.Root))
		}
	}
	return out
}

// tryOn creates an object, or applies it where it exists, as a dry run.
func (s *session) tryOn(ctx context.Context, obj *unstructured.Unstructured) error {
	m, err := s.mapper.RESTMapping(obj.GroupVersionKind().GroupKind(), obj.GroupVersionKind().Version)
	if err != nil {
		return err
	}
	r := s.resource(m, obj.GetNamespace())
	if obj.GetName() != "" {
		_, err := r.Get(ctx, obj.GetName(), metav1.GetOptions{})
		if err == nil {
			_, err = r.Apply(ctx, obj.GetName(), obj, metav1.ApplyOptions{DryRun: []string{metav1.DryRunAll}, Force: true, FieldManager: "kubectl-logarch"})
			return s.denied(ctx, err, "patch", m, obj)
		}
		if !apierrors.IsNotFound(err) {
			return s.denied(ctx, err, "get", m, obj)
		}
	}
	_, err = r.Create(ctx, obj, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: "kubectl-logarch", FieldValidation: metav1.FieldValidationStrict})
	return s.denied(ctx, err, "create", m, obj)
}
