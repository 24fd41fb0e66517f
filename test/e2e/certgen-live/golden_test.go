package certgenlive

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestGoldens asks those clients that judge a chain without a handshake about
// the certificates that the handbook's commands and kubeadm made. GnuTLS, Java
// and Node judge in the handshake, for which there are no keys: mutants of the
// same make stand in for these (docs-openssl, docs-cfssl, docs-easyrsa301).
func TestGoldens(t *testing.T) {
	dirs, err := filepath.Glob("../../../plugins/kubectl-certgen/internal/verify/testdata/golden/*")
	if err != nil || len(dirs) != 6 {
		t.Fatalf("%v %v", dirs, err)
	}
	for _, dir := range dirs {
		name := filepath.Base(dir)
		ca, leaf := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "server.crt")
		real := map[string]bool{}
		for client, extra := range map[string][]string{"openssl": nil, "openssl-strict": {"-x509_strict"}} {
			args := append([]string{"verify", "-purpose", "sslserver", "-verify_ip", "203.0.113.10", "-no-CApath", "-no-CAstore", "-CAfile", ca}, extra...)
			_, code := run(t, "", "openssl", append(args, leaf)...)
			real[client] = code == 0
		}
		db := "sql:" + t.TempDir()
		run(t, "", "certutil", "-N", "-d", db, "--empty-password")
		run(t, "", "certutil", "-A", "-d", db, "-n", "ca", "-t", "CT,,", "-i", ca)
		run(t, "", "certutil", "-A", "-d", db, "-n", "leaf", "-t", ",,", "-i", leaf)
		out, _ := run(t, "", "certutil", "-V", "-d", db, "-n", "leaf", "-u", "V", "-e")
		real["nss"] = strings.Contains(out, "is valid")
		for _, why := range pycaClient(t, []probe{{mutant: mutant{name: name}, dir: dir, host: "203.0.113.10"}}) {
			real["pyca"] = why == ""
		}
		var rep struct {
			Items []struct {
				Clients []struct {
					Name    string
					Accepts bool
				}
			}
		}
		certgenJSON(t, "", &rep, "verify", leaf, "--ca", ca, "--clients", "--host", "203.0.113.10", "--purpose", "server")
		asked := 0
		for _, c := range rep.Items[0].Clients {
			if ok, has := real[c.Name]; has {
				asked++
				if ok != c.Accepts {
					t.Errorf("%s: %s accepts: %v, predicted %v", name, c.Name, ok, c.Accepts)
				}
			}
		}
		if asked < 3 {
			t.Errorf("%s: only %d clients were asked", name, asked)
		}
	}
}
