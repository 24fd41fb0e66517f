// Package imagetable knows what well-known images keep in the directories that
// a log volume would be mounted on, which of their log files are links to stdout
// already, and as which user they run. Each entry names the file of the image's own
// repository that says so; an entry without one is from experience, and what is
// concluded from it is marked as a guess. An image that is not in the table is
// unknown.
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
	// Mode is the mode of the log files where it is not 0644, ModeBy what makes it so.
	Mode   int
	ModeBy string
	// AlpineUID is the user of the tags with "alpine", where it is another one.
	AlpineUID int64
	// Source is where the facts were read: repository and file. It is empty where
	// they were not.
	Source string
}

var table = []Image{
	{Name: "nginx", UID: 0, Needs: []string{"/var/log/nginx", "/etc/nginx", "/usr/share/nginx/html", "/var/cache/nginx"}, Stdout: []string{"/var/log/nginx/access.log", "/var/log/nginx/error.log"}, Source: "nginx/docker-nginx mainline/debian/Dockerfile"},
	{Name: "nginxinc/nginx-unprivileged", UID: 101, Needs: []string{"/var/log/nginx", "/etc/nginx", "/usr/share/nginx/html"}, Stdout: []string{"/var/log/nginx/access.log", "/var/log/nginx/error.log"}, Source: "nginx/docker-nginx-unprivileged mainline/alpine-slim/Dockerfile"},
	{Name: "ingress-nginx/controller", UID: 101, Needs: []string{"/var/log/nginx", "/etc/nginx"}, Stdout: []string{"/var/log/nginx/access.log", "/var/log/nginx/error.log"}, Source: "kubernetes/ingress-nginx rootfs/Dockerfile; its chart runs it as 101"},
	{Name: "openresty/openresty", UID: 0, Needs: []string{"/usr/local/openresty", "/var/run/openresty"}, Stdout: []string{"/usr/local/openresty/nginx/logs/access.log", "/usr/local/openresty/nginx/logs/error.log"}, Source: "openresty/docker-openresty bookworm/Dockerfile"},
	// Its configuration sends both logs to stdout.
	{Name: "httpd", UID: 0, Needs: []string{"/usr/local/apache2"}, Source: "docker-library/httpd 2.4/Dockerfile"},
	{Name: "php", UID: 0, Needs: []string{"/var/log/apache2", "/var/www/html", "/usr/local/etc"}, Stdout: apacheLinks, Source: "docker-library/php Dockerfile-linux.template, variant apache"},
	{Name: "wordpress", UID: 0, Needs: []string{"/var/log/apache2", "/var/www/html"}, Stdout: apacheLinks, Source: "docker-library/php Dockerfile-linux.template, which it is built from"},
	{Name: "drupal", UID: 0, Needs: []string{"/var/log/apache2", "/opt/drupal"}, Stdout: apacheLinks, Source: "docker-library/php Dockerfile-linux.template, which it is built from"},
	{Name: "joomla", UID: 0, Needs: []string{"/var/log/apache2", "/var/www/html"}, Stdout: apacheLinks, Source: "docker-library/php Dockerfile-linux.template, which it is built from"},
	{Name: "phpmyadmin", UID: 0, Needs: []string{"/var/log/apache2", "/var/www/html"}, Stdout: apacheLinks, Source: "docker-library/php Dockerfile-linux.template, which it is built from"},
	{Name: "bitnami/nginx", UID: 1001, Needs: []string{"/opt/bitnami"}, Stdout: []string{"/opt/bitnami/nginx/logs/access.log", "/opt/bitnami/nginx/logs/error.log"}, Source: "bitnami/containers bitnami/nginx Dockerfile"},
	{Name: "bitnami/apache", UID: 1001, Needs: []string{"/opt/bitnami"}, Stdout: []string{"/opt/bitnami/apache/logs/access_log", "/opt/bitnami/apache/logs/error_log"}, Source: "bitnami/containers bitnami/apache/2.4 Dockerfile, and postunpack.sh, which makes the links"},
	{Name: "tomcat", UID: 0, Mode: 0o640, Needs: []string{"/usr/local/tomcat"}, ModeBy: "catalina.sh sets umask 0027", Source: "apache/tomcat bin/catalina.sh (UMASK 0027); docker-library/tomcat"},
	{Name: "grafana/grafana", UID: 472, Needs: []string{"/usr/share/grafana", "/etc/grafana"}, Source: "grafana/grafana Dockerfile (GF_UID)"},
	{Name: "grafana/grafana-oss", UID: 472, Needs: []string{"/usr/share/grafana", "/etc/grafana"}, Source: "grafana/grafana Dockerfile (GF_UID)"},
	{Name: "elasticsearch/elasticsearch", UID: 1000, Needs: []string{"/usr/share/elasticsearch"}, Source: "elastic/elasticsearch distribution/docker/src/docker/dockerfiles/default/Dockerfile"},
	{Name: "elasticsearch", UID: 1000, Needs: []string{"/usr/share/elasticsearch"}, Source: "elastic/elasticsearch distribution/docker/src/docker/dockerfiles/default/Dockerfile"},
	{Name: "opensearchproject/opensearch", UID: 1000, Needs: []string{"/usr/share/opensearch"}, Source: "opensearch-project/opensearch-build docker/release/dockerfiles/opensearch.al2023.dockerfile"},
	{Name: "kibana/kibana", UID: 1000, Needs: []string{"/usr/share/kibana"}, Source: "elastic/kibana src/dev/build/tasks/os_packages/docker_generator/templates/base/Dockerfile"},
	{Name: "logstash/logstash", UID: 1000, Needs: []string{"/usr/share/logstash"}, Source: "elastic/logstash docker/templates/Dockerfile.erb"},
	{Name: "jenkins/jenkins", UID: 1000, Needs: []string{"/var/jenkins_home", "/usr/share/jenkins"}, Source: "jenkinsci/docker debian/trixie/hotspot/Dockerfile"},
	{Name: "postgres", UID: 999, Mode: 0o600, Needs: []string{"/var/lib/postgresql"}, AlpineUID: 70, ModeBy: "log_file_mode is 0600", Source: "docker-library/postgres 13/trixie/Dockerfile; log_file_mode in the PostgreSQL manual"},
	{Name: "mysql", UID: 999, Mode: 0o640, Needs: []string{"/var/lib/mysql", "/etc/mysql"}, Source: "docker-library/mysql 9.7/Dockerfile.oracle"},
	{Name: "mariadb", UID: 999, Needs: []string{"/var/lib/mysql", "/etc/mysql"}, Source: "MariaDB/mariadb-docker 11.4/Dockerfile"},
	// It has no log files: it speaks syslog.
	{Name: "haproxy", UID: 99, Needs: []string{"/usr/local/etc/haproxy", "/var/lib/haproxy"}, Source: "docker-library/haproxy Dockerfile.template"},
	{Name: "apache/kafka", UID: 1000, Needs: []string{"/opt/kafka", "/etc/kafka", "/var/lib/kafka"}, Source: "apache/kafka docker/jvm/Dockerfile"},
	{Name: "redis", UID: 999, Source: "redis/docker-library-redis 7.4/debian/Dockerfile"},
	{Name: "mongo", UID: 999, Mode: 0o600, Needs: []string{"/var/log/mongodb", "/data/db"}, Source: "docker-library/mongo Dockerfile-linux.template; honorSystemUmask in the MongoDB manual"},
	{Name: "rabbitmq", UID: 999, AlpineUID: 100, Needs: []string{"/var/log/rabbitmq", "/opt/rabbitmq"}, Source: "docker-library/rabbitmq Dockerfile-ubuntu.template"},
	{Name: "cassandra", UID: 999, Needs: []string{"/opt/cassandra", "/var/lib/cassandra"}, Source: "docker-library/cassandra Dockerfile.template"},
	{Name: "solr", UID: 8983, Needs: []string{"/opt/solr", "/var/solr"}, Source: "apache/solr-docker Dockerfile (SOLR_UID)"},
	{Name: "zookeeper", UID: 1000, Source: "31z4/zookeeper-docker 3.9.2/Dockerfile"},
	{Name: "memcached", UID: 11211, Source: "docker-library/memcached Dockerfile.template"},
	{Name: "apache/airflow", UID: 50000, Needs: []string{"/opt/airflow"}, Source: "apache/airflow Dockerfile (AIRFLOW_UID)"},
	{Name: "ubuntu/squid", UID: 13, Mode: 0o640, Needs: []string{"/var/log/squid"}},
	{Name: "gitlab/gitlab-ce", UID: -1, Needs: []string{"/var/log/gitlab", "/opt/gitlab"}, Source: "gitlab-org/omnibus-gitlab docker/Dockerfile (VOLUME) and docker/assets/wrapper"},
}

// bare are base images: their user is root and they have no program of their own
// that would write logs.
var bare = []string{
	"busybox", "alpine", "debian", "ubuntu", "fedora", "rockylinux", "almalinux", "amazonlinux",
	"perl", "python", "node", "ruby", "golang", "openjdk", "eclipse-temurin",
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
	for _, name := range bare {
		m[name] = &Image{Name: name, Source: "no USER in their Dockerfiles: root"}
	}
	return m
})

// Lookup finds an image. A mirror's name ("mirror/nginx") is taken for the image
// that its last parts name. sure is false then, and where the facts have no source.
func Lookup(image string) (img *Image, sure bool) {
	repo := Repository(image)
	for rest := repo; rest != ""; {
		if img := byName()[rest]; img != nil {
			if img.AlpineUID != 0 && strings.Contains(tag(image), "alpine") {
				other := *img
				other.UID = img.AlpineUID
				img = &other
			}
			return img, rest == repo && img.Source != ""
		}
		_, rest, _ = strings.Cut(rest, "/")
	}
	return nil, false
}

// tag is an image's tag, "" without one.
func tag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		return image[i+1:]
	}
	return ""
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
