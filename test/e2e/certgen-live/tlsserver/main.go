// Command tlsserver stands in for a webhook in a pod: it serves TLS with the
// certificate that it read from /tls at start, and, as many webhooks do, never
// looks at the files again.
package main

import (
	"flag"
	"log"
	"net/http"
)

func main() {
	addr := flag.String("listen", ":8443", "address")
	dir := flag.String("tls", "/tls", "folder of tls.crt and tls.key")
	flag.Parse()
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	log.Fatal(http.ListenAndServeTLS(*addr, *dir+"/tls.crt", *dir+"/tls.key", nil))
}
