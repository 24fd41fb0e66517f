package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// File is one file of a bundle.
type File struct {
	Name string
	Data string
}

// lastApplied is the annotation that repeats a whole object, whatever it holds.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Snapshot is the file that --from reads: the facts of the snapshot, redacted.
// It is called nodes.json because that is the name under which every capture
// holds its nodes.
func Snapshot(s *snapshot.Snapshot, r *Redactor) (File, error) {
	for _, n := range s.Nodes {
		if n.Object != nil {
			delete(n.Object.Annotations, lastApplied)
		}
	}
	b, err := json.Marshal(s)
	if err != nil {
		return File{}, err
	}
	// Each string is redacted by itself: a pattern that ran over the whole text
	// could eat a quote and leave no JSON.
	var v any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // a float would round what is larger than 2^53
	if err := d.Decode(&v); err != nil {
		return File{}, err
	}
	b, err = json.MarshalIndent(each(v, r), "", " ")
	if err != nil {
		return File{}, err
	}
	return File{Name: "nodes.json", Data: string(b) + "\n"}, nil
}

// each redacts every string value. Names of objects and numbers stay.
func each(v any, r *Redactor) any {
	switch v := v.(type) {
	case string:
		return r.Text(v)
	case []any:
		for i := range v {
			v[i] = each(v[i], r)
		}
	case map[string]any:
		// An entry of a list of names and values, as environments are written.
		name, _ := v["name"].(string)
		for k := range v {
			text, isText := v[k].(string)
			switch {
			case isText && k == "value":
				v[k] = r.Field(name, text)
			case isText:
				v[k] = r.Field(k, text)
			case secretName.MatchString(k):
				v[k] = named(k, v[k], r)
			default:
				v[k] = each(v[k], r)
			}
		}
	}
	return v
}

// named redacts what a field with the name of a secret holds.
func named(name string, v any, r *Redactor) any {
	switch v := v.(type) {
	case map[string]any:
		return map[string]any{}
	case []any:
		for i := range v {
			if text, isText := v[i].(string); isText {
				v[i] = r.Field(name, text)
			} else {
				v[i] = each(v[i], r)
			}
		}
	}
	return v
}

// Create writes an archive to a file that must not exist yet. It is there whole
// or not at all: what is interrupted leaves nothing of this name.
func Create(name, folder string, at time.Time, files []File) (err error) {
	if _, err := os.Lstat(name); err == nil {
		return fs.ErrExist
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".bundle-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(Write(f, folder, at, files), f.Close()); err != nil {
		return err
	}
	// A link does not replace what is there meanwhile; where the filesystem has
	// none, rename.
	if err = os.Link(f.Name(), name); err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Rename(f.Name(), name)
}

// Write writes a tar.gz with all files below one folder.
func Write(w io.Writer, folder string, at time.Time, files []File) error {
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{Name: path.Join(folder, f.Name), Mode: 0o600, Size: int64(len(f.Data)), ModTime: at.UTC().Truncate(time.Second), Format: tar.FormatPAX}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.WriteString(t, f.Data); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

// Readme explains the bundle to whoever gets it.
func Readme(node string, at time.Time, files []File, addresses bool) File {
	var b strings.Builder
	b.WriteString("Node " + node + ", as of " + at.UTC().Format(time.RFC3339) + ".\n\n")
	b.WriteString("Read it with: kubectl nodehealth --from THIS-ARCHIVE " + node + "\n\n")
	b.WriteString("Taken out: tokens, credentials, private keys, passwords in log lines; Secrets and\nenvironment variables were never collected.")
	if addresses {
		b.WriteString(" Addresses are replaced by ip-N.")
	}
	b.WriteString("\n\n")
	for _, f := range files {
		b.WriteString(f.Name + "\n")
	}
	return File{Name: "README.txt", Data: b.String()}
}
