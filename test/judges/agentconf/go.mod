module github.com/clusterwright/kubectl-plugins/test/judges/agentconf

go 1.26.0

require (
	github.com/calyptia/go-fluentbit-config/v2 v2.14.0
	github.com/clusterwright/kubectl-plugins/test/program v0.0.0
	github.com/grafana/alloy/syntax v0.1.0
	sigs.k8s.io/yaml v1.6.0
)

require (
	github.com/fatih/color v1.15.0 // indirect
	github.com/mattn/go-colorable v0.1.13 // indirect
	github.com/mattn/go-isatty v0.0.17 // indirect
	go.yaml.in/yaml/v2 v2.4.2 // indirect
	golang.org/x/exp v0.0.0-20250506013437-ce4c2cf36ca6 // indirect
	golang.org/x/mod v0.24.0 // indirect
	golang.org/x/sys v0.6.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/clusterwright/kubectl-plugins/test/program => ../../program
