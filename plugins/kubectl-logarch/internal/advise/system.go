package advise

import "fmt"

// SystemFile is a configuration that rotates the logs of system components.
type SystemFile struct {
	// Path is where it goes on a node.
	Path string `json:"path"`
	// About says what it is for and what it costs.
	About string `json:"about"`
	Text  string `json:"text"`
}

// System returns the rotation of the logs that no kubelet rotates: those of the
// kubelet, the runtime and of control-plane components that run as services or
// write files. keep is how many old files, size when to rotate beside daily,
// such as "100M".
func System(size string, keep int) []SystemFile {
	return []SystemFile{
		{
			Path:  "/etc/systemd/journald.conf.d/50-kubernetes.conf",
			About: "for components that run under systemd (kubelet, containerd): journald keeps their logs, on disk, and drops none in a burst of the kubelet",
			Text: `[Journal]
Storage=persistent
SystemMaxUse=2G
SystemKeepFree=1G
MaxRetentionSec=14day
RateLimitIntervalSec=30s
RateLimitBurst=100000
`,
		},
		{
			Path:  "/etc/logrotate.d/kubernetes",
			About: "for components whose output goes to files in /var/log (the handbook's kube-apiserver.log, kubelet.log and so on). They hold the file open and have no signal to open it again, so that only copytruncate works, which loses what is written between the copy and the truncation",
			Text: fmt.Sprintf(`/var/log/kube-apiserver.log
/var/log/kube-controller-manager.log
/var/log/kube-scheduler.log
/var/log/kube-proxy.log
/var/log/kubelet.log
/var/log/etcd.log
{
    daily
    maxsize %s
    rotate %d
    missingok
    notifempty
    compress
    delaycompress
    copytruncate
    dateext
    dateformat -%%Y%%m%%d-%%s
}
`, size, keep),
		},
		{
			Path:  "/etc/cron.hourly/logrotate-kubernetes",
			About: "logrotate itself runs daily on most systems: without this, maxsize is looked at once a day. It is given the system's own configuration, which includes the one above: with a state of its own each file would be rotated by both every day, and be kept half as long",
			Text:  "#!/bin/sh\nexec /usr/sbin/logrotate /etc/logrotate.conf\n",
		},
		{
			Path:  "the component's command line",
			About: "without loss: kube-log-runner (in the component images as /go-runner) takes the output and rotates the file itself, by size, and drops old files by age",
			Text: fmt.Sprintf(`/go-runner -log-file=/var/log/kube-apiserver.log -log-file-size=%si \
    -log-file-age=%dh kube-apiserver ...
`, size, 24*keep),
		},
	}
}
