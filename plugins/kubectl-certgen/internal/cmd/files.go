package cmd

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// readInput is a file, or stdin for "-".
func readInput(env *cli.Env, file string) ([]byte, error) {
	if file == "-" {
		return readLimited("stdin", env.In)
	}
	return readFile(file)
}

// readFile reads a file as people write or tools make them: a larger one has
// been named by mistake, and a device has no end.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, cli.Usagef("%s: %s", name, cause(err))
	}
	defer f.Close()
	return readLimited(name, f)
}

func readLimited(name string, from io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, input.MaxBytes+1))
	if err != nil {
		return nil, cli.Usagef("%s: %s", name, cause(err))
	}
	if len(data) > input.MaxBytes {
		return nil, cli.Usagef("%s: more than %d MB, which no such file has", name, input.MaxBytes>>20)
	}
	return data, nil
}

// cause is the reason of a file error without the path, which the message
// names already.
func cause(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}
