package main

import "regexp"

// advice is what a user does next after a message that matches.
type advice struct {
	match *regexp.Regexp
	next  string
}

// selfSaid messages name what to write, to give or to leave out.
var selfSaid = regexp.MustCompile(`not one of|such as|not .* but |; (give|use|write|make|move|put|leave|remove|run|choose|unpack|convert|pipe|record|list|work|a folder|it has|certgen |clients |kube-apiserver|name )|: (give|use|write|name|leave|make|put|show|list|ask) |, (give|use|say|try|ping)|\(try |needs? |need |is needed|--[a-z]|at least|at most|between|did you mean|is meant\?|go together|exclude each other|only one of|one of the two|one of them|in one way|both come|both cannot|can(not)? share|more than once|without the right|is missing|expected|whole label|in lower case|xn--|one by one|another name|instead|in front|'[a-z]+( [a-z]+)*'|kubectl get|give NAME|give the|less than|above 0|must |may hold|may have|are allowed|longer than|more than|larger than|letters|is for the list|is a fault|one Kubernetes|read once only|not to be`)

// advices are for the messages that do not say it themselves. The first that
// matches counts.
var advices = []advice{
	{regexp.MustCompile(`socket answered|is compressed, which`), "that socket is not a container runtime's: `crictl info` on the node names the right one"},
	{regexp.MustCompile(`port-forward|not tried|hostNetwork|no TLS`), "this way to the server is closed; ask it by its address, from where that can be dialled"},
	{regexp.MustCompile(`system-stats|without a monitor configuration|bufferSize`), "name the file of a system-log monitor, such as kernel-monitor.json"},
	{regexp.MustCompile(`without data.ClusterConfiguration`), "`kubectl -n kube-system get configmap kubeadm-config -o yaml` gives the right one"},
	{regexp.MustCompile(`container's own output`), "nothing is to be injected: `kubectl logs`"},
	{regexp.MustCompile(`has these labels`), "`kubectl get nodes --show-labels` shows the labels there are"},
	{regexp.MustCompile(`(?:not (?:DOMAIN/PATH|HOST:PORT|plain ASCII|DNS, IP|rsa, ec)|hyphen|multicast|to be filled in|before it starts|one, or two|comes after --|speaks https|holds the authorities|takes 1 MiB|; .s can|not both|a level is 0)`), "correct the value: the message says what is taken"},
	{regexp.MustCompile(`no log rules to test|no workloads|in this directory|where something else belongs|without a name|no objects`), "name another file or folder: this one does not hold what the command reads"},
	{regexp.MustCompile(`no such (file|program|%s)|there is none|there is no such|no such node|is not here|not found|there is no service`), "look at the spelling, and list what there is"},
	{regexp.MustCompile(`(?i)kubeconfig|no cluster|connect to the cluster|cluster: %w|current context`), "look at `kubectl config current-context` and `kubectl cluster-info`"},
	{regexp.MustCompile(`does not answer|did not answer|no answer|stalled|handshake|no kubelet answered|cannot be read: %w|status %d|answers %s`), "look at the network and the server named; `-v 6` shows the requests"},
	{regexp.MustCompile(`refuses|may not approve|approve %s|create a|exec in|send the request|list (nodes|%s)|get %s|advise: %w|wait for|read %s: %w|read /metrics|discovery|--live: %w|dry-run=server`), "the API server's own words follow; `kubectl auth can-i` tells about rights"},
	{regexp.MustCompile(`truncated|cut off|damaged|garbled|broken PEM|broke off|empty|blank|nothing (that can|to read)|no (complete|PEM|logs|line|audit event|tests|certificate|policy|names|docker)|holds no|holds only|is not (JSON|YAML|text)|not (JSON|YAML|base64|a Kubernetes object|an audit log|a kubeconfig|a journal|a cfssl)|looks like|neither |malformed|binary|gzip|decompress|none of:|no Kubernetes object|has no (number|length)|wrong length|claims|is not what was expected|does not parse|UTF-8|control character|field %q|has no|cannot be read|is not a list|line %d|not of the form|not what`), "get the input again, whole, or name the right file"},
	{regexp.MustCompile(`key|passphrase|certificate|CA|signature|serial|issuer|rotation|request`), "`kubectl certgen inspect` and `verify` on the files show what they hold and what belongs together"},
	{regexp.MustCompile(`is there already|exists|is there with|lies outside|symbolic link|outside the folder|is a file|is not a file|a place inside|another kubectl certgen|twice|is to be replaced|two files`), "choose another place or name, or move the old one away"},
	{regexp.MustCompile(`debug (pod|Job)|Job|job `), "`kubectl describe pod` of the debug pod; `--debug-namespace` chooses another namespace, `--image` another image"},
	{regexp.MustCompile(`nested|alias|expand`), "simplify the document"},
	{regexp.MustCompile(`stopped|interrupted`), "run it again; nothing is half-written"},
	{regexp.MustCompile(`not one|does not compile|does not match|neither|not a |not an |is no |is not|no value|no time|unknown|claims|has a|cannot|in the line|what is in|pods or nodes|not known`), "correct the value; the command's `--help` shows the form"},
	{regexp.MustCompile(`result|document|injection|would not give|fixes would|would have broken`), "nothing was written; report it with the input"},
	{regexp.MustCompile(`%w|%s$|%s: %s|%s \(`), "the cause that follows says it"},
}
