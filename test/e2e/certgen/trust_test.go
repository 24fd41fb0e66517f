package certgen

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

// inNamespace runs a script with mounts of its own, $W a folder to work in and
// $CA and $CERT a CA and a certificate of it.
func inNamespace(t *testing.T, script string) string {
	t.Helper()
	need(t, "unshare", "openssl")
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root can change a trust store, in a mount namespace of its own")
	}
	w := t.TempDir()
	certgen(t, w, "server", "--ip", "203.0.113.10", "--out", filepath.Join(w, "pki"))
	// sudo is what a person types; root needs none.
	write(t, filepath.Join(w, "bin/sudo"), "#!/bin/sh\nexec \"$@\"\n")
	if err := os.Chmod(filepath.Join(w, "bin/sudo"), 0o755); err != nil {
		t.Fatal(err)
	}
	head := "set -e; W=" + w + "; CA=$W/pki/ca.crt; CERT=$W/pki/server.crt; PATH=$W/bin:" + filepath.Dir(program.Plugin(t, "certgen")) + ":$PATH\n" +
		`own() { mkdir -p "$1" "$W/own$1"; cp -a "$1/." "$W/own$1"; mount --bind "$W/own$1" "$1"; }` + "\n"
	return must(t, w, "unshare", "--mount", "sh", "-c", head+script)
}

func wantLines(t *testing.T, out string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(out, l+"\n") {
			t.Errorf("no line %q in:\n%s", l, out)
		}
	}
}

// Debian's own update-ca-certificates makes the CA trusted, and not any more.
func TestTrustDebian(t *testing.T) {
	need(t, "update-ca-certificates")
	out := inNamespace(t, `
own /etc/ssl/certs; own /usr/local/share/ca-certificates
try() { openssl verify -CApath /etc/ssl/certs -no-CAfile -no-CAstore $CERT >/dev/null 2>&1 && echo "$1: trusted" || echo "$1: not trusted"; }
try before
kubectl-certgen trust $CA --install
try installed
kubectl-certgen trust $CA --install
kubectl-certgen trust $CA --undo
try undone
kubectl-certgen trust $CA --system debian | sed -n '2,$s/^  //p' | grep -v '^#' | sh -e >/dev/null 2>&1
try "by hand"
kubectl-certgen trust $CA --system debian | sed -n 's/^  # undo: //p' | sh -e >/dev/null 2>&1
try "undone by hand"
`)
	wantLines(t, out, "before: not trusted", "installed: trusted", "undone: not trusted", "by hand: trusted", "undone by hand: not trusted")
}

// RHEL's update-ca-trust is a script around p11-kit, which Debian has too: with
// RHEL's folders the real p11-kit reads what --install puts there. The script
// itself stands in here with the command that it runs.
func TestTrustRHEL(t *testing.T) {
	need(t, "p11-kit")
	out := inNamespace(t, `
mkdir -p $W/etcpki/ca-trust/source/anchors $W/etcpki/ca-trust/extracted/pem /etc/pki $W/modules
mount --bind $W/etcpki /etc/pki
printf 'ID="rocky"\nID_LIKE="rhel centos fedora"\n' > $W/os-release
mount --bind $W/os-release $(readlink -f /etc/os-release)
printf 'module: p11-kit-trust.so\ntrust-policy: yes\nx-init-reserved: paths=/etc/pki/ca-trust/source\n' > $W/modules/p11-kit-trust.module
mount --bind $W/modules /usr/share/p11-kit/modules
B=/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem
printf '#!/bin/sh\nexec p11-kit extract --format=pem-bundle --filter=ca-anchors --overwrite --comment --purpose server-auth %s\n' $B > $W/bin/update-ca-trust
chmod 755 $W/bin/update-ca-trust
try() { openssl verify -CAfile $B -no-CApath -no-CAstore $CERT >/dev/null 2>&1 && echo "$1: trusted" || echo "$1: not trusted"; }
update-ca-trust extract; try before
kubectl-certgen trust $CA --install; try installed
kubectl-certgen trust $CA --undo; try undone
kubectl-certgen trust $CA --system rhel | sed -n '2,$s/^  //p' | grep -v '^#' | sh -e; try "done by hand"
`)
	wantLines(t, out, "before: not trusted", "installed: trusted", "undone: not trusted", "done by hand: trusted")
}

// The commands for Java and NSS do what they say, for one CA and for a file of
// two, pasted into a shell as they are printed.
func TestTrustJavaAndNSS(t *testing.T) {
	need(t, "keytool", "certutil")
	script := `
own /etc/ssl/certs/java
export HOME=$W/home; mkdir -p $HOME/.pki/nssdb; certutil -N -d sql:$HOME/.pki/nssdb --empty-password
run() { say --system $1 | sed "$2" | sh -e >/dev/null 2>&1; }
look() {
	echo "java $1: $(keytool -list -cacerts -storepass changeit 2>/dev/null | grep -c '^certgen-')"
	echo "nss $1: $(certutil -L -d sql:$HOME/.pki/nssdb | grep -c '^certgen-.* C,,')"
}
`
	for name, file := range map[string]string{
		"one":  `say() { kubectl-certgen trust $CA "$@"; }`,
		"two":  `kubectl-certgen ca --subject CN=other --out $W/other >/dev/null; cat $CA $W/other/ca.crt > $W/both.crt; say() { kubectl-certgen trust $W/both.crt "$@"; }`,
		"der":  `openssl x509 -in $CA -outform der -out $W/ca.der; say() { kubectl-certgen trust $W/ca.der "$@"; }`,
		"pipe": `say() { kubectl-certgen trust - "$@" < $CA; }`,
	} {
		n := "1"
		if name == "two" {
			n = "2"
		}
		out := inNamespace(t, script+file+`
look before
for s in java nss; do run $s '1d; /^  # undo/d'; done; look done
for s in java nss; do run $s 's/^  # undo: //p; d'; done; look undone
`)
		t.Log(name)
		wantLines(t, out, "java before: 0", "nss before: 0", "java done: "+n, "nss done: "+n, "java undone: 0", "nss undone: 0")
	}
}
