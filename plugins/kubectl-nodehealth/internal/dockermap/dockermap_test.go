package dockermap

import (
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	for _, c := range []struct{ docker, crictl, lost string }{
		{"docker ps -a", "crictl ps -a", ""},
		{"docker ps -aq", "crictl ps -a -q", ""},
		{"ps --filter name=web --filter status=exited -n 3", "crictl ps --name web --state Exited --last 3", ""},
		{"docker ps -s --format {{.ID}}", "crictl ps", "-s|--format {{.ID}} (use -o json, -o yaml or -o go-template --template ...)"},
		{"docker container ls --filter volume=x", "crictl ps", "--filter volume=x"},
		{"docker exec -it -u root web sh -c ls", "crictl exec -i -t web sh -c ls", "-u root"},
		{"docker logs -f --tail 10 --details web", "crictl logs -f --tail 10 web", "--details"},
		{"docker logs --tail=10 web", "crictl logs --tail 10 web", ""},
		{"docker ps --all=true --quiet=false", "crictl ps -a", ""},
		{"docker kill web", "crictl stop --timeout 0 web", ""},
		{"docker kill -s HUP web", "crictl stop --timeout 0 web", "-s HUP"},
		{"docker stop -t 5 web", "crictl stop --timeout 5 web", ""},
		{"docker images -a --digests nginx", "crictl images --digests nginx", ""},
		{"docker image prune", "crictl rmi --prune", ""},
		{"docker image inspect nginx", "crictl inspecti nginx", ""},
		{"docker run -d --name x nginx", "crictl run container.json pod.json", "--name x"},
		{"docker rm -f -v x", "crictl rm -f x", "-v"},
		{"docker pull --all-tags nginx", "crictl pull nginx", "--all-tags"},
		{"docker update --restart always -m 1g x", "crictl update --memory 1g x", "--restart always"},
	} {
		a, err := Explain(strings.Fields(c.docker))
		if err != nil {
			t.Errorf("%s: %v", c.docker, err)
			continue
		}
		if a.Crictl != c.crictl || strings.Join(a.Lost, "|") != c.lost {
			t.Errorf("%s: %q, lost %q; want %q, lost %q", c.docker, a.Crictl, strings.Join(a.Lost, "|"), c.crictl, c.lost)
		}
	}
}

func TestWithoutCounterpart(t *testing.T) {
	for _, name := range []string{"cp", "build", "top", "push"} {
		a, err := Explain([]string{name, "x"})
		if err != nil || a.Crictl != "" || a.Instead == "" {
			t.Errorf("%s: %+v %v", name, a, err)
		}
	}
	if _, err := Explain([]string{"docker"}); err == nil {
		t.Error("no command was explained")
	}
	if _, err := Explain([]string{"frobnicate"}); err == nil {
		t.Error("an unknown command was explained")
	}
}

// Every command that is there says something useful, once.
func TestTableIsComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range commands {
		if seen[c.docker] {
			t.Errorf("%s is there twice", c.docker)
		}
		seen[c.docker] = true
		if (c.crictl == "") == (c.instead == "") {
			t.Errorf("%s: neither or both of a counterpart and a substitute", c.docker)
		}
	}
	for alias, name := range aliases {
		if !seen[name] {
			t.Errorf("%s stands for %s, which is not there", alias, name)
		}
	}
	// The reference page's own list.
	for _, name := range strings.Fields("attach exec images info inspect logs ps stats version create kill pull rm rmi run start stop update") {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
}
