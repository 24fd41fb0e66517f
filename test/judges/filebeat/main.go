// Command filebeat is Filebeat with the inputs, outputs and processors that the
// configurations of kubectl logarch name: the judge of the files that the plugin
// writes. Its version is the newest that is published as a Go module; the images
// that the plugin names are newer.
package main

import (
	"os"

	"github.com/elastic/beats/v7/filebeat/beater"
	"github.com/elastic/beats/v7/filebeat/cmd"
	"github.com/elastic/beats/v7/filebeat/input/filestream"
	v2 "github.com/elastic/beats/v7/filebeat/input/v2"
	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/logp"
)

func main() {
	inputs := func(_ beat.Info, log *logp.Logger, store beater.StateStore) []v2.Plugin {
		return []v2.Plugin{filestream.Plugin(log, store)}
	}
	if err := cmd.Filebeat(inputs, cmd.FilebeatSettings()).Execute(); err != nil {
		os.Exit(1)
	}
}
