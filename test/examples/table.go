package examples

import "regexp"

// Exceptions are the examples that are not run.
var Exceptions = []Exception{
	{regexp.MustCompile(`^sudo kubectl certgen trust .*--install`), "changes which CAs this machine trusts; e2e/certgen does it in a container of its own"},
	{regexp.MustCompile(`^sudo kubectl certgen rotate ca --stage (trust|rollback)`), "needs a running rotation; e2e/certgen-live goes through all stages"},
	{regexp.MustCompile(`^hack/(demo|build)\.sh\b`), "is the suite itself, or what it is made of"},
	{regexp.MustCompile(`kubectl nodehealth crictl kube-worker-1 -it`), "is interactive, and needs crictl on the node; e2e/nodetools runs it"},
	{regexp.MustCompile(`--agent otel --binary ./otelcol`), "needs the collector, which judges/otelcol builds and runs this with"},
	{regexp.MustCompile(`^kubectl nodehealth shell kube-worker-1$`), "is interactive; e2e/nodetools drives it through a terminal"},
}

// Loose are the examples whose output a document shows and that is not the same
// twice.
var Loose = []Exception{
	{regexp.MustCompile(`^kubectl logarch simulate --compare`), "what is lost depends on when the processes run"},
	{regexp.MustCompile(`^kubectl certgen expiry /etc/kubernetes$`), "what has expired depends on the day; the scratch PKI is new"},
}

// implied are what a command takes without being told, said to it so that it
// finds the scratch root: ROOT stands for that.
var implied = []struct{ match, with string }{
	{"kubectl certgen rotate ca", "kubectl certgen rotate ca --dir ROOT/etc/kubernetes"},
}

// setup makes what an example takes for granted, in its scratch folder. The
// first that matches counts.
type setup struct {
	match  *regexp.Regexp
	script string
}

const makePKI = "kubectl-certgen server --ip 203.0.113.10 >/dev/null"

var setups = []setup{
	{regexp.MustCompile(`certgen sign webhook`), makePKI + "; kubectl-certgen csr webhook --dns webhook.ops.svc --out requests >/dev/null && cp $(find requests -name 'webhook.csr' -o -name 'webhook.req' | head -1) webhook.csr"},
	{regexp.MustCompile(`certgen sign team-ca`), makePKI + "; openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout team.key -subj /CN=team-ca -out team-ca.csr 2>/dev/null"},
	{regexp.MustCompile(`certgen server .*--out easy-rsa/pki`), "kubectl-certgen ca --layout easyrsa --out easy-rsa/pki >/dev/null"},
	{regexp.MustCompile(`certgen expiry`), makePKI + "; mkdir -p ~/.kube; kubectl-certgen client alice --server https://203.0.113.10:6443 >/dev/null; cp $(find . -name 'alice*conf*' | head -1) ~/.kube/config"},
	{regexp.MustCompile(`certgen (ca|server|cluster) `), ":"},
	{regexp.MustCompile(`certgen verify server.pem`), "kubectl-certgen server --ip 203.0.113.10 --dns api.example.com --layout cfssl --out c >/dev/null; cp c/ca.pem c/server.pem ."},
	{regexp.MustCompile(`certgen renew admin.conf`), makePKI + "; kubectl-certgen client kubernetes-admin --org system:masters --server https://203.0.113.10:6443 >/dev/null; cp $(find . -name 'kubernetes-admin*.conf' -o -name '*admin*.kubeconfig' | head -1) admin.conf"},
	{regexp.MustCompile(`certgen request web `), "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout web.key -subj /CN=web -addext subjectAltName=DNS:web -out web.csr 2>/dev/null"},
	{regexp.MustCompile(`certgen convert ca `), "kubectl-certgen server --ip 203.0.113.10 --layout openssl --out ca >/dev/null"},
	{regexp.MustCompile(`certgen convert easy-rsa/pki`), "kubectl-certgen server --ip 203.0.113.10 --layout easyrsa --out easy-rsa/pki >/dev/null"},
	{regexp.MustCompile(`certgen (client|node|sa|csr|sign|inspect|verify|trust|renew|expiry|lint|rotate) ?`), makePKI},
	{regexp.MustCompile(`logarch eject -f (app.yaml|manifests)`), "kubectl-logarch inject -f app.yaml --log /var/log/app/app.log --in-place 2>/dev/null; mkdir -p manifests; cp app.yaml manifests/"},
	{regexp.MustCompile(`--kubeconfig super-admin.conf`), `cp "$KUBECONFIG" super-admin.conf 2>/dev/null || :`},
	{regexp.MustCompile(`--from dump.tar.gz`), "mkdir dump; cp examples/nodehealth/kube-worker-1.yaml dump/nodes.yaml; tar czf dump.tar.gz dump"},
	{regexp.MustCompile(`git show HEAD:policy.yaml`), "git init -q . && git add policy.yaml && git -c user.name=a -c user.email=a@example.org commit -qm policy"},
}

// borrowed are files of the scratch folder and the root that are elsewhere in
// the repository.
var borrowed = map[string]string{
	"work/policy.yaml":                        "examples/auditpolicy/good.yaml",
	"work/handbook.yaml":                      "plugins/kubectl-auditpolicy/testdata/policies/kubernetes-website-example.yaml",
	"work/new.yaml":                           "examples/auditpolicy/good.yaml",
	"work/old.yaml":                           "examples/auditpolicy/bad.yaml",
	"work/swallowed.yaml":                     "examples/auditpolicy/swallowed.yaml",
	"work/tests.yaml":                         "examples/auditpolicy/tests.yaml",
	"work/good.yaml":                          "examples/auditpolicy/good.yaml",
	"work/audit.log":                          "plugins/kubectl-auditpolicy/testdata/logs/audit2rbac-demo.log",
	"work/audit.log.zst":                      "plugins/kubectl-auditpolicy/testdata/logs/audit2rbac-demo.log",
	"work/kube-apiserver.yaml":                "plugins/kubectl-auditpolicy/internal/backend/testdata/check/good.yaml",
	"work/csr.conf":                           "plugins/kubectl-certgen/testdata/lint/ok/csr.conf",
	"work/ca-csr.json":                        "plugins/kubectl-certgen/testdata/lint/ok/ca-csr.json",
	"work/server-csr.json":                    "plugins/kubectl-certgen/testdata/lint/ok/server-csr.json",
	"work/servers.txt":                        "examples/certgen/servers.txt",
	"work/nodes.txt":                          "examples/certgen/nodes.txt",
	"work/kubeadm.yaml":                       "examples/certgen/kubeadm.yaml",
	"work/web.yaml":                           "examples/logarch/web.yaml",
	"work/counter.yaml":                       "examples/logarch/counter.yaml",
	"work/kernel-monitor.json":                "plugins/kubectl-nodehealth/testdata/npd/kernel-monitor.json",
	"work/my-monitor.json":                    "plugins/kubectl-nodehealth/testdata/npd/docker-monitor.json",
	"work/monitors/kernel.json":               "plugins/kubectl-nodehealth/testdata/npd/kernel-monitor.json",
	"work/monitors/systemd.json":              "plugins/kubectl-nodehealth/testdata/npd/systemd-monitor.json",
	"work/oom_kill.log":                       "plugins/kubectl-nodehealth/testdata/npd/oom_kill.log",
	"root/var/log/kubernetes/audit/audit.log": "plugins/kubectl-auditpolicy/testdata/logs/audit2rbac-demo.log",
	"root/etc/kubernetes/manifests/kube-apiserver.yaml": "plugins/kubectl-auditpolicy/internal/backend/testdata/check/good.yaml",
}
