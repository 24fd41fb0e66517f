package inject

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/manifest"
)

// BenchmarkFile injects into a file of 1,000 Deployments: Read, plan, splice and
// proof, as the command does.
func BenchmarkFile(b *testing.B) {
	var s strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&s, benchDeployment, i)
	}
	text := s.String()
	o := Defaults()
	o.Logs = []LogFile{{Path: "/var/log/web/web.log"}}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := manifest.Read("all.yaml", text)
		if err != nil {
			b.Fatal(err)
		}
		out, err := File(f, o)
		if err != nil {
			b.Fatal(err)
		}
		if n := strings.Count(out.Text(), "name: web-log-web"); n != 1000 {
			b.Fatalf("%d of 1000 documents were injected", n)
		}
	}
}

const benchDeployment = `# deployment %[1]d
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-%[1]d
  labels: {app.kubernetes.io/name: web}
spec:
  replicas: 3
  selector:
    matchLabels:
      app: web-%[1]d
  template:
    metadata:
      labels:
        app: web-%[1]d
    spec:
      # the application
      containers:
        - name: web
          image: "registry.example.com/shop/web:1.%[1]d"
          args: ["--listen=:8080", "--log=/var/log/web/web.log"]
          ports:
            - name: http
              containerPort: 8080
          env:
            - name: LOG_LEVEL
              value: info # not debug
            - name: POD_NAME
              valueFrom:
                fieldRef:
                  fieldPath: metadata.name
          resources:
            requests:
              cpu: 100m
              memory: 128Mi
          volumeMounts:
            - name: data
              mountPath: /data
      volumes:
        - name: data
          emptyDir: {}
---
`
