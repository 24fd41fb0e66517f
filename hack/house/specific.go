package main

import "regexp"

// passedOn messages name a flag and hand on what was said of its value; the flag
// in them is not an advice.
var passedOn = regexp.MustCompile(`^(-[a-z]|--[a-z-]+)( %[qs])?(:)? %[ws]$`)

const correctFlag = "correct that flag's value: the cause that follows says what is wrong in it"

// specific are the next steps of single messages, or of few that are alike. They
// come before advices, which are for what has a whole family's answer.
var specific = []advice{
	{regexp.MustCompile(`^%s has no command %q$`), "`--help` of the command that it names lists those that there are"},
	// The value of a field is passed on to what judges it.
	{regexp.MustCompile(`^(-o (jsonpath|custom-columns)|-l %q)`), "correct the expression: the cause that follows names the place in it"},
	{regexp.MustCompile(`^(endpoint|networking|dnsDomain|serviceSubnet|localAPIEndpoint|node|node %q|key|cluster domain|DNS name %q|subject|etcd\.external\.endpoints|URL %q|configuration %s|policy %s|new-rule|pluginConfig\.[a-z]+|%s: (hosts|default_bits|subjectAltName|key)|block %d|%s:%d: test %q): %[wqsv]`), "correct that field or value: the cause that follows says what is wrong in it"},
	{regexp.MustCompile(`(^stdin|^log %s|^%s): (%w|gzip: %w)$|^gzip: |^decompressing: `), "the cause that follows is the system's own; a .gz that is cut off has to be fetched again"},

	// Certificates and keys.
	{regexp.MustCompile(`^IP %q: (has a port|has a zone|is a URL)|^IP %q: not an IP`), "give the bare address, such as 203.0.113.10; a name goes with --dns"},
	{regexp.MustCompile(`PKCS#12 file (that is locked|that this passphrase)`), "give the right passphrase, or unpack it: `openssl pkcs12 -in FILE -out FILE.pem -nodes`"},
	{regexp.MustCompile(`encrypted in an old or rare way|without the mark of a trust store`), "run the openssl command that it names, and give the new file"},
	{regexp.MustCompile(`refuses such a certificate`), "make it anew: by `kubectl certgen server`, `client` or `node`, or the tool that made it"},
	{regexp.MustCompile(`key or signature is of a kind`), "make a request with `kubectl certgen csr NAME --key ecdsa:p256`"},
	{regexp.MustCompile(`passphrase does not open|encrypted and no passphrase|passphrase is empty|two passphrases`), "give the passphrase again, or in a file by --ca-passphrase-file"},
	{regexp.MustCompile(`of a kind that cannot sign|private key is damaged|it holds a certificate, not|no PEM private key`), "name the file of an RSA, ECDSA or Ed25519 key in PEM (BEGIN PRIVATE KEY)"},
	{regexp.MustCompile(`it holds a %s, not a certificate$`), "name the certificate's own file (BEGIN CERTIFICATE); `kubectl certgen inspect FILE` says what a file holds"},
	{regexp.MustCompile(`not a certificate request$|no PEM or DER certificate request|not signed by the key in it`), "make the request anew: `kubectl certgen csr NAME --dns NAME`"},
	{regexp.MustCompile(`does not belong to|is for another key|is not the request of the key|holds another key`), "put key and certificate of one issue together again: `kubectl certgen inspect FOLDER` says which key belongs to which certificate; or move both away and make them anew"},
	{regexp.MustCompile(`^bad signature|^no issuer`), "verify against the CA that signed it: `kubectl certgen verify FILE --ca CA.crt`; `inspect` names the issuer"},
	{regexp.MustCompile(`would outlive its CA|after the year 9999`), "ask for fewer days: --days"},
	{regexp.MustCompile(`CA expired on`), "`kubectl certgen rotate ca` where the cluster still runs; else a new CA in a new folder"},
	{regexp.MustCompile(`CA is not valid before`), "set this machine's clock: `date -u` shows it"},
	{regexp.MustCompile(`CA's key usage|is not a CA \(|of version %d, which cannot|is no CA: trusting|there is no CA certificate|has no CA to sign`), "name a folder or file with the CA's own certificate; `kubectl certgen ca` makes one"},
	{regexp.MustCompile(`which clients do not take`), "make the request with `--key ecdsa:p256`, which every client takes"},
	{regexp.MustCompile(`no randomness`), "the system gives no random numbers: look at /dev/urandom, and run it again"},
	{regexp.MustCompile(`serial number %s is in|serial number is not positive`), "repair the CA's index.txt or serial file from a copy: one serial number for one certificate"},
	{regexp.MustCompile(`^name %q: is the CA's`), "give the certificate another name than the CA's"},
	{regexp.MustCompile(`^line %d: (status|%d fields|%q is not a time)|fields, an index\.txt`), "repair that line of the CA's index.txt, or take it from a copy"},
	{regexp.MustCompile(`nothing uses the new CA yet`), "remove the files it names: that is the whole rollback"},
	{regexp.MustCompile(`rotation`), "`kubectl certgen rotate ca --stage next --dry-run` says where the rotation stands and what comes next"},
	{regexp.MustCompile(`request changes faster|request %s is gone`), "run the same `kubectl certgen request` again: it makes the request anew"},
	{regexp.MustCompile(`^request URI`), "that event's requestURI is no URL: leave the event out of the log"},
	{regexp.MustCompile(`key=value`), "write a filter such as --where pod=web-1"},
	{regexp.MustCompile(`broken PEM|no complete|damaged certificate request|not base64|UTF-16 text|PEM label is|no PEM or DER certificate in it`), "get the file again as it was written, from BEGIN to END, as text in ASCII"},
	{regexp.MustCompile(`^(USER is blank|a DNS name is blank|an IP address is blank|cluster domain: blank|service network: blank|subject %q: empty|the API server's address is blank)`), "a variable of the calling script is empty: give the value"},
	{regexp.MustCompile(`has an underscore|^has a %|has a wildcard`), "rename it by the rules of DNS: letters, digits and hyphens; a wildcard only in --dns"},
	{regexp.MustCompile(`distinguished name|is not TYPE=VALUE|object identifier|has a control character|not valid UTF-8`), "write the subject as \"CN=name,O=group\", plain text in each part"},
	{regexp.MustCompile(`cfssl would drop|which cfssl drops|is not an extension that openssl|not a number of days|not a cfssl config|neither a request \(\[req\]\)`), "`kubectl certgen lint FILE` shows the place and what is known there"},
	{regexp.MustCompile(`there is no certificate|no certificate, request or key|neither a certificate, a request|neither PEM|not a Kubernetes object: |the file is empty|certificate file$`), "name the certificate's file or its folder; `kubectl certgen inspect FILE` says what a file holds"},
	{regexp.MustCompile(`nothing listens on port|port %s of|no pod runs behind|has no port %|its url %q`), "mend the webhook's Service: `kubectl get service,endpointslices -n NAMESPACE` shows its ports and pods"},

	{regexp.MustCompile(`^%s: (not a kubeconfig|its current context is incomplete)`), "move that file away to have it made again, or set its current-context, with a cluster and a user of that context"},
	{regexp.MustCompile(`no prefix length`), "write the network with its prefix, such as 10.96.0.0/12"},
	{regexp.MustCompile(`not a ClusterPKI|%s: empty$`), "give kubeadm's configuration (kind: ClusterConfiguration), or a ClusterPKI; `kubectl certgen cluster --help` shows one"},
	{regexp.MustCompile(`no names in it|no names behind|is on line %d already`), "write one name a line, its addresses behind it, each name once"},
	{regexp.MustCompile(`journal of this version`), "look into the folder that it names, and put its files where they belong; no other run of certgen may be at work"},

	// Logs and policies.
	{regexp.MustCompile(`^field .*(claims|length|cut off)`), "export the journal again: `journalctl -o export >FILE`"},
	{regexp.MustCompile(`the result (does not parse|says something else)|document cannot be read any more`), "nothing was written; report it with the manifest"},
	{regexp.MustCompile(`both policies cannot`), "give one of the two as a file"},
	{regexp.MustCompile(`JSON document is cut off|compressed file is cut off|cut off or garbled`), "copy the log again, whole; of a file that is being written, take the rotated ones"},
	{regexp.MustCompile(`no audit event|not an audit log|binary file, `), "name the file of --audit-log-path: one JSON event a line"},
	{regexp.MustCompile(`directory holds no file|no logs in this folder`), "name the folder that holds the log files themselves"},
	{regexp.MustCompile(`Google Cloud audit log`), "take `coverage` and `explain` on the policy instead: there is nothing in this log to match"},
	{regexp.MustCompile(`expect is empty`), "write what the test expects: one of the keys that the message lists"},
	{regexp.MustCompile(`%s: no tests in it`), "write a tests: list; `kubectl auditpolicy test --help` shows one"},
	{regexp.MustCompile(`kube-apiserver would not start`), "`kubectl auditpolicy lint POLICY` shows the place and the remedy"},
	{regexp.MustCompile(`no event to simulate`), "give a log with timestamps, or --rate in its place"},
	{regexp.MustCompile(`kubectl top: pods|no resource in the line|no command of kubectl`), "write the line as for kubectl: VERB RESOURCE NAME, such as `get pods web-1`"},
	{regexp.MustCompile(`metrics: the line`), "give the text of `kubectl get --raw /metrics`, unchanged"},

	// Nodes, captures and their tools.
	{regexp.MustCompile(`^(is (empty|damaged|truncated|not JSON|not YAML|not text|an empty)|holds (nothing that|only an error|an? %?.*cannot be read)|looks like kubectl describe)|^cannot be read: `), "make the capture again: `kubectl get nodes,leases,pods,events -A -o json >FILE`"},
	{regexp.MustCompile(`has a file that does not do`), "take that file out of the capture; the cause that follows says what is wrong with it"},
	{regexp.MustCompile(`is not in its own bundle`), "run `kubectl nodehealth bundle` again: the node's object could not be read"},
	{regexp.MustCompile(`crictl's own flags|cannot be done, only|the flags are crictl's`), "leave it out; `kubectl nodehealth shell NODE -- crictl ...` runs the node's own crictl where it has one"},
	{regexp.MustCompile(`docker command`), "give a command such as \"docker ps -a\" behind --explain"},
	{regexp.MustCompile(`pattern %q made from|sample line is empty`), "give the sample as the log has it, or write the rule by hand: `kubectl nodehealth npd rules FILE` judges it"},
	{regexp.MustCompile(`detector (reads JSON|does not start)|not a monitor configuration`), "give the JSON of a monitor; `kubectl nodehealth npd rules FILE` judges it"},
	{regexp.MustCompile(`nothing that has a time`), "give a log whose lines have times, or say the format: --log-format"},
	{regexp.MustCompile(`neither busybox nor sh`), "install busybox, or run the simulation in a container that has a shell"},
	{regexp.MustCompile(`cannot be shared through a volume|path is not absolute|not an absolute path`), "let the application write below a folder of its own, such as /var/log/app, and name the file by its absolute path"},
	{regexp.MustCompile(`is not USER:PASSWORD`), "write it as Elastic Cloud shows it: elastic:PASSWORD"},
	{regexp.MustCompile(`kubelet's|kubelet of|no kubelet answered`), "`kubectl nodehealth NODE` says why its kubelet does not answer; `kubectl auth can-i get nodes/proxy` tells about rights"},
	{regexp.MustCompile(`runtime did not answer|^ctr: |socket broke off|no gRPC status|no whole message`), "look at the runtime: `kubectl nodehealth shell NODE -- systemctl status containerd`"},
	{regexp.MustCompile(`both the address|both have the address`), "give each node an address of its own"},
	{regexp.MustCompile(`the server answers %`), "open the address in a browser: it has to give the manifest's text itself"},
}
