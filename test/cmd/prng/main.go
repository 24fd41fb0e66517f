// Command prng writes the bcryptprimitives.dll that wine 8 lacks to run programs
// that Go has built.
package main

import (
	"fmt"
	"os"

	"github.com/clusterwright/kubectl-plugins/test/wine"
)

func main() {
	if _, err := os.Stdout.Write(wine.RandomLibrary()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
