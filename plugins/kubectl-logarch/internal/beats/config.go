package beats

// output is the end that all three configurations share.
func output(o Options) string {
	if o.Cloud {
		return `cloud.id: ${ELASTIC_CLOUD_ID}
cloud.auth: ${ELASTIC_CLOUD_AUTH}
`
	}
	return `output.elasticsearch:
  hosts: ${ELASTICSEARCH_HOSTS}
  username: ${ELASTICSEARCH_USERNAME}
  password: ${ELASTICSEARCH_PASSWORD}
  max_retries: -1
setup.kibana:
  host: ${KIBANA_HOST}
setup.dashboards.enabled: true
`
}

// config is a Beat's configuration. Autodiscover starts a module where the
// labels of a pod say what runs in it, as in the tutorial's guestbook.
func config(o Options, b string) string {
	switch b {
	case "filebeat":
		return `filebeat.autodiscover:
  providers:
  - type: kubernetes
    node: ${NODE_NAME}
    # Pods may ask for more with annotations co.elastic.logs/...
    hints.enabled: true
    hints.default_config:
      type: filestream
      id: container-${data.kubernetes.container.id}
      # A container that is started again gets an id and a file of its own.
      paths: ["/var/log/containers/*-${data.kubernetes.container.id}.log"]
      parsers:
      - container: {stream: all, format: auto}
      prospector.scanner:
        check_interval: 1s
        symlinks: true
        fingerprint.enabled: true
        fingerprint.length: 256
      file_identity.fingerprint: ~
      backoff: {init: 250ms, max: 1s}
      close.on_state_change.removed: false
    templates:
    - condition.equals:
        kubernetes.labels.app: redis
      config:
      - module: redis
        log:
          input:
            type: filestream
            id: redis-${data.kubernetes.container.id}
            paths: ["/var/log/containers/*-${data.kubernetes.container.id}.log"]
            parsers:
            - container: {stream: all, format: auto}
            prospector.scanner: {check_interval: 1s, symlinks: true, fingerprint: {enabled: true, length: 256}}
            file_identity.fingerprint: ~
            backoff: {init: 250ms, max: 1s}
            close.on_state_change.removed: false
    - condition.contains:
        kubernetes.container.image: httpd
      config:
      - module: apache
        access:
          input:
            type: filestream
            id: apache-access-${data.kubernetes.container.id}
            paths: ["/var/log/containers/*-${data.kubernetes.container.id}.log"]
            parsers:
            - container: {stream: stdout, format: auto}
            prospector.scanner: {check_interval: 1s, symlinks: true, fingerprint: {enabled: true, length: 256}}
            file_identity.fingerprint: ~
            backoff: {init: 250ms, max: 1s}
            close.on_state_change.removed: false
        error:
          input:
            type: filestream
            id: apache-error-${data.kubernetes.container.id}
            paths: ["/var/log/containers/*-${data.kubernetes.container.id}.log"]
            parsers:
            - container: {stream: stderr, format: auto}
            prospector.scanner: {check_interval: 1s, symlinks: true, fingerprint: {enabled: true, length: 256}}
            file_identity.fingerprint: ~
            backoff: {init: 250ms, max: 1s}
            close.on_state_change.removed: false
processors:
- add_cloud_metadata: ~
- add_host_metadata: ~
queue.disk:
  max_size: 512MB
` + output(o)
	case "metricbeat":
		return `metricbeat.modules:
- module: kubernetes
  metricsets: [node, system, pod, container, volume]
  period: 10s
  hosts: ["https://${NODE_NAME}:10250"]
  bearer_token_file: /var/run/secrets/kubernetes.io/serviceaccount/token
  # The kubelet's serving certificate is self-signed unless serverTLSBootstrap
  # is set; with it, name the CA here instead.
  ssl.verification_mode: none
- module: system
  metricsets: [cpu, load, memory, network, process, process_summary]
  period: 10s
metricbeat.autodiscover:
  providers:
  - type: kubernetes
    node: ${NODE_NAME}
    hints.enabled: true
    templates:
    - condition.equals:
        kubernetes.labels.app: redis
      config:
      - module: redis
        metricsets: [info, keyspace]
        period: 10s
        hosts: ["${data.host}:6379"]
  # Only one of the nodes asks for what concerns the whole cluster. It needs
  # kube-state-metrics.
  - type: kubernetes
    scope: cluster
    node: ${NODE_NAME}
    unique: true
    templates:
    - config:
      - module: kubernetes
        hosts: ["kube-state-metrics.kube-system:8080"]
        period: 10s
        metricsets: [state_node, state_deployment, state_daemonset, state_replicaset, state_statefulset, state_pod, state_container, state_job, state_cronjob]
processors:
- add_cloud_metadata: ~
- add_host_metadata: ~
` + output(o)
	default:
		return `packetbeat.interfaces.device: any
packetbeat.interfaces.type: af_packet
packetbeat.protocols:
- type: dns
  ports: [53]
  include_authorities: true
  include_additionals: true
- type: http
  ports: [80, 8000, 8080, 9200]
- type: mysql
  ports: [3306]
- type: redis
  ports: [6379]
- type: pgsql
  ports: [5432]
- type: tls
  ports: [443, 8443]
packetbeat.flows:
  timeout: 30s
  period: 10s
processors:
- add_cloud_metadata: ~
- add_kubernetes_metadata:
    host: ${NODE_NAME}
    indexers:
    - ip_port: ~
    matchers:
    - field_format:
        format: "%{[ip]}:%{[port]}"
` + output(o)
	}
}
