// Package nodehealth measures kubectl nodehealth against a cluster of 5,000
// nodes and 150,000 pods: a real etcd and API server, filled with objects as
// the API server stores them.
package nodehealth
