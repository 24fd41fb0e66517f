package rotate

// Guide is what a person does around a stage.
type Guide struct {
	Stage Stage
	// Title says the stage in one line.
	Title string
	// Elsewhere is to be done on other machines.
	Elsewhere []string
	// Itself lists what reads the changed files by itself.
	Itself []string
	// Restart lists what has to be restarted, and why.
	Restart []string
	// Gate must hold before the next stage; each is a command or a sentence.
	Gate []string
	// Back says how to undo the stage.
	Back string
}

// Guides are the guides of all stages for a CA.
func Guides(w Which) []Guide {
	switch w {
	case Etcd:
		return etcdGuides()
	case FrontProxy:
		return frontProxyGuides()
	}
	return []Guide{
		{
			Stage: Prepare, Title: "make the new CA; nothing uses it yet",
			Elsewhere: []string{"copy pki/ca-next.crt, ca-next.key, ca-old.crt and ca-signing.crt to the other control-plane nodes"},
			Restart:   []string{"kube-controller-manager, with --cluster-signing-cert-file=/etc/kubernetes/pki/ca-signing.crt (the kubelet does it when the manifest changes): it takes a file of one certificate only, and ca.crt becomes two"},
			Gate:      []string{"kube-controller-manager runs with the new flag on every control-plane node"},
			Back:      "remove pki/ca-next.*, ca-old.crt and ca-signing.crt, and restore the flag",
		},
		{
			Stage: Trust, Title: "everybody trusts the old and the new CA",
			Elsewhere: []string{
				"run this stage on every control-plane node",
				"copy pki/ca.crt to /etc/kubernetes/pki/ca.crt on every worker, and put it into kubelet.conf and bootstrap-kubelet.conf there",
				"put it into every kubeconfig that people and pipelines have, and into kube-public/cluster-info",
				"webhooks and controllers with a copy of the CA: give them both",
			},
			Itself:  []string{"kube-apiserver and kubelet (--client-ca-file is read again when it changes)"},
			Restart: []string{"kube-controller-manager (--root-ca-file, kubeconfig), kube-scheduler and kubelets (kubeconfig), one after the other; no request of a client is lost by it", "pods that talk to the API server with client-go before 1.36, which reads its CA once"},
			Gate: []string{
				"kubectl get cm -A --field-selector metadata.name=kube-root-ca.crt: each holds two certificates",
				"every kubeconfig in use holds two certificates (kubectl certgen inspect FILE)",
			},
			Back: "kubectl certgen rotate ca --stage rollback, on every node; restart the same",
		},
		{
			Stage: Sign, Title: "certificates and kubeconfigs are signed by the new CA",
			Elsewhere: []string{
				"run this stage on every control-plane node, one after the other",
				"hand out new client certificates to people and pipelines (kubectl certgen request, or renew with the new CA)",
				"workers: rm /var/lib/kubelet/pki/kubelet-client-current.pem behind a new bootstrap, or wait until kubelets rotate",
			},
			Itself:  []string{"kube-apiserver (its serving certificate, within a minute)", "kube-controller-manager (the signing pair)"},
			Restart: []string{"kube-controller-manager, kube-scheduler, kubelets: their kubeconfigs have new certificates; the old ones go on working until finish"},
			Gate: []string{
				"every API server serves a certificate of the new CA: kubectl certgen inspect HOST:6443",
				"kubectl certgen expiry --live: no server's issuer is the old CA",
				"no client uses a certificate of the old CA: audit or apiserver_client_certificate_expiration_seconds",
			},
			Back: "kubectl certgen rotate ca --stage rollback, on every node",
		},
		{
			Stage: Finish, Title: "nobody trusts the old CA any more",
			Elsewhere: []string{"run this stage on every control-plane node", "copy pki/ca.crt to every worker, kubeconfig, cluster-info and webhook as in stage trust", forget},
			Itself:    []string{"kube-apiserver and kubelet (--client-ca-file)"},
			Restart:   []string{"kube-controller-manager, kube-scheduler, kubelets, as in stage trust"},
			Gate:      []string{"kubectl certgen verify --live: nothing is rejected"},
			Back:      "none: from here it is a rotation of its own. Keep pki/ca-old.key until you are sure, then destroy it",
		},
	}
}

// forget is what nobody does by itself: API servers only add to the ConfigMap
// (kubernetes, pkg/controlplane/controller/clusterauthenticationtrust: the CAs
// that are there are kept until they expire).
const forget = "two minutes later: kubectl delete configmap -n kube-system extension-apiserver-authentication. API servers only add CAs to it, so aggregated API servers would go on trusting the old one; they write it anew within a minute"

func frontProxyGuides() []Guide {
	return []Guide{
		{Stage: Prepare, Title: "make the new front-proxy CA; nothing uses it yet", Elsewhere: []string{"copy pki/front-proxy-ca-next.* and -old.crt to the other control-plane nodes"}, Gate: []string{"the files are on every control-plane node"}, Back: "remove them"},
		{Stage: Trust, Title: "aggregated API servers trust both", Elsewhere: []string{"run this stage on every control-plane node"}, Itself: []string{"kube-apiserver (--requestheader-client-ca-file), which publishes it in kube-system/extension-apiserver-authentication", "aggregated API servers, which watch that ConfigMap"}, Gate: []string{"kubectl get cm -n kube-system extension-apiserver-authentication: requestheader-client-ca-file holds two certificates"}, Back: "--stage rollback"},
		{Stage: Sign, Title: "front-proxy-client is signed by the new CA", Elsewhere: []string{"run this stage on every control-plane node"}, Itself: []string{"kube-apiserver (--proxy-client-cert-file)"}, Gate: []string{"two minutes have passed: each API server looks at its files once a minute", "kubectl get apiservices: all available"}, Back: "--stage rollback"},
		{Stage: Finish, Title: "nobody trusts the old front-proxy CA any more", Elsewhere: []string{"run this stage on every control-plane node", forget}, Itself: []string{"kube-apiserver"}, Gate: []string{"the ConfigMap holds the new CA alone", "kubectl get apiservices: all available"}, Back: "none: from here it is a rotation of its own"},
	}
}

func etcdGuides() []Guide {
	restart := []string{"etcd, one member after the other (--trusted-ca-file and --peer-trusted-ca-file are read at start); wait for each to be healthy. The leader is the last, after etcdctl move-leader: a write that is under way while the leadership moves can time out after 7 s, as at any restart of etcd, and is to be repeated", "kube-apiserver, one after the other behind their common address (--etcd-cafile is read at start)"}
	return []Guide{
		{Stage: Prepare, Title: "make the new etcd CA; nothing uses it yet", Elsewhere: []string{"copy pki/etcd/ca-next.* and ca-old.crt to the other members"}, Gate: []string{"the files are on every member"}, Back: "remove them"},
		{Stage: Trust, Title: "members and API servers trust both", Elsewhere: []string{"run this stage on every member, and copy pki/etcd/ca.crt to API servers elsewhere"}, Restart: restart, Gate: []string{"etcdctl endpoint health --cluster: all healthy, after all were restarted"}, Back: "--stage rollback, and the same restarts"},
		{Stage: Sign, Title: "servers, peers and clients are signed by the new CA", Elsewhere: []string{"run this stage on every member"}, Itself: []string{"etcd (certificate and key are read for each connection)", "kube-apiserver (its client certificate to etcd, for new connections)"}, Gate: []string{"etcdctl endpoint health --cluster: all healthy"}, Back: "--stage rollback"},
		{Stage: Finish, Title: "nobody trusts the old etcd CA any more", Elsewhere: []string{"run this stage on every member"}, Restart: restart, Gate: []string{"etcdctl endpoint health --cluster: all healthy"}, Back: "none: from here it is a rotation of its own"},
	}
}
