// Command metricsserver is the genuine metrics-server, built from its own
// module: what `kubectl nodehealth usage` says of the metrics pipeline is judged
// by it. An image of it runs in the test cluster.
package main

import (
	"os"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/cli"
	"sigs.k8s.io/metrics-server/cmd/metrics-server/app"
)

func main() {
	os.Exit(cli.Run(app.NewMetricsServerCommand(genericapiserver.SetupSignalHandler())))
}
