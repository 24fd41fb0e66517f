// Package dockermap translates docker command lines to crictl, and says what
// has no counterpart and what to use instead. The pairs are those of the
// Kubernetes reference "Mapping from dockercli to crictl"; the flags are those
// of crictl's own help (cri-tools 1.3x).
package dockermap

// command is what crictl has for a docker command.
type command struct {
	docker string
	// crictl is the crictl command, "" where there is none.
	crictl string
	// what it does, as crictl sees it.
	what string
	// flags maps docker's flags to crictl's; "" is a flag that crictl does not
	// need, and one that is missing here has no counterpart.
	flags map[string]string
	// values are the flags of docker that take a value.
	values []string
	// lacks are docker's flags and columns that crictl has not, as the reference
	// names them.
	lacks []string
	// note is what behaves differently.
	note string
	// instead is what to use where crictl is "".
	instead string
}

var commands = []command{
	{docker: "attach", lacks: []string{"--detach-keys", "--sig-proxy"}, crictl: "attach", what: "attach to a running container",
		flags: map[string]string{"--no-stdin": ""}, values: []string{"--detach-keys", "--sig-proxy"},
		note: "stdin is attached only with -i, a terminal only with -t"},
	{docker: "create", crictl: "create", what: "create a container",
		values: []string{"--name", "-e", "--env", "-v", "--volume", "-p", "--publish", "--network"},
		note:   "crictl create POD-ID container.json pod.json: a container lives in a pod sandbox (crictl runp pod.json) and is described by a file"},
	{docker: "events", crictl: "events", what: "stream the events of containers", flags: map[string]string{}, values: []string{"-f", "--filter", "--since", "--until", "--format"}},
	{docker: "exec", lacks: []string{"--privileged", "--user", "--detach-keys"}, crictl: "exec", what: "run a command in a running container",
		flags:  map[string]string{"-i": "-i", "--interactive": "-i", "-t": "-t", "--tty": "-t"},
		values: []string{"-e", "--env", "-u", "--user", "-w", "--workdir", "--detach-keys", "--env-file"}},
	{docker: "images", crictl: "images", what: "list images",
		flags:  map[string]string{"-q": "-q", "--quiet": "-q", "--digests": "--digests", "--no-trunc": "--no-trunc", "-a": "", "--all": ""},
		values: []string{"-f", "--filter", "--format"}},
	{docker: "info", crictl: "info", what: "show the runtime's state and configuration", values: []string{"-f", "--format"}},
	{docker: "inspect", crictl: "inspect", what: "show a container",
		values: []string{"-f", "--format", "--type"},
		note:   "for an image it is crictl inspecti, for a pod sandbox crictl inspectp"},
	{docker: "kill", lacks: []string{"--signal"}, crictl: "stop", what: "stop a container at once", values: []string{"-s", "--signal"},
		note: "crictl stop --timeout 0; other signals than KILL cannot be sent"},
	{docker: "logs", lacks: []string{"--details"}, crictl: "logs", what: "show a container's log",
		flags:  map[string]string{"-f": "-f", "--follow": "-f", "-n": "--tail", "--tail": "--tail", "--since": "--since", "-t": "--timestamps", "--timestamps": "--timestamps"},
		values: []string{"--since", "--until", "-n", "--tail"}},
	{docker: "ps", crictl: "ps", what: "list containers",
		flags: map[string]string{"-a": "-a", "--all": "-a", "-q": "-q", "--quiet": "-q", "-l": "-l", "--latest": "-l",
			"-n": "--last", "--last": "--last", "--no-trunc": "--no-trunc", "-f": "filter", "--filter": "filter"},
		values: []string{"-n", "--last", "-f", "--filter", "--format"}},
	{docker: "pull", lacks: []string{"--all-tags", "--disable-content-trust"}, crictl: "pull", what: "pull an image",
		flags: map[string]string{"-q": "", "--quiet": ""}, values: []string{"--platform"},
		note: "crictl does not read docker's credentials: --creds USER:PASSWORD"},
	{docker: "rm", crictl: "rm", what: "remove containers", flags: map[string]string{"-f": "-f", "--force": "-f"},
		note: "the kubelet starts a container of a pod again; to stop a workload delete its pod with kubectl"},
	{docker: "rmi", crictl: "rmi", what: "remove images", flags: map[string]string{"-f": "", "--force": ""}},
	{docker: "run", crictl: "run", what: "run a container in a new pod sandbox",
		values: []string{"--name", "-e", "--env", "-v", "--volume", "-p", "--publish", "--network", "-u", "--user", "-w", "--workdir", "--entrypoint"},
		flags:  map[string]string{"-d": "", "--detach": "", "-i": "", "-t": "", "--rm": ""},
		note:   "crictl run container.json pod.json; the kubelet removes sandboxes it does not know, so use kubectl run for anything that is to stay"},
	{docker: "start", lacks: []string{"--detach-keys"}, crictl: "start", what: "start created containers", values: []string{"--detach-keys", "--checkpoint"}},
	{docker: "stats", lacks: []string{"columns NET I/O, BLOCK I/O and PIDS"}, crictl: "stats", what: "show the resource use of containers",
		flags: map[string]string{"-a": "-a", "--all": "-a", "--no-stream": ""}, values: []string{"--format"},
		note: "one picture unless -w is given"},
	{docker: "stop", crictl: "stop", what: "stop containers",
		flags: map[string]string{"-t": "--timeout", "--time": "--timeout", "--timeout": "--timeout"}, values: []string{"-t", "--time", "--timeout", "-s", "--signal"},
		note: "the kubelet starts a container of a pod again"},
	{docker: "update", lacks: []string{"--restart", "--blkio-weight", "--memory-swap", "--memory-reservation", "--kernel-memory", "--cpus", "--pids-limit"}, crictl: "update", what: "change a container's resource limits",
		flags: map[string]string{"--cpu-period": "--cpu-period", "--cpu-quota": "--cpu-quota", "-c": "--cpu-share", "--cpu-shares": "--cpu-share",
			"--cpuset-cpus": "--cpuset-cpus", "--cpuset-mems": "--cpuset-mems", "-m": "--memory", "--memory": "--memory"},
		values: []string{"--cpu-period", "--cpu-quota", "-c", "--cpu-shares", "--cpuset-cpus", "--cpuset-mems", "-m", "--memory", "--restart", "--blkio-weight", "--memory-swap", "--memory-reservation", "--cpus", "--pids-limit"},
		note:   "the kubelet does not know of it; resize the pod with kubectl instead"},
	{docker: "version", crictl: "version", what: "show the versions of crictl and the runtime", values: []string{"-f", "--format"}},

	{docker: "build", instead: "buildah, kaniko, BuildKit or nerdctl build; a runtime for Kubernetes does not build"},
	{docker: "commit", instead: "build an image from a file; nerdctl -n k8s.io commit on the node for a rescue"},
	{docker: "cp", instead: "kubectl cp, or the container's root under /proc/PID/root on the node (crictl inspect shows the PID)"},
	{docker: "diff", instead: "nerdctl -n k8s.io diff on a node with containerd"},
	{docker: "export", instead: "tar of /proc/PID/root on the node"},
	{docker: "history", instead: "crictl inspecti IMAGE shows the configuration; a registry client such as crane shows the history"},
	{docker: "import", instead: "ctr -n k8s.io images import FILE on a node with containerd"},
	{docker: "load", instead: "ctr -n k8s.io images import FILE on a node with containerd; podman load on one with CRI-O"},
	{docker: "login", instead: "a pull secret (kubectl create secret docker-registry), or crictl pull --creds"},
	{docker: "logout", instead: "nothing to log out of: crictl keeps no credentials"},
	{docker: "network", instead: "the network plugin's own tools; the sandbox's addresses are in crictl inspectp POD-ID"},
	{docker: "pause", instead: "nothing in the CRI; ctr -n k8s.io tasks pause ID on a node with containerd"},
	{docker: "port", instead: "crictl inspectp POD-ID (port mappings), kubectl get service"},
	{docker: "push", instead: "ctr -n k8s.io images push, nerdctl or crane"},
	{docker: "rename", instead: "nothing: names come from the pod"},
	{docker: "restart", instead: "crictl stop ID: the kubelet starts it again"},
	{docker: "save", instead: "ctr -n k8s.io images export FILE IMAGE on a node with containerd; podman save on one with CRI-O"},
	{docker: "search", instead: "the registry's own search"},
	{docker: "system", instead: "crictl imagefsinfo for the disk use, crictl rmi --prune for unused images"},
	{docker: "tag", instead: "ctr -n k8s.io images tag OLD NEW on a node with containerd"},
	{docker: "top", instead: "crictl inspect ID shows the PID; ps --ppid PID on the node, or crictl exec ID ps where the image has it"},
	{docker: "unpause", instead: "nothing in the CRI; ctr -n k8s.io tasks resume ID on a node with containerd"},
	{docker: "volume", instead: "PersistentVolumes: kubectl get pv,pvc; the mounts of a container are in crictl inspect ID"},
	{docker: "wait", instead: "kubectl wait, or the state in crictl inspect ID"},
	{docker: "compose", instead: "manifests and kubectl apply (kompose converts them)"},
	{docker: "swarm", instead: "the cluster you have"},
}

// Only are the commands that crictl has and docker has not: pods and the
// image file system.
var Only = [][2]string{
	{"crictl pods", "list pod sandboxes (--name, --label, --namespace, --state)"},
	{"crictl runp pod.json", "run a pod sandbox"},
	{"crictl stopp POD-ID", "stop a pod sandbox"},
	{"crictl rmp POD-ID", "remove a pod sandbox"},
	{"crictl inspectp POD-ID", "show a pod sandbox: addresses, namespaces, PID"},
	{"crictl inspecti IMAGE", "show an image"},
	{"crictl port-forward POD-ID LOCAL:REMOTE", "forward local ports to a pod sandbox"},
	{"crictl imagefsinfo", "show what the images use on disk"},
	{"crictl statsp", "show the resource use of pods"},
	{"crictl metricsp", "list pod metrics"},
	{"crictl metricdescs", "list the descriptions of pod metrics"},
	{"crictl runtime-config", "show the cgroup driver"},
	{"crictl update-runtime-config", "change the runtime's configuration"},
	{"crictl checkpoint ID", "checkpoint a container"},
}

// aliases are docker's management forms and short names.
var aliases = map[string]string{
	"container attach": "attach", "container create": "create", "container exec": "exec", "container inspect": "inspect",
	"container kill": "kill", "container logs": "logs", "container ls": "ps", "container list": "ps", "container ps": "ps",
	"container rm": "rm", "container run": "run", "container start": "start", "container stats": "stats", "container stop": "stop",
	"container top": "top", "container update": "update", "container cp": "cp", "container restart": "restart", "container wait": "wait",
	"container port": "port", "container pause": "pause", "container unpause": "unpause", "container rename": "rename",
	"container diff": "diff", "container commit": "commit", "container export": "export",
	"image ls": "images", "image list": "images", "image pull": "pull", "image rm": "rmi", "image build": "build", "image tag": "tag",
	"image push": "push", "image save": "save", "image load": "load", "image import": "import", "image history": "history",
	"system info": "info", "system events": "events",
}
