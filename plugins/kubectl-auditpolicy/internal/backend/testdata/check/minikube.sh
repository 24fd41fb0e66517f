# want AP074:5
minikube start \
  --extra-config=apiserver.audit-policy-file=/etc/ssl/certs/audit-policy.yaml \
  --extra-config=apiserver.audit-log-path=/var/logs/audit.log \
  --extra-config=apiserver.audit-log-maxage=7
