package verify

// Client is a family of programs with the same verifier.
type Client string

// The clients, in the order in which they are shown.
const (
	OpenSSL Client = "openssl"
	Strict  Client = "openssl-strict"
	PyCA    Client = "pyca"
	GnuTLS  Client = "gnutls"
	Java    Client = "java"
	NSS     Client = "nss"
	Node    Client = "node"
	Go      Client = "go"
)

// Clients lists all of them.
var Clients = []Client{OpenSSL, Strict, PyCA, GnuTLS, Java, NSS, Node, Go}

// Title says who they are.
func (c Client) Title() string {
	switch c {
	case OpenSSL:
		return "OpenSSL (curl, Python before 3.13)"
	case Strict:
		return "OpenSSL strict (Python 3.13)"
	case PyCA:
		return "pyca/cryptography"
	case GnuTLS:
		return "GnuTLS"
	case Java:
		return "Java"
	case NSS:
		return "NSS (Firefox)"
	case Node:
		return "Node"
	case Go:
		return "Go (Kubernetes itself)"
	}
	return string(c)
}

// Short is the title for a list.
func (c Client) Short() string {
	switch c {
	case OpenSSL:
		return "OpenSSL"
	case Strict:
		return "Python 3.13"
	case PyCA:
		return "pyca"
	case GnuTLS:
		return "GnuTLS"
	case Java:
		return "Java"
	case NSS:
		return "NSS"
	case Node:
		return "Node"
	}
	return "Go"
}

// all makes a set of rejections by all clients with the same words.
func all(words string) map[Client]string {
	m := map[Client]string{}
	for _, c := range Clients {
		m[c] = words
	}
	return m
}
