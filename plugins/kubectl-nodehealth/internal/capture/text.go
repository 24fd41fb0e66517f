package capture

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
	"github.com/clusterwright/kubectl-plugins/shared/widetext"
)

type form int

const (
	formUnknown form = iota
	formJSON
	formYAML
	formDescribe
	formDump
	formTable
	formError
	formLog
)

var ansi = lazyregexp.New("\x1b\\[[0-9;?]*[a-zA-Z]")

// decodeText makes plain lines of what an editor, a terminal or PowerShell
// saved: byte order marks, UTF-16, CRLF, colours.
func decodeText(data []byte) (string, error) {
	data = bytes.TrimPrefix(widetext.Decode(data), []byte("\ufeff"))
	head := data[:min(len(data), 8192)]
	if bytes.IndexByte(head, 0) >= 0 {
		return "", fmt.Errorf("binary data, not text")
	}
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	if bytes.IndexByte(data, 0x1b) >= 0 {
		data = ansi.ReplaceAll(data, nil)
	}
	if bytes.IndexByte(data, '\r') >= 0 {
		data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	}
	return string(data), nil
}

var (
	// logLines are klog's head, or the journal's: "Jan 07 23:21:12 node kubelet[7674]:".
	logLines     = lazyregexp.New(`(?m)^(?:[IWEF]\d{4} \d\d:\d\d:\d\d\.|[A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d \S+ [\w.-]+(?:\[\d+\])?: |\[ *\d+\.\d{6}\] |time="?\d{4}-)`)
	describeName = lazyregexp.New(`(?m)^[ \t>]*Name:[ \t]+\S+[ \t]*$`)
	describeBody = lazyregexp.New(`(?m)^[ \t>]*(Conditions|System Info|Unschedulable|Taints|Addresses|Capacity|Allocatable):`)
	getTable     = lazyregexp.New(`(?m)^(?:NAMESPACE +)?(?:NAME +STATUS +(?:ROLES +)?AGE|NAME +READY +STATUS +RESTARTS|LAST SEEN +TYPE +REASON)`)
	kubectlError = lazyregexp.New(`^(Error from server|error: |The connection to the server|Unable to connect)`)
	yamlKey      = lazyregexp.New(`(?m)^(- )?(apiVersion|kind|items|metadata|status|spec) *:|^ *(- )?(conditions|lastHeartbeatTime) *:`)
	jsonStart    = lazyregexp.New(`(?m)^(\{|\[\s*[\[{\]])`) // not [root@host ~]#
	jsonFirst    = lazyregexp.New(`^(\{|\[\s*[\[{\]"])`)
)

// dumpMark begins a line of kubectl cluster-info dump.
const dumpMark = "==== START logs for container "

// sniff says what a text is by what it holds: names of files lie.
func sniff(text string) form {
	t := strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(t, dumpMark), strings.Contains(t, "\n"+dumpMark):
		return formDump
	case jsonFirst.MatchString(t):
		return formJSON
	case yamlKey.MatchString(t):
		return formYAML
	case describeName.MatchString(t) && describeBody.MatchString(t), isFragment(t):
		return formDescribe
	case kubectlError.MatchString(t):
		return formError
	case getTable.MatchString(t):
		return formTable
	case logLines.MatchString(t):
		return formLog
	case jsonStart.MatchString(t):
		// kubectl's warnings may stand before the document (2>&1).
		return formJSON
	}
	return formUnknown
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if len(line) > 160 {
		line = line[:160] + "..."
	}
	return line
}
