package input

import (
	"bytes"
	"path"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

var (
	manifestLine = lazyregexp.New(`(?m)^[ \t]*kind:[ \t]*["']?CertificateSigningRequest["']?[ \t]*$`)
	yamlSplit    = lazyregexp.New(`(?m)^---`)
	yamlStart    = lazyregexp.New(`(?m)\A(\s*#.*\n|\s*\n)*(---|apiVersion:|kind:|- hosts:|- name:|name:|on:|version:|services:)`)
	yamlScalar   = lazyregexp.New(`^(\s*)(- +)*(?:"?([A-Za-z0-9_.\-/]+)"?:)?\s*([|>])[+\-0-9]*\s*(#.*)?$`)
	yamlValue    = lazyregexp.New(`^\s*(- +)*(?:[A-Za-z0-9_.\-]+:\s+)?(["']?)`)
)

// isYAML says whether a text is YAML: a ConfigMap, a playbook, a workflow.
func isYAML(base string, data []byte) bool {
	switch path.Ext(base) {
	case ".yaml", ".yml":
		return true
	}
	return yamlStart.Match(data) && (bytes.Contains(data, []byte("\napiVersion:")) || bytes.HasPrefix(data, []byte("apiVersion:")))
}

// parseYAML reads what stands in the block scalars of a YAML text, and the
// commands that are values.
func (f *File) parseYAML() {
	f.manifests()
	s := newScanner(f)
	line := func(i int) (int, int, string) {
		start, end := f.lines[i], len(f.Data)
		if i+1 < len(f.lines) {
			end = f.lines[i+1] - 1
		}
		return start, end, strings.TrimRight(string(f.Data[start:end]), "\r")
	}
	for i := 0; i < len(f.lines); i++ {
		start, end, text := line(i)
		m := yamlScalar.FindStringSubmatch(text)
		if m == nil {
			if loc := yamlValue.FindStringIndex(text); toolLine.MatchString(text) && !strings.HasPrefix(strings.TrimSpace(text), "#") {
				s.block(block{start: start + loc[1], end: end})
			}
			continue
		}
		indent := len(text) - len(strings.TrimLeft(text, " -"))
		if m[2] == "" {
			indent = len(m[1])
		}
		first, last, inner := -1, 0, 1<<20
		j := i + 1
		for ; j < len(f.lines); j++ {
			a, b, t := line(j)
			trim := strings.TrimLeft(t, " ")
			if trim == "" {
				continue
			}
			if len(t)-len(trim) <= len(m[1]) || (m[2] != "" && len(t)-len(trim) < indent-len(m[2])+1) {
				break
			}
			if first < 0 {
				first = a
			}
			inner, last = min(inner, len(t)-len(trim)), b
		}
		if first >= 0 {
			s.scalar(m[3], block{start: first, end: last, indent: inner, folded: m[4] == ">"})
		}
		i = j - 1
	}
	s.finish()
}

// scalar reads one block: a document under the name of its key, or a script.
func (s *scanner) scalar(name string, b block) {
	body := strings.TrimSpace(string(s.f.Data[b.start:b.end]))
	switch {
	case body == "":
	case body[0] == '{' && isJSON(s.f.only(b.start, b.end)),
		!anyCall.MatchString(body) && !strings.Contains(body, "<<") && (looksLikeConf(body) || varLine.MatchString(body)):
		if name == "" {
			s.unnamedDocument(b)
			return
		}
		s.write(name, false, chunk{segs: [][2]int{{b.start, b.end}}})
	default:
		s.block(b)
	}
}

// manifests finds the CertificateSigningRequests of a YAML file.
func (f *File) manifests() {
	from := 0
	cuts := yamlSplit.FindAllStringSubmatchIndex(string(f.Data), -1)
	for i := 0; i <= len(cuts); i++ {
		to := len(f.Data)
		if i < len(cuts) {
			to = cuts[i][0]
		}
		if manifestLine.Match(f.Data[from:to]) {
			f.Manifests = append(f.Manifests, Manifest{string(f.only(from, to))})
		}
		from = to
	}
}
