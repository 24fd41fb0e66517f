package nodehealth

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
)

// filler writes objects into etcd in the form in which the API server stores
// them. Through the API server 155,000 objects would take a quarter of an hour.
type filler struct {
	etcd  *clientv3.Client
	codec runtime.Serializer
	ops   []clientv3.Op
	// Bytes counts what was written.
	Bytes int64
}

func newFiller(etcd *clientv3.Client) *filler {
	return &filler{etcd: etcd, codec: protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)}
}

// put queues an object; etcd takes up to 128 in one transaction.
func (f *filler) put(ctx context.Context, key string, o runtime.Object) error {
	var buf bytes.Buffer
	if err := f.codec.Encode(o, &buf); err != nil {
		return err
	}
	f.Bytes += int64(buf.Len())
	f.ops = append(f.ops, clientv3.OpPut(path.Join("/registry", key), buf.String()))
	if len(f.ops) < 100 {
		return nil
	}
	return f.flush(ctx)
}

func (f *filler) flush(ctx context.Context) error {
	if len(f.ops) == 0 {
		return nil
	}
	_, err := f.etcd.Txn(ctx).Then(f.ops...).Commit()
	f.ops = f.ops[:0]
	return err
}

func nodeName(i int) string { return fmt.Sprintf("node-%05d", i) }

func uid(n uint64) types.UID {
	return types.UID(fmt.Sprintf("%08x-0000-4000-8000-%012x", n>>32, n))
}

// fields is a managedFields entry as a manager of this name leaves it: about
// the size of a real one, which is a good part of every object.
func fields(manager, subresource string, at metav1.Time, names ...string) metav1.ManagedFieldsEntry {
	var b bytes.Buffer
	b.WriteString(`{"f:status":{"f:conditions":{`)
	for i, n := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"k:{\"type\":\"%s\"}":{".":{},"f:lastHeartbeatTime":{},"f:lastTransitionTime":{},"f:message":{},"f:reason":{},"f:status":{},"f:type":{}}`, n)
	}
	b.WriteString(`}}}`)
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", Time: &at,
		FieldsType: "FieldsV1", FieldsV1: &metav1.FieldsV1{Raw: b.Bytes()}, Subresource: subresource}
}

func (f *filler) node(ctx context.Context, i int, now time.Time) error {
	at := metav1.NewTime(now)
	created := metav1.NewTime(now.Add(-24 * time.Hour))
	ip := fmt.Sprintf("10.%d.%d.%d", 128+i/65536, i/256%256, i%256)
	n := &corev1.Node{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: nodeName(i), UID: uid(uint64(i) + 1<<40), CreationTimestamp: created,
			Labels: map[string]string{"kubernetes.io/hostname": nodeName(i), "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux",
				"beta.kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux", "node.kubernetes.io/instance-type": "m5.2xlarge",
				"topology.kubernetes.io/region": "r1", "topology.kubernetes.io/zone": fmt.Sprintf("r1-%c", 'a'+i%3)},
			Annotations:   map[string]string{"node.alpha.kubernetes.io/ttl": "300", "volumes.kubernetes.io/controller-managed-attach-detach": "true"},
			ManagedFields: []metav1.ManagedFieldsEntry{fields("kubelet", "status", at, "MemoryPressure", "DiskPressure", "PIDPressure", "Ready")}},
		Spec: corev1.NodeSpec{PodCIDR: fmt.Sprintf("100.%d.%d.0/24", i/256, i%256), ProviderID: "cloud:///r1/i-" + string(uid(uint64(i)))},
		Status: corev1.NodeStatus{
			Capacity:    corev1.ResourceList{"cpu": resource.MustParse("8"), "memory": resource.MustParse("32Gi"), "pods": resource.MustParse("110"), "ephemeral-storage": resource.MustParse("100Gi")},
			Allocatable: corev1.ResourceList{"cpu": resource.MustParse("7910m"), "memory": resource.MustParse("30Gi"), "pods": resource.MustParse("110"), "ephemeral-storage": resource.MustParse("92Gi")},
			Addresses:   []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: ip}, {Type: corev1.NodeHostName, Address: nodeName(i)}},
			NodeInfo: corev1.NodeSystemInfo{KubeletVersion: "v1.37.1", ContainerRuntimeVersion: "containerd://2.1.4", OperatingSystem: "linux", Architecture: "amd64",
				OSImage: "Debian GNU/Linux 13 (trixie)", KernelVersion: "6.12.48", MachineID: string(uid(uint64(i))), SystemUUID: string(uid(uint64(i))), BootID: string(uid(uint64(i)))},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: 10250}},
		},
	}
	for _, c := range []struct {
		t               corev1.NodeConditionType
		s               corev1.ConditionStatus
		reason, message string
	}{
		{corev1.NodeMemoryPressure, corev1.ConditionFalse, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"},
		{corev1.NodeDiskPressure, corev1.ConditionFalse, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"},
		{corev1.NodePIDPressure, corev1.ConditionFalse, "KubeletHasSufficientPID", "kubelet has sufficient PID available"},
		{corev1.NodeReady, corev1.ConditionTrue, "KubeletReady", "kubelet is posting ready status"},
	} {
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: c.t, Status: c.s, Reason: c.reason, Message: c.message,
			LastHeartbeatTime: at, LastTransitionTime: created})
	}
	// A node lists up to 50 images of what it has run.
	for k := range 30 {
		name := fmt.Sprintf("registry.example.com/team-%d/service-%d", k%7, k)
		n.Status.Images = append(n.Status.Images, corev1.ContainerImage{SizeBytes: int64(k+1) * 10_000_000,
			Names: []string{name + "@sha256:" + fmt.Sprintf("%064x", rand.Uint64()), name + ":v1." + fmt.Sprint(k)}})
	}
	return f.put(ctx, "minions/"+n.Name, n)
}

// lease of a node, renewed within the last ten seconds.
func (f *filler) lease(ctx context.Context, i int, now time.Time) error {
	renew := metav1.NewMicroTime(now.Add(-time.Duration(i%9000) * time.Millisecond))
	seconds, holder := int32(40), nodeName(i)
	return f.put(ctx, "leases/kube-node-lease/"+holder, &coordinationv1.Lease{
		TypeMeta: metav1.TypeMeta{APIVersion: "coordination.k8s.io/v1", Kind: "Lease"},
		ObjectMeta: metav1.ObjectMeta{Name: holder, Namespace: "kube-node-lease", UID: uid(uint64(i) + 2<<40), CreationTimestamp: metav1.NewTime(now.Add(-24 * time.Hour)),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: holder, UID: uid(uint64(i) + 1<<40)}},
			ManagedFields:   []metav1.ManagedFieldsEntry{fields("kubelet", "", metav1.NewTime(renew.Time))}},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &renew},
	})
}

// pod number i, of a Deployment, with a sidecar, probes and a projected token
// as every pod has: 4 to 5 KB.
func (f *filler) pod(ctx context.Context, i, nodes int, now time.Time) error {
	at := metav1.NewTime(now.Add(-time.Hour))
	app := fmt.Sprintf("app-%04d", i/30)
	name := fmt.Sprintf("%s-%08x-%05x", app, i/30*2654435761%(1<<32), i)
	ns := fmt.Sprintf("team-%02d", i/30%40)
	yes, controller, mode, seconds := true, true, int32(0o644), int64(3607)
	tolerate := int64(300)
	mounts := []corev1.VolumeMount{{Name: "kube-api-access-x7x2p", ReadOnly: true, MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"}, {Name: "config", MountPath: "/etc/app"}}
	container := func(name, cpu, memory string) corev1.Container {
		return corev1.Container{Name: name, Image: "registry.example.com/" + app + "/" + name + ":v1.2.3", ImagePullPolicy: corev1.PullIfNotPresent,
			Args: []string{"--listen=:8080", "--config=/etc/app/config.yaml", "--log-level=info"},
			Env: []corev1.EnvVar{{Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.name"}}},
				{Name: "REGION", Value: "r1"}, {Name: "GOMAXPROCS", Value: "2"}},
			Ports:                  []corev1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}},
			Resources:              corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse(memory)}, Limits: corev1.ResourceList{"memory": resource.MustParse(memory)}},
			VolumeMounts:           mounts,
			ReadinessProbe:         &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/ready", Scheme: corev1.URISchemeHTTP}}, PeriodSeconds: 10, TimeoutSeconds: 1, SuccessThreshold: 1, FailureThreshold: 3},
			LivenessProbe:          &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/live", Scheme: corev1.URISchemeHTTP}}, PeriodSeconds: 10, TimeoutSeconds: 1, SuccessThreshold: 1, FailureThreshold: 3},
			TerminationMessagePath: "/dev/termination-log", TerminationMessagePolicy: corev1.TerminationMessageReadFile}
	}
	status := func(name string) corev1.ContainerStatus {
		return corev1.ContainerStatus{Name: name, Ready: true, Started: &yes, Image: "registry.example.com/" + app + "/" + name + ":v1.2.3",
			ImageID: "registry.example.com/" + app + "/" + name + "@sha256:" + fmt.Sprintf("%064x", i), ContainerID: "containerd://" + fmt.Sprintf("%064x", i),
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at}}}
	}
	p := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns, UID: uid(uint64(i) + 3<<40), CreationTimestamp: at, GenerateName: name[:len(name)-5],
			Labels:          map[string]string{"app.kubernetes.io/name": app, "app.kubernetes.io/part-of": "shop", "pod-template-hash": name[9:17]},
			Annotations:     map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": "8080"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: name[:17], UID: uid(uint64(i/30) + 4<<40), Controller: &controller, BlockOwnerDeletion: &controller}},
			ManagedFields: []metav1.ManagedFieldsEntry{fields("kube-controller-manager", "", at, "a", "b", "c", "d"),
				fields("kubelet", "status", at, "ContainersReady", "Initialized", "PodReadyToStartContainers", "Ready")}},
		Spec: corev1.PodSpec{NodeName: nodeName(i % nodes), ServiceAccountName: app, DeprecatedServiceAccount: app, SchedulerName: "default-scheduler",
			RestartPolicy: corev1.RestartPolicyAlways, DNSPolicy: corev1.DNSClusterFirst, EnableServiceLinks: &yes, SecurityContext: &corev1.PodSecurityContext{},
			TerminationGracePeriodSeconds: &tolerate,
			Containers:                    []corev1.Container{container("server", "250m", "256Mi"), container("proxy", "50m", "64Mi")},
			Tolerations: []corev1.Toleration{{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &tolerate},
				{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &tolerate}},
			Volumes: []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: app}, DefaultMode: &mode}}},
				{Name: "kube-api-access-x7x2p", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{DefaultMode: &mode, Sources: []corev1.VolumeProjection{
					{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: &seconds}},
					{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"}, Items: []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}}}}}}}}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, HostIP: "10.128.0.1", PodIP: "100.64.0.1", PodIPs: []corev1.PodIP{{IP: "100.64.0.1"}}, StartTime: &at, QOSClass: corev1.PodQOSBurstable,
			ContainerStatuses: []corev1.ContainerStatus{status("server"), status("proxy")}},
	}
	for _, c := range []corev1.PodConditionType{corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.PodReady, corev1.ContainersReady, corev1.PodScheduled} {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: c, Status: corev1.ConditionTrue, LastTransitionTime: at})
	}
	return f.put(ctx, "pods/"+ns+"/"+name, p)
}
