// Package pattern describes the ways in which logs get out of a pod: what each
// is, what it costs, and what is lost with the container, the pod and the node.
package pattern

// Pattern is a way.
type Pattern struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// How says what happens to a line.
	How string `json:"how"`
	// Commands set it up.
	Commands []string `json:"commands"`
	// Costs are what it takes, Lost what a failure destroys.
	Costs []string `json:"costs"`
	Lost  []Loss   `json:"lost"`
	// Choose says when it is right.
	Choose string `json:"choose"`
	// KubectlLogs says whether kubectl logs shows the lines.
	KubectlLogs string `json:"kubectlLogs"`
}

// Loss is what one kind of failure destroys.
type Loss struct {
	When string `json:"when"`
	What string `json:"what"`
}

// All are the patterns, the one to prefer first.
var All = []Pattern{
	{
		Name: "node", Title: "stdout and an agent on every node",
		How:         "The application writes to stdout and stderr. The runtime writes CRI files under /var/log/pods, the kubelet rotates them, a DaemonSet ships them.",
		Commands:    []string{"kubectl logarch agent otel --destination otlp --endpoint URL"},
		KubectlLogs: "yes: the newest file of each container, 10 Mi unless the kubelet says otherwise",
		Costs:       []string{"one agent a node, nothing a pod", "the agent needs hostPath volumes: a namespace of pod security level privileged", "lines are cut at 16 KiB and joined again by the agent"},
		Lost: []Loss{
			{"container restart", "nothing that the agent has read; the kubelet keeps the last dead container's file"},
			{"pod deleted", "what the agent had not read: the kubelet removes the files with the pod"},
			{"eviction", "the same; and the container logs count toward the pod's ephemeral storage"},
			{"node lost", "what had not left the node"},
			{"burst", "files rotated away before the agent comes: containerLogMaxSize x containerLogMaxFiles is the buffer"},
		},
		Choose: "always, where the application can write to stdout",
	},
	{
		Name: "streaming", Title: "a streaming sidecar for each file",
		How:         "The application writes files to a volume. A tailer for each file copies it to its own stdout; from there on it is the node pattern, one stream a format.",
		Commands:    []string{"kubectl logarch inject -f FILE --log PATH", "kubectl logarch inject -f FILE --log PATH --rotate"},
		KubectlLogs: "yes: kubectl logs POD -c SIDECAR",
		Costs:       []string{"10m CPU and 32 Mi memory a file, requested", "every line is on the node's disk twice, in the volume and in the sidecar's container log; both count toward ephemeral storage", "the file in the volume grows until something rotates it (inject --rotate)"},
		Lost: []Loss{
			{"application restart", "nothing: the emptyDir lives as long as the pod"},
			{"sidecar restart", "nothing; it reads the file again from the start, so lines come twice, unless --resume keeps its position"},
			{"pod deleted", "nothing with a native sidecar: it stops after the application and drains first. A plain one goes on until the log was quiet for 5 s"},
			{"eviction, node lost", "the volume; what had been copied has the fate of container logs"},
			{"rotation", "nothing by rename or copytruncate, twice within a poll too; a file that is compressed at once is not read"},
		},
		Choose: "where the application can only write files, or several formats must not mix",
	},
	{
		Name: "agent", Title: "a sidecar with an agent",
		How:         "The application writes files to a volume. An agent in the same pod ships them, with a configuration of its own.",
		Commands:    []string{"kubectl logarch inject -f FILE --log PATH --mode agent --agent fluent-bit --destination loki --endpoint URL"},
		KubectlLogs: "no, unless the agent's destination is stdout",
		Costs:       []string{"64 to 256 Mi memory a pod: the dearest pattern", "one ConfigMap a workload", "every pod holds a connection to the destination"},
		Lost: []Loss{
			{"application restart", "nothing"},
			{"agent restart", "nothing: positions and waiting output are in an emptyDir"},
			{"pod deleted", "what the destination had not taken within the grace period"},
			{"eviction, node lost", "the volume with what had not been sent"},
		},
		Choose: "where one application needs parsing or a destination of its own",
	},
	{
		Name: "rotate", Title: "a sidecar that rotates",
		How:         "A sidecar copies and empties files that have grown too large.",
		Commands:    []string{"kubectl logarch inject -f FILE --log PATH --mode rotate --max-size 10Mi --keep 5"},
		KubectlLogs: "no: it ships nothing; --rotate adds it to the tailers",
		Costs:       []string{"10m CPU and 32 Mi memory", "(keep + 1) x max-size of the volume, and a short while more"},
		Lost: []Loss{
			{"rotation", "lines written in the microseconds between the last look at the copy and the truncation"},
			{"time", "what is older than the last copy kept"},
		},
		Choose: "where the application cannot rotate; stdout is better, the kubelet rotates it",
	},
	{
		Name: "direct", Title: "the application pushes",
		How:         "The application sends its records to the backend itself, by OTLP or a library of the backend.",
		Commands:    []string{"kubectl logarch direct --language java --endpoint URL"},
		KubectlLogs: "no, unless it writes to stdout as well",
		Costs:       []string{"a library, a queue and credentials in every application", "the destination's outages are the application's business", "Kubernetes has no part in it: what a crashing process had to say last is often lost"},
		Lost: []Loss{
			{"crash", "the queue in memory, the last records first: those that tell why"},
			{"destination down", "what the queue cannot hold; or the application blocks"},
			{"pod deleted", "what is not flushed within the grace period"},
			{"before start-up", "what goes wrong before the library is set up"},
		},
		Choose: "for traces and metrics with the logs in one protocol; keep stdout for the crash",
	},
}

// Measured is what tailers of other kinds lost in tests, against ours.
var Measured = [][]string{
	{"", "busybox tail -F", "GNU tail -F", "tailer of inject"},
	{"SIGTERM as PID 1", "ignored", "ignored", "drains, ends"},
	{"SIGTERM right after a line", "line lost", "line lost", "delivered"},
	{"writer keeps old file 2 s", "ok", "2 of 4 lost", "ok"},
	{"two rotations in a second", "1 of 3 lost", "ok", "ok"},
	{"copytruncate, outgrown", "140 of 2000 lost", "ok", "ok"},
	{"missing file or directory", "-F waits, -f ends", "-F waits, -f ends", "waits"},
}
