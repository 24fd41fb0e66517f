// Package startup keeps the garbage collector out of a program's first
// milliseconds. The Kubernetes types register themselves before main runs and
// fill the 4 MB at which Go collects for the first time; a help text, or the
// lint of a small file, is printed before that collection could end, so it is
// work for nothing: a quarter of the processor's time of `kubectl auditpolicy
// --help`.
//
// It works by being imported. Go initializes packages in the order of their
// import paths as far as their own imports allow, which puts this one before
// k8s.io.
package startup

import (
	"os"
	"runtime"
	"runtime/debug"
)

// percent is Go's GOGC until the first collection, which then comes at 16 MB
// instead of 4.
const percent = 400

func init() {
	if os.Getenv("GOGC") != "" {
		return // somebody has chosen
	}
	usual := debug.SetGCPercent(percent)
	// What nobody refers to is finalized by the first collection: from then on
	// memory is bounded as ever, unless a command has set a measure of its own.
	runtime.SetFinalizer(new([16]byte), func(*[16]byte) {
		if now := debug.SetGCPercent(usual); now != percent {
			debug.SetGCPercent(now)
		}
	})
}
