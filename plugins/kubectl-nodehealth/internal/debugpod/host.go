package debugpod

import (
	"bytes"
	"context"
	"fmt"
	"strings"
)

// Host is what a node's host has for talking to its runtime.
type Host struct {
	// Crictl is the command that is crictl there: a path, or k3s and crictl;
	// nil where there is none.
	Crictl []string
	// Config is the crictl configuration to use where it is not /etc/crictl.yaml.
	Config string
	// Endpoint is the runtime's endpoint by /etc/crictl.yaml, Sockets the known
	// ones that exist.
	Endpoint string
	Sockets  []string
	// Bridges are the programs that can connect their stdin and stdout to a
	// socket, best first; Ctr is containerd's client.
	Bridges []string
	Ctr     string
}

// hostScript looks at the host's files from the debug pod's own shell: some
// hosts have none.
const hostScript = `cd /host || exit 1
find() { for d in usr/local/bin usr/bin bin usr/local/sbin usr/sbin sbin opt/bin var/lib/rancher/rke2/bin var/lib/rancher/rke2/data/*/bin home/kubernetes/bin snap/bin usr/libexec; do
  for f in $d/$1; do if [ -x "$f" ] && [ ! -d "$f" ] || [ -L "$f" ]; then echo "/$f"; return 0; fi; done
done; return 1; }
p=$(find crictl) && echo "crictl $p"
p=$(find k3s) && echo "k3s $p"
[ -f var/lib/rancher/rke2/agent/etc/crictl.yaml ] && [ ! -f etc/crictl.yaml ] && echo "config /var/lib/rancher/rke2/agent/etc/crictl.yaml"
sed -n 's/^runtime-endpoint: *["'"'"']*\([^"'"'"' ]*\).*/endpoint \1/p' etc/crictl.yaml var/lib/rancher/rke2/agent/etc/crictl.yaml 2>/dev/null
for s in run/containerd/containerd.sock run/crio/crio.sock run/cri-dockerd.sock run/k3s/containerd/containerd.sock run/k0s/containerd.sock var/snap/microk8s/common/run/containerd.sock; do [ -S $s ] && echo "socket /$s"; done
for b in socat ncat nc nc.openbsd python3 platform-python perl; do p=$(find $b) && echo "bridge $p"; done
p=$(find ctr) && echo "ctr $p"
exit 0`

// Look asks what the host has.
func (p *Pod) Look(ctx context.Context) (*Host, error) {
	out, err := p.Output(ctx, []string{"sh", "-c", hostScript})
	if err != nil {
		return nil, fmt.Errorf("look at the host's programs: %w", err)
	}
	return parseHost(string(out)), nil
}

func parseHost(out string) *Host {
	h := &Host{}
	for line := range strings.Lines(out) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch k {
		case "crictl":
			h.Crictl = []string{v}
		case "k3s":
			if h.Crictl == nil {
				h.Crictl = []string{v, "crictl"}
			}
		case "config":
			h.Config = v
		case "endpoint":
			if h.Endpoint == "" {
				h.Endpoint = v
			}
		case "socket":
			h.Sockets = append(h.Sockets, v)
		case "bridge":
			h.Bridges = append(h.Bridges, v)
		case "ctr":
			h.Ctr = v
		}
	}
	return h
}

// Output runs a program and returns what it wrote to stdout; an exit status
// other than 0 is an error that says what it wrote to stderr.
func (p *Pod) Output(ctx context.Context, argv []string) ([]byte, error) {
	var out, complaint bytes.Buffer
	code, err := p.Exec(ctx, argv, Streams{Out: &out, Err: &complaint})
	if err != nil {
		// A connection that was broken off may still be writing.
		return nil, err
	}
	if code != 0 {
		err = fmt.Errorf("exit status %d: %s", code, oneLine(complaint.String()))
	}
	return out.Bytes(), err
}

// Socket is the path of the runtime's socket: the kubelet's endpoint, else that
// of crictl's configuration, else a known one that exists; "" for none.
func (h *Host) Socket(kubelet string) string {
	for _, e := range []string{kubelet, h.Endpoint} {
		if e != "" {
			return strings.TrimPrefix(e, "unix://")
		}
	}
	if len(h.Sockets) > 0 {
		return h.Sockets[0]
	}
	return ""
}

// RunCrictl is the host's crictl with arguments. The endpoint is the kubelet's;
// where that is not known crictl's own configuration decides, and without one a
// known socket that exists.
func (h *Host) RunCrictl(kubelet string, args []string) []string {
	argv := []string{"chroot", "/host", "/usr/bin/env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	switch {
	case kubelet != "":
		argv = append(argv, "CONTAINER_RUNTIME_ENDPOINT="+kubelet)
	case h.Endpoint == "" && len(h.Sockets) > 0:
		argv = append(argv, "CONTAINER_RUNTIME_ENDPOINT=unix://"+h.Sockets[0])
	}
	if h.Config != "" {
		argv = append(argv, "CRI_CONFIG_FILE="+h.Config)
	}
	return append(append(argv, h.Crictl...), args...)
}

// Bridge is the program on the host that joins its stdin and stdout to a unix
// socket.
func Bridge(program, socket string) []string {
	argv := []string{"chroot", "/host", program}
	switch name := program[strings.LastIndexByte(program, '/')+1:]; name {
	case "socat":
		return append(argv, "-", "UNIX-CONNECT:"+socket)
	case "ncat", "nc", "nc.openbsd":
		return append(argv, "-U", socket)
	case "perl":
		return append(argv, "-e", perlBridge, socket)
	default:
		return append(argv, "-c", pythonBridge, socket)
	}
}

const pythonBridge = `import os, socket, sys, threading
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
def up():
    while True:
        b = os.read(0, 65536)
        if not b:
            break
        s.sendall(b)
    s.shutdown(socket.SHUT_WR)
t = threading.Thread(target=up)
t.daemon = True
t.start()
while True:
    b = s.recv(65536)
    if not b:
        break
    while b:
        b = b[os.write(1, b):]
`

const perlBridge = `use Socket;
my $s;
socket($s, AF_UNIX, SOCK_STREAM, 0) && connect($s, pack_sockaddr_un($ARGV[0])) or die "$ARGV[0]: $!\n";
sub copy { my ($from, $to) = @_; while (sysread($from, my $b, 65536)) { my $o = 0; while ($o < length $b) { $o += syswrite($to, $b, length($b) - $o, $o) || exit 1 } } }
my $up = fork;
if (!$up) { copy(\*STDIN, $s); shutdown($s, 1); exit 0 }
copy($s, \*STDOUT);
kill "TERM", $up;
`
