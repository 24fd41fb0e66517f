# want AP075:3
k3d cluster create c --k3s-arg '--kube-apiserver-arg=audit-policy-file=/audit.yaml@server:*' --k3s-arg "--kube-apiserver-arg=audit-log-path=-@server:0" \
  --k3s-arg "--kube-apiserver-arg=audit-log-maxage=30@server:0"
