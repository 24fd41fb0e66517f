package cmd

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/widetext"
)

// readInput is a file, or stdin for "-", as UTF-8 where it is UTF-16.
func readInput(env *cli.Env, file string) ([]byte, error) {
	data, err := readAsIs(env, file)
	if err == nil && len(bytes.TrimSpace(data)) == 0 {
		if file == "-" {
			file = "stdin"
		}
		err = cli.Usagef("%s: the file is empty", file)
	}
	return widetext.Decode(data), err
}

// readFile is readInput for what cannot be stdin.
func readFile(file string) ([]byte, error) {
	data, err := readBytes(file)
	return widetext.Decode(data), err
}

// readAsIs is readInput for what other programs have to read as it stands.
func readAsIs(env *cli.Env, file string) ([]byte, error) {
	if file == "-" {
		return readLimited("stdin", env.In)
	}
	return readBytes(file)
}

// readBytes reads a file as people write or tools make them: a larger one has
// been named by mistake, and a device has no end.
func readBytes(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, cli.Usagef("%s: %w", name, cause(err))
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return nil, cli.Usagef("%s: %w", name, syscall.EISDIR) // Windows says "Incorrect function."
	}
	return readLimited(name, f)
}

func readLimited(name string, from io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, input.MaxBytes+1))
	if err != nil {
		return nil, cli.Usagef("%s: %w", name, cause(err))
	}
	if len(data) > input.MaxBytes {
		return nil, cli.Usagef("%s: more than %d MB, which no such file has", name, input.MaxBytes>>20)
	}
	return data, nil
}

// cause is the reason of a file error without the path, which the message
// names already.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// replaceFile writes a file by rename, and keeps its mode and, where this
// process may, its owner.
func replaceFile(name string, data []byte) error {
	st, err := os.Stat(name)
	if err != nil {
		return err
	}
	if link, err := filepath.EvalSymlinks(name); err == nil {
		name = link
	}
	return writeByRename(name, data, st.Mode().Perm(), st)
}

// writeByRename writes a file so that nobody sees half of it. old is the file
// that it replaces and whose owner it gets, nil for none.
func writeByRename(path string, data []byte, mode fs.FileMode, old fs.FileInfo) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".certgen-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if old != nil {
		store.KeepOwner(old, tmp.Name())
	}
	if err == nil {
		err = tmp.Chmod(mode)
	}
	if e := tmp.Sync(); err == nil {
		err = e
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
