module github.com/clusterwright/kubectl-plugins/hack

go 1.26.0

require (
	github.com/CycloneDX/cyclonedx-go v0.9.3
	sigs.k8s.io/yaml v1.6.0
)

require go.yaml.in/yaml/v2 v2.4.2 // indirect
