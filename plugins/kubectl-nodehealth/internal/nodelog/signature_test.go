package nodelog

import (
	"slices"
	"strings"
	"testing"
)

// Each log is blamed on what is wrong with it and on nothing else, in the words
// of kubelets of v1.18 to v1.33, containerd, CRI-O, etcd and the kernel.
func TestScanBlames(t *testing.T) {
	for _, c := range []struct {
		want string
		log  string
	}{
		{"CertificateExpired", `"Unable to authenticate the request" err="[x509: certificate has expired or is not yet valid: current time 2024-06-14T10:11:14Z is after 2024-06-13T08:00:00Z, verifying certificate SN=123 failed]"`},
		{"ClockSkew", `"Unhandled Error" err="failed to list *v1.Node: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2019-01-01T00:00:10Z is before 2024-03-01T10:00:00Z"`},
		{"ClockSkew", `{"level":"warn","msg":"prober found high clock drift","error":"rafthttp: the clock difference against peer 8e9e05c5 is too high [2.5s > 1s]"}`},
		{"UnknownAuthority", `Get "https://10.0.0.1:6443/api/v1/nodes": tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of "crypto/rsa: verification error")`},
		{"WrongName", `Get "https://10.0.0.9:6443/": tls: failed to verify certificate: x509: certificate is valid for 10.96.0.1, 10.0.0.1, not 10.0.0.9`},
		{"JoinRefused", `level=fatal msg="token CA hash does not match the Cluster CA certificate hash: abc != def"`},
		{"NetworkPluginNotReady", `level=error msg="error adding pod default_x to CNI network \"multus-cni-network\": plugin type=\"multus\" failed (add)"`},
		{"NameReserved", `desc = error reserving pod name k8s_x_0 for id abc: name is reserved`},
		{"CgroupDriverMismatch,RuncFailed", `"CreatePodSandbox for pod failed" err="rpc error: code = Unknown desc = failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"/kubepods/pod0f\" instead: unknown"`},
		{"ShimGone", `level=error msg="RunPodSandbox failed" error="failed to create containerd task: failed to start shim: fork/exec /usr/bin/containerd-shim-runc-v2: cannot allocate memory: unknown"`},
		{"ShimGone", `level=error msg="StartContainer failed" error="failed to create containerd task: failed to create shim task: context deadline exceeded: unknown"`},
		{"RuntimeDown", `"command failed" err="failed to run Kubelet: validate service connection: validate CRI v1 runtime API for endpoint \"unix:///var/run/cri-dockerd.sock\": rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial unix /var/run/cri-dockerd.sock: connect: connection refused\""`},
		{"CSRNotSigned", `kubernetes.io/kubelet-serving: certificate request was not signed: timed out waiting for the condition`},
		{"NoServingCertificate", `http: TLS handshake error from 10.0.0.1:51820: no serving certificate available for the kubelet`},
		{"NodeIPMissing", `"Failed to set some node status fields" err="failed to validate nodeIP: node IP: \"10.0.2.15\" not found in the host's network interfaces"`},
		{"NameNotResolved", `"Failed to watch" err="Get \"https://k8s.lan:6443/api/v1/nodes\": dial tcp: lookup k8s.lan on 10.0.0.2:53: no such host"`},
		{"NoMoreProcesses", "runtime: failed to create new OS thread (have 12 already; errno=11)"},
		{"NoMoreProcesses", "cgroup: fork rejected by pids controller in /kubepods.slice/kubepods-burstable.slice"},
		{"NameReserved", `error="failed to reserve container name \"app_0\": name \"app_0\" is reserved for \"4f0b\""`},
		{"FilesystemError", `"Error creating mirror pod" err="mkdir /var/lib/kubelet/pods/x: read-only file system"`},
		{"FilesystemError", `XFS (nvme1n1): metadata I/O error in "xfs_trans_read_buf_map" at daddr 0x1 len 8 error 5`},
		{"IOError", "nvme nvme1: I/O 123 QID 4 timeout, aborting"},
		{"SoftLockup", "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:"},
		{"SoftLockup", "NMI watchdog: Watchdog detected hard LOCKUP on cpu 3"},
		{"KernelOops", "BUG: kernel NULL pointer dereference, address: 0000000000000008"},
		{"NICFlapping", strings.Repeat("e1000e 0000:00:19.0 eno1: NIC Link is Down\ne1000e 0000:00:19.0 eno1: NIC Link is Up 1000 Mbps Full Duplex\n", 3)},
		{"NICHang", "NETDEV WATCHDOG: eth0 (ixgbe): transmit queue 3 timed out"},
		{"GPUError", "NVRM: Xid (PCI:0000:3b:00): 79, pid=1234, GPU has fallen off the bus."},
		{"EtcdSlow", strings.Repeat(`{"level":"warn","msg":"apply request took too long","took":"1.2s"}`+"\n", 3)},
		{"EtcdFull", `"Failed to update lease" err="etcdserver: mvcc: database space exceeded"`},
		{"KubeletFails", `"command failed" err="failed to run Kubelet: could not init cloud provider \"aws\": error finding instance"`},
		{"SwapOn", `"command failed" err="failed to run Kubelet: running with swap on is not supported, please disable swap!"`},
		{"SwapOn", `failed to run Kubelet: Running with swap on is not supported, please disable swap! or set --fail-swap-on flag to false.`},
		{"BootstrapMissing", `part of the existing bootstrap client certificate is expired: 2020-12-06 18:55:55 +0000 UTC`},
		{"BootstrapMissing", `part of the existing bootstrap client certificate in /etc/kubernetes/kubelet.conf is expired: 2024-03-05 06:12:31 +0000 UTC`},
		{"APIServerRefused", `failed to ensure node lease exists, will retry in 7s, error: Get https://10.204.243.89:6443/apis/coordination.k8s.io/v1beta1/namespaces/kube-node-lease/leases/n1?timeout=10s: net/http: request canceled (Client.Timeout exceeded while awaiting headers)`},
		{"APIServerRefused", `"Failed to update lease" err="Put \"https://k8s.example:6443/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1?timeout=10s\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"`},
		{"APIServerRefused", `Error updating node status, will retry: error getting node "n1": Get https://k8s.local:8443/api/v1/nodes/n1?timeout=10s: write tcp 10.200.0.12:53614->10.200.0.11:8443: use of closed network connection`},
		{"HeartbeatFails", `"Error updating node status, will retry" err="failed to patch status for node n1: conflict"`},
		{"Forbidden", `"Failed to ensure lease exists, will retry" err="leases.coordination.k8s.io \"rocky\" is forbidden: User \"system:node:localhost\" cannot get resource \"leases\" in API group \"coordination.k8s.io\" in the namespace \"kube-node-lease\": can only access node lease with the same name as the requesting node" interval="7s"`},
		{"APIServerFails", `reflector.go: Failed to list *v1.Service: an error on the server ("") has prevented the request from succeeding (get services)`},
		{"Standalone", `I0327 07:43:05.414102 4352 kubelet.go:1579] "No API server defined - no node status update will be sent"`},
		{"NameReserved", `Failed create pod sandbox: Error response from daemon: Conflict. The container name "/k8s_POD_a" is already in use by container "4f0b". You have to remove (or rename) that container`},
		// Good health.
		{"", `"Probe failed" probeType="Liveness" pod="default/a" output="Get \"http://10.1.2.3:8080/api/v1/live\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"`},
		{"", `conn.go:254] Error on socket receive: read tcp 127.0.0.1:14905->127.0.0.1:9946: use of closed network connection`},
		{"", `I0228 "Starting" err="x"` + "\n" + `"Failed to ensure lease exists, will retry" err="leases not yet" interval="7s"` + "\n" + strings.Repeat("I0228 fine\n", 3)},
		// A volume that is not there at once is tried again after half a second.
		{"", `E0711 nestedpendingoperations.go:348] Operation for "{volumeName:kubernetes.io/projected/f5c1}" failed. No retries permitted until 2026-07-11 22:24:44 (durationBeforeRetry 500ms). Error: MountVolume.SetUp failed for volume "kube-api-access-g" : failed to sync configmap cache: timed out waiting for the condition` + strings.Repeat("\nI0711 fine", 3)},
		{"MountFailed", strings.Repeat(`E0711 nestedpendingoperations.go:348] Operation for "{volumeName:kubernetes.io/projected/f5c1}" failed. No retries permitted until 2026-07-11 22:24:44 (durationBeforeRetry 500ms). Error: MountVolume.SetUp failed for volume "kube-api-access-g" : failed to sync configmap cache: timed out waiting for the condition`+"\n", 3) + strings.Repeat("I0711 fine\n", 9)},
		{"", `http: TLS handshake error from 10.0.0.1:51820: EOF` + "\n" + `"Successfully registered node" node="w1"`},
		{"", "eth0: Link is Up\nIPv6: ADDRCONF(NETDEV_CHANGE): cali12: link becomes ready\ncni0: port 1(veth0) entered disabled state"},
		{"", `E0711 kubelet.go:1302] "Image garbage collection failed once. Stats initialization may not have completed yet" err="invalid capacity 0 on image filesystem"`},
	} {
		var s Scanner
		for l := range strings.SplitSeq(strings.TrimSpace(c.log), "\n") {
			s.Add(Record{Time: now, Raw: l})
		}
		var got []string
		for _, h := range s.Hits() {
			got = append(got, h.Name)
		}
		slices.Sort(got)
		if strings.Join(got, ",") != c.want {
			t.Errorf("%.100q is blamed on %q, want %q", c.log, got, c.want)
		}
	}
}

// TestExcerpt: what is shown of a long line has the signature and what follows
// it, in which the reason stands.
func TestExcerpt(t *testing.T) {
	var s Scanner
	reason := `kubelet cgroup driver: "cgroupfs" is different from docker cgroup driver: "systemd"`
	s.Add(Record{Raw: "Apr 05 05:33:40 master.prod.example.com kubelet[4759]: F0405 05:33:40.511159    4759 server.go:274] " + strings.Repeat("failed to run Kubelet: misconfiguration: ", 6) + reason})
	s.Add(Record{Raw: "other"})
	hits := s.Hits()
	if len(hits) != 1 {
		t.Fatalf("%+v", hits)
	}
	for _, n := range []int{120, 200, 1000} {
		if got := hits[0].Excerpt(n); !strings.Contains(got, reason[:60]) || len(got) > n {
			t.Errorf("%d: %q", n, got)
		}
	}
	for n := 40; n < 300; n++ {
		h := Hit{Example: strings.Repeat("\u00e9 ", 100), At: n / 2}
		if got := h.Excerpt(n); len(got) > n || strings.Contains(got, "\ufffd") {
			t.Errorf("%d: %d bytes", n, len(got))
		}
	}
}
