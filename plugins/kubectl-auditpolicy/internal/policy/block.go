package policy

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// opener is a line behind which text of another kind follows: a here-document
// of a shell or of Terraform, or a fenced block of Markdown.
var opener = lazyregexp.New("<<[-~]?\\s*\\\\?[\"']?([A-Za-z_]\\w*)[\"']?|^\\s*(```+|~~~+)")

// blocks finds the policies in the here-documents of a script or a Terraform
// file and in the fenced blocks of a page. Each block is parsed in its place,
// with blanks for all that is not of it, so that its lines, columns and offsets
// are those of the file.
func blocks(name string, data []byte) ([]*Policy, error) {
	if !bytes.Contains(data, []byte("audit.k8s.io/")) {
		return nil, nil
	}
	var out []*Policy
	end, start, off, line, first := "", 0, 0, 0, 0
	for text := range bytes.Lines(data) {
		line++
		next := off + len(text)
		trimmed := strings.TrimSpace(string(text))
		if end == "" {
			if m := opener.FindStringSubmatch(string(text)); m != nil {
				end, start, first = m[1]+m[2], next, line+1
			}
		} else if trimmed == end {
			found, err := block(name, data, start, off, first, line-1)
			if err != nil {
				return nil, err
			}
			out, end = append(out, found...), ""
		}
		off = next
	}
	return out, nil
}

// block finds the policies in one block of a file.
func block(name string, data []byte, start, end, first, last int) ([]*Policy, error) {
	text := data[start:end]
	if !bytes.Contains(text, []byte("audit.k8s.io/")) || !bytes.Contains(text, []byte("rules")) {
		return nil, nil
	}
	blanked := bytes.Clone(data[:end])
	for i := range start {
		if c := blanked[i]; c != '\n' && c != '\r' {
			blanked[i] = ' '
		}
	}
	file, err := parse(name, blanked)
	if err != nil {
		if t := templateText(name, blanked); t != nil {
			return nil, t
		}
		return nil, err
	}
	file.Bytes = data
	where := fmt.Sprintf("lines %d to %d", first, last)
	var out []*Policy
	var docs []*yamldoc.Document
	for _, d := range file.Docs {
		if d.Root != nil && checkExpansion(d.Root) == nil {
			docs = append(docs, d)
		}
	}
	if len(docs) > 0 && looksLikePolicy(docs[0].Root) {
		p := &Policy{Name: name, Origin: where, Text: text, Root: docs[0].Root, file: file}
		for _, d := range docs[1:] {
			p.ExtraDocuments = append(p.ExtraDocuments, d.Root.Line)
		}
		p.decode()
		return append(out, p), nil
	}
	for _, d := range docs {
		found, err := search(file, d, where)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}
