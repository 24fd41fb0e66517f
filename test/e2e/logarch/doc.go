// Package logarch runs what kubectl logarch makes on a real cluster: the API
// server says whether it takes the manifests, the kubelet runs the sidecars, and
// every line of the applications is counted. What agents that cannot run here make of
// their configurations, test/judges/agentconf asks.
package logarch
