// Package imagetable knows what well-known images keep in the directories that
// a log volume would be mounted on, which of their log files are links to stdout
// already, and as which user they run. It is a table of facts from the images'
// Dockerfiles and entry points; an image that is not in it is unknown.
package imagetable

import (
	"path"
	"strings"
	"sync"
)

// Image is what is known of an image.
type Image struct {
	// Name is the repository without registry, as in "nginx".
	Name string
	// Needs are directories that the image has and its program cannot start
	// without: a volume above one of them hides it.
	Needs []string
	// Stdout are files that are links to stdout or stderr.
	Stdout []string
	// UID is the user that writes the logs, -1 where it depends.
	UID int64
	// Mode is the mode of the log files where it is not 0644.
	Mode int
	// Note says what else matters.
	Note string
}

var table = []Image{
	{Name: "nginx", UID: 0, Needs: []string{"/var/log/nginx", "/etc/nginx", "/usr/share/nginx/html", "/var/cache/nginx"}, Stdout: []string{"/var/log/nginx/access.log", "/var/log/nginx/error.log"}},
	{Name: "nginxinc/nginx-unprivileged", UID: 101, Needs: []string{"/var/log/nginx", "/etc/nginx", "/usr/share/nginx/html"}, Stdout: []string{"/var/log/nginx/access.log", "/var/log/nginx/error.log"}},
	{Name: "ingress-nginx/controller", UID: 101, Needs: []string{"/var/log/nginx", "/etc/nginx"}, Stdout: []string{"/var/log/nginx/access.log", "/var/log/nginx/error.log"}},
	{Name: "openresty/openresty", UID: 0, Needs: []string{"/usr/local/openresty", "/var/run/openresty"}, Stdout: []string{"/usr/local/openresty/nginx/logs/access.log", "/usr/local/openresty/nginx/logs/error.log"}},
	{Name: "httpd", UID: 0, Needs: []string{"/usr/local/apache2"}, Note: "its configuration sends both logs to stdout"},
	{Name: "php", UID: 0, Needs: []string{"/var/log/apache2", "/var/www/html", "/usr/local/etc"}, Stdout: apacheLinks},
	{Name: "wordpress", UID: 0, Needs: []string{"/var/log/apache2", "/var/www/html"}, Stdout: apacheLinks},
	{Name: "drupal", UID: 0, Needs: []string{"/var/log/apache2", "/opt/drupal"}, Stdout: apacheLinks},
	{Name: "joomla", UID: 0, Needs: []string{"/var/log/apache2", "/var/www/html"}, Stdout: apacheLinks},
	{Name: "phpmyadmin", UID: 0, Needs: []string{"/var/log/apache2", "/var/www/html"}, Stdout: apacheLinks},
	{Name: "bitnami/nginx", UID: 1001, Needs: []string{"/opt/bitnami"}, Stdout: []string{"/opt/bitnami/nginx/logs/access.log", "/opt/bitnami/nginx/logs/error.log"}},
	{Name: "bitnami/apache", UID: 1001, Needs: []string{"/opt/bitnami"}, Stdout: []string{"/opt/bitnami/apache/logs/access_log", "/opt/bitnami/apache/logs/error_log"}},
	{Name: "tomcat", UID: 0, Mode: 0o640, Needs: []string{"/usr/local/tomcat"}, Note: "catalina.sh sets umask 0027"},
	{Name: "grafana/grafana", UID: 472, Needs: []string{"/usr/share/grafana", "/etc/grafana"}},
	{Name: "grafana/grafana-oss", UID: 472, Needs: []string{"/usr/share/grafana", "/etc/grafana"}},
	{Name: "elasticsearch/elasticsearch", UID: 1000, Needs: []string{"/usr/share/elasticsearch"}},
	{Name: "elasticsearch", UID: 1000, Needs: []string{"/usr/share/elasticsearch"}},
	{Name: "opensearchproject/opensearch", UID: 1000, Needs: []string{"/usr/share/opensearch"}},
	{Name: "kibana/kibana", UID: 1000, Needs: []string{"/usr/share/kibana"}},
	{Name: "logstash/logstash", UID: 1000, Needs: []string{"/usr/share/logstash"}},
	{Name: "jenkins/jenkins", UID: 1000, Needs: []string{"/var/jenkins_home", "/usr/share/jenkins"}},
	{Name: "postgres", UID: 999, Mode: 0o600, Needs: []string{"/var/lib/postgresql"}, Note: "log_file_mode is 0600; the alpine variants use uid 70"},
	{Name: "mysql", UID: 999, Mode: 0o640, Needs: []string{"/var/lib/mysql", "/etc/mysql"}},
	{Name: "mariadb", UID: 999, Needs: []string{"/var/lib/mysql", "/etc/mysql"}},
	{Name: "redis", UID: 999},
	{Name: "mongo", UID: 999, Mode: 0o600, Needs: []string{"/var/log/mongodb", "/data/db"}},
	{Name: "rabbitmq", UID: 999, Needs: []string{"/var/log/rabbitmq", "/opt/rabbitmq"}},
	{Name: "cassandra", UID: 999, Needs: []string{"/opt/cassandra", "/var/lib/cassandra"}},
	{Name: "solr", UID: 8983, Needs: []string{"/opt/solr", "/var/solr"}},
	{Name: "zookeeper", UID: 1000},
	{Name: "memcached", UID: 11211},
	{Name: "apache/airflow", UID: 50000, Needs: []string{"/opt/airflow"}},
	{Name: "ubuntu/squid", UID: 13, Mode: 0o640, Needs: []string{"/var/log/squid"}},
	{Name: "gitlab/gitlab-ce", UID: -1, Needs: []string{"/var/log/gitlab", "/opt/gitlab"}},
	{Name: "busybox", UID: 0}, {Name: "alpine", UID: 0}, {Name: "debian", UID: 0}, {Name: "ubuntu", UID: 0},
	{Name: "fedora", UID: 0}, {Name: "rockylinux", UID: 0}, {Name: "almalinux", UID: 0}, {Name: "amazonlinux", UID: 0},
	{Name: "perl", UID: 0}, {Name: "python", UID: 0}, {Name: "node", UID: 0}, {Name: "ruby", UID: 0},
	{Name: "golang", UID: 0}, {Name: "openjdk", UID: 0}, {Name: "eclipse-temurin", UID: 0},
}

var apacheLinks = []string{"/var/log/apache2/access.log", "/var/log/apache2/error.log", "/var/log/apache2/other_vhosts_access.log"}

// Repository is an image's name without registry, tag and digest:
// "docker.io/library/nginx:1.29@sha256:..." is "nginx".
func Repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		image = image[:i]
	}
	if first, rest, ok := strings.Cut(image, "/"); ok && (strings.ContainsAny(first, ".:") || first == "localhost") {
		image = rest
	}
	return strings.TrimPrefix(image, "library/")
}

var byName = sync.OnceValue(func() map[string]*Image {
	m := map[string]*Image{}
	for i := range table {
		m[table[i].Name] = &table[i]
	}
	return m
})

// Lookup finds an image. A mirror's name ("mirror/nginx") is taken for the image
// that its last part names: sure is false then.
func Lookup(image string) (img *Image, sure bool) {
	repo := Repository(image)
	if img := byName()[repo]; img != nil {
		return img, true
	}
	// A mirror keeps the path ("mirror/nginxinc/nginx-unprivileged") or only the
	// last part.
	for rest := repo; ; {
		_, after, ok := strings.Cut(rest, "/")
		if !ok {
			break
		}
		if img := byName()[after]; img != nil {
			return img, false
		}
		rest = after
	}
	return nil, false
}

// Hides returns the directory that a volume mounted on dir would hide and that
// the image cannot do without, "" for none. A volume right on a needed log
// directory only empties it, which programs survive.
func (i *Image) Hides(dir string) string {
	for _, n := range i.Needs {
		if dir == "/" || strings.HasPrefix(n, dir+"/") || n == dir && !logDir(n) {
			return n
		}
	}
	return ""
}

// IsStdout says whether a log file is a link to stdout or stderr.
func (i *Image) IsStdout(file string) bool {
	for _, s := range i.Stdout {
		if s == path.Clean(file) {
			return true
		}
	}
	return false
}

func logDir(d string) bool { return strings.HasPrefix(d, "/var/log/") }
