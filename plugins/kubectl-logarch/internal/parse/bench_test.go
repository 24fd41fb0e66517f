package parse

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/shared/logline"
)

// BenchmarkParseCRI is one worker: CRI lines of klog text to JSON lines.
func BenchmarkParseCRI(b *testing.B) {
	var data bytes.Buffer
	at := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	for i := range 2000 {
		at = at.Add(time.Millisecond)
		fmt.Fprintf(&data, "%s stderr F I%s       1 kubelet.go:%d] \"SyncLoop (PLEG): event for pod\" pod=\"kube-system/coredns-7d764666f9-%05d\" event={\"ID\":\"b5b4b3d1-9a1e-4c5b-8f6e-%012d\",\"Type\":\"ContainerStarted\",\"Data\":\"0f3c%08d\"}\n",
			at.Format("2006-01-02T15:04:05.000000000Z"), at.Format("0102 15:04:05.000000"), i, i, i, i)
	}
	out := make([]byte, 0, 4<<20)
	meta := MetaOf("/var/log/pods/kube-system_web-0_0123456789abcdef0123456789abcdef/app/0.log")
	meta.Prepare()
	p := logline.NewParser(meta, func(ev *logline.Event) { out = append(ev.AppendJSON(out), '\n') })
	b.SetBytes(int64(data.Len()))
	b.ReportAllocs()
	for b.Loop() {
		out = out[:0]
		p.Lines(data.Bytes(), 1)
		p.Flush()
	}
	_, _ = io.Discard.Write(out)
}
