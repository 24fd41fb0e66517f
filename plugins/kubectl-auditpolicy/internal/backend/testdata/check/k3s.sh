# want AP074:3
k3s server '--kube-apiserver-arg=audit-log-path=/var/lib/rancher/k3s/server/logs/audit.log' \
  --kube-apiserver-arg audit-policy-file=/var/lib/rancher/k3s/server/audit.yaml --kube-apiserver-arg="audit-log-maxage=7"
