// Package debugpod runs a program on a node without ssh: in a pod that is bound
// to the node, has the host's namespaces and file system, and goes away
// whatever happens to us.
//
// kubectl debug node leaves its pod behind (kubectl issue 1681). A bare pod with
// a deadline only fails and stays. Here the pod belongs to a Job with a short
// activeDeadlineSeconds that we move forward as long as we live, and
// ttlSecondsAfterFinished 0: we remove the Job when we end, and where we cannot
// any more (SIGKILL, a lost connection) the deadline passes and the Job
// controller removes pod and Job. The Job controller watches for a changed
// deadline (kubernetes/pkg/controller/job/job_controller.go, updateJob).
package debugpod

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/rest"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kube"
)

const (
	// Label marks our Jobs and pods, so that they can be found.
	Label = "nodehealth.clusterwright.dev/debug"
	// lease is how long a Job may outlive us.
	lease = 45 * time.Second
	// renewEvery leaves room for two lost renewals.
	renewEvery = 15 * time.Second
	// closeTime is what each request that removes something may take.
	closeTime = 5 * time.Second
	// startTimeout is how long the pod may take to run.
	startTimeout = 30 * time.Second

	// askRuntimeEvery is longer than the two seconds for which the kubelet
	// answers from its cache (pkg/kubelet/container/runtime_cache.go).
	askRuntimeEvery = 2500 * time.Millisecond

	container = "debug"
)

// Options say where and how the pod runs.
type Options struct {
	Node string
	// Host is the node as far as it is known, for advice.
	Host      *corev1.Node
	Namespace string
	// Image needs sh, sed, sleep and chroot, as busybox has them.
	Image string
	// Notify, where set, is told what is being waited for.
	Notify func(string)
}

// Pod is a running debug pod.
type Pod struct {
	core      *kube.Client
	config    *rest.Config
	namespace string
	job       string
	name      string
	cancel    context.CancelFunc
	renewed   chan struct{}
}

// Start creates the Job, waits until its pod runs and keeps it alive until
// Close. On an error nothing is left behind.
func Start(ctx context.Context, config *rest.Config, o Options) (*Pod, error) {
	core, err := kube.New(config)
	if err != nil {
		return nil, err
	}
	if o.Host == nil {
		o.Host = &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: o.Node}}
	}
	job := job(o)
	if err := kube.Jobs.Create(ctx, core, o.Namespace, job); err != nil {
		if apierrors.ReasonForError(err) == metav1.StatusReasonUnknown {
			// No answer, as when we were interrupted: it may have been made.
			_ = remove(core, o.Namespace, job.Name) // else its deadline ends it
		}
		return nil, explainCreate(o, err)
	}
	keep, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &Pod{core: core, config: config, namespace: o.Namespace, job: job.Name, cancel: cancel, renewed: make(chan struct{})}
	go p.renew(keep)
	if err := p.wait(ctx, o); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Close removes the Job and its pod. It does so even when the caller's context
// is cancelled, within seconds; what it cannot remove the deadline will.
func (p *Pod) Close() error {
	p.cancel()
	<-p.renewed
	if err := remove(p.core, p.namespace, p.job); err != nil {
		return fmt.Errorf("job %s/%s: not removed (%w); its deadline removes it within %s", p.namespace, p.job, err, lease)
	}
	if p.name != "" {
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		now := int64(0)
		// The Job's removal takes the pod along; this only spares it the grace
		// period, and may be denied.
		_ = kube.Pods.Delete(ctx, p.core, p.namespace, p.name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	}
	return nil
}

// remove deletes a Job and what it has made; one that is not there is removed.
func remove(core *kube.Client, namespace, job string) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	background := metav1.DeletePropagationBackground
	err := kube.Jobs.Delete(ctx, core, namespace, job, metav1.DeleteOptions{PropagationPolicy: &background})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// renew moves the Job's deadline forward while we live.
func (p *Pod) renew(ctx context.Context) {
	defer close(p.renewed)
	start := time.Now()
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		deadline := int64((time.Since(start) + lease).Seconds())
		patch := fmt.Appendf(nil, `{"spec":{"activeDeadlineSeconds":%d}}`, deadline)
		call, cancel := context.WithTimeout(ctx, renewEvery)
		// A failed renewal is tried again; when all fail the pod goes, as it
		// should when the API server cannot be reached.
		_ = kube.Jobs.Patch(call, p.core, p.namespace, p.job, patch)
		cancel()
	}
}

func job(o Options) *batchv1.Job {
	name := "nodehealth-debug-" + rand.String(8)
	labels := map[string]string{Label: "true"}
	deadline := int64(lease.Seconds())
	privileged := true
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: o.Namespace, Labels: labels,
			Annotations: map[string]string{"nodehealth.clusterwright.dev/node": o.Node},
		},
		Spec: batchv1.JobSpec{
			ActiveDeadlineSeconds:   &deadline,
			TTLSecondsAfterFinished: new(int32),
			BackoffLimit:            new(int32),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					// Past the scheduler: a cordoned or tainted node is just the
					// one that is looked at.
					NodeName:                      o.Node,
					Tolerations:                   []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
					RestartPolicy:                 corev1.RestartPolicyNever,
					HostPID:                       true,
					HostNetwork:                   true,
					HostIPC:                       true,
					AutomountServiceAccountToken:  new(bool),
					EnableServiceLinks:            new(bool),
					TerminationGracePeriodSeconds: new(int64),
					Volumes: []corev1.Volume{{Name: "host", VolumeSource: corev1.VolumeSource{
						HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}},
					Containers: []corev1.Container{{
						Name:            container,
						Image:           o.Image,
						ImagePullPolicy: corev1.PullIfNotPresent,
						// The deadline ends it, or we do.
						Command:         []string{"sleep", "2147483647"},
						SecurityContext: &corev1.SecurityContext{Privileged: &privileged},
						VolumeMounts:    []corev1.VolumeMount{{Name: "host", MountPath: "/host"}},
					}},
				},
			},
		},
	}
}

// explainCreate says which right or policy is missing.
func explainCreate(o Options, err error) error {
	switch {
	case apierrors.IsForbidden(err):
		return &Impossible{
			Why:  fmt.Sprintf("create a Job in namespace %s: %v", o.Namespace, oneLine(err.Error())),
			Next: "it takes the rights to create, patch and delete jobs, list pods and events, and create pods/exec there (--debug-namespace chooses)",
		}
	case apierrors.IsNotFound(err):
		return fmt.Errorf("namespace %s: there is none of this name; --debug-namespace chooses another", o.Namespace)
	}
	return fmt.Errorf("create a debug Job in namespace %s: %w", o.Namespace, err)
}

// wait polls until the pod runs; the reason why it does not is the error.
func (p *Pod) wait(ctx context.Context, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	why := "no pod was created"
	asked := time.Now()
	for {
		pods, err := kube.Pods.List(ctx, p.core, p.namespace, metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=" + p.job})
		if err == nil && len(pods.Items) > 0 {
			pod := &pods.Items[0]
			p.name = pod.Name
			running, state, fatal := judge(pod)
			if running {
				return nil
			}
			if why = state; fatal {
				return fmt.Errorf("debug pod on node %s: %s", o.Node, why)
			}
		} else if err == nil {
			if reason := p.jobEvent(ctx); reason != "" {
				return fmt.Errorf("debug pod on node %s: %s", o.Node, reason)
			}
		}
		if time.Since(asked) > askRuntimeEvery {
			// A runtime that died just now was still in the kubelet's cache
			// when Check asked.
			if err := runtimeAnswers(ctx, p.core, o.Host); err != nil {
				return err
			}
			asked = time.Now()
		}
		if o.Notify != nil {
			o.Notify("debug pod on " + o.Node + ": " + why)
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("debug pod on node %s did not run within %s: %s", o.Node, startTimeout, why)
			}
			return ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// judge reads the state of the pod: does it run, else what it waits for, and
// whether waiting is in vain.
func judge(pod *corev1.Pod) (running bool, state string, fatal bool) {
	for _, c := range pod.Status.ContainerStatuses {
		switch {
		case c.State.Running != nil:
			return true, "", false
		case c.State.Waiting != nil:
			w := c.State.Waiting
			switch w.Reason {
			case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError":
				return false, fmt.Sprintf("%s: %s (choose an image that the node has or can pull with --image)", w.Reason, oneLine(w.Message)), true
			}
			state = strings.TrimSpace(w.Reason + " " + oneLine(w.Message))
		case c.State.Terminated != nil:
			t := c.State.Terminated
			return false, fmt.Sprintf("ended with exit status %d: %s %s (does the image have sleep?)", t.ExitCode, t.Reason, oneLine(t.Message)), true
		}
	}
	if pod.Status.Phase == corev1.PodFailed {
		return false, strings.TrimSpace("refused by the node: " + pod.Status.Reason + " " + oneLine(pod.Status.Message)), true
	}
	if state == "" {
		state = "the kubelet has not started it yet"
	}
	return false, state, false
}

// jobEvent is the Job controller's complaint that it cannot create the pod,
// such as pod security admission.
func (p *Pod) jobEvent(ctx context.Context) string {
	events, err := kube.Events.List(ctx, p.core, p.namespace, metav1.ListOptions{
		FieldSelector: "involvedObject.kind=Job,reason=FailedCreate,involvedObject.name=" + p.job})
	if err != nil || len(events.Items) == 0 {
		return ""
	}
	msg := oneLine(events.Items[len(events.Items)-1].Message)
	if strings.Contains(msg, "violates PodSecurity") {
		msg += " (choose a namespace that admits privileged pods with --debug-namespace)"
	}
	return msg
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
