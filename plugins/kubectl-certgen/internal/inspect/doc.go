// Package inspect finds certificates wherever they lie: PEM, DER and PKCS#12
// files, folders, kubeconfigs, Secrets, ConfigMaps, ClusterTrustBundles,
// requests, webhooks' and APIServices' caBundle, TLS servers, and a live
// cluster. It hands back what it saw, with the source of each; it never hands
// back a private key.
package inspect
