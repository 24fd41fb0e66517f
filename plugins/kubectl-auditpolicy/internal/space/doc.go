// Package space is an exact algebra over the requests that kube-apiserver can
// receive. A policy tells requests apart only by the values that it names, so
// the requests fall into finitely many classes: for each dimension (user,
// extra group, verb, API group, resource, subresource, namespace, name, path)
// every value that is named, and one that stands for all others. A set of
// requests is a list of boxes, each a product of sets of such values, and
// "does any request reach this rule?" is a search for a point of some boxes
// outside others.
//
// What the API server forces on a request is part of the space, so that each
// point is a request that can really be made:
//
//   - a request has either a resource or a path, and verbs to match;
//   - list, deletecollection and create are what a URL with or without a name
//     makes them; a subresource needs a name; a named Namespace lies in itself;
//   - every authenticated user but the anonymous one is in
//     system:authenticated; service accounts, nodes and the API server itself
//     are in their groups and in no other; the anonymous user is in
//     system:unauthenticated alone; a failed authentication has no user.
//
// A rule's userGroups match any one group, so a request needs no more extra
// groups than there are policies compared: one for each is enough for every
// answer to be exact.
package space
