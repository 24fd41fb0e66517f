package imagetable

import "testing"

func TestLookup(t *testing.T) {
	for _, c := range []struct {
		image string
		name  string
		uid   int64
		sure  bool
	}{
		{"nginx", "nginx", 0, true},
		{"docker.io/library/nginx:1.29@sha256:0123", "nginx", 0, true},
		{"localhost:5000/nginx", "nginx", 0, true},
		{"mirror/nginxinc/nginx-unprivileged:1", "nginxinc/nginx-unprivileged", 101, false},
		{"registry.k8s.io/ingress-nginx/controller:v1.12.0", "ingress-nginx/controller", 101, true},
		{"postgres:17", "postgres", 999, true},
		{"postgres:17-alpine3.22", "postgres", 70, true},
		{"registry.example.com/alpine/postgres:17", "postgres", 999, false},
		{"rabbitmq:4-management-alpine", "rabbitmq", 100, true},
		{"busybox:1.37", "busybox", 0, true},
		{"docker.elastic.co/elasticsearch/elasticsearch:9.0.0", "elasticsearch/elasticsearch", 1000, true},
		{"ubuntu/squid:6.6", "ubuntu/squid", 13, false},
		{"example.com/my-nginx", "", 0, false},
		{"", "", 0, false},
	} {
		img, sure := Lookup(c.image)
		switch {
		case img == nil:
			if c.name != "" {
				t.Errorf("%q is not found", c.image)
			}
		case img.Name != c.name || img.UID != c.uid || sure != c.sure:
			t.Errorf("%q is %s, uid %d, sure %v", c.image, img.Name, img.UID, sure)
		}
	}
}

func TestHides(t *testing.T) {
	for _, c := range []struct{ image, dir, want string }{
		{"nginx", "/var/log", "/var/log/nginx"}, {"nginx", "/var/log/nginx", ""}, {"nginx", "/var/log/app", ""},
		{"tomcat", "/usr/local/tomcat/logs", ""}, {"tomcat", "/usr/local/tomcat", "/usr/local/tomcat"}, {"apache/kafka", "/opt", "/opt/kafka"},
		{"mongo", "/data/db", "/data/db"}, {"rabbitmq", "/var/log/rabbitmq", ""},
	} {
		img, _ := Lookup(c.image)
		if got := img.Hides(c.dir); got != c.want {
			t.Errorf("%s: a volume on %s hides %q, want %q", c.image, c.dir, got, c.want)
		}
	}
}

// TestSources: an entry names one file, or says by its absence that nobody looked.
func TestSources(t *testing.T) {
	none := 0
	for _, i := range table {
		if i.Source == "" {
			none++
		}
	}
	if none > 1 { // Canonical's repository of its squid image was not found
		t.Errorf("%d of %d entries have no source", none, len(table))
	}
}
