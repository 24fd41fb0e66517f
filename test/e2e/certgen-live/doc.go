// Package certgenlive asks real components what kubectl certgen says of them:
// eight TLS clients about mutated certificates, a real control plane about
// requests and a CA rotation. It runs the built binary; CLUSTERWRIGHT_BIN names
// its folder (default: the repository's bin/).
package certgenlive
