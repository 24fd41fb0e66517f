package input

import "strings"

// parsePage reads the code blocks of a page: fenced ones, and ones that are
// indented by four columns or more.
func (f *File) parsePage() {
	var blocks []block
	lines := f.lines
	lineText := func(i int) (int, int, string) {
		start, end := lines[i], len(f.Data)
		if i+1 < len(lines) {
			end = lines[i+1] - 1
		}
		return start, end, strings.TrimRight(string(f.Data[start:end]), "\r")
	}
	for i := 0; i < len(lines); i++ {
		start, _, text := lineText(i)
		trim := strings.TrimLeft(text, " \t")
		indent := len(text) - len(trim)
		if fence := fenceOf(trim); fence != "" {
			j := i + 1
			for ; j < len(lines); j++ {
				_, _, t := lineText(j)
				if strings.HasPrefix(strings.TrimLeft(t, " \t"), fence) {
					break
				}
			}
			if j < len(lines) && j > i+1 {
				s, _, _ := lineText(i + 1)
				_, e, _ := lineText(j - 1)
				blocks = append(blocks, block{start: s, end: e, indent: indent})
			}
			i = j
			continue
		}
		// Indented code cannot interrupt a paragraph (CommonMark 4.4).
		blank := i == 0
		if i > 0 {
			_, _, before := lineText(i - 1)
			blank = strings.TrimSpace(before) == ""
		}
		if indent >= 4 && trim != "" && blank {
			j, end := i, start
			for ; j < len(lines); j++ {
				_, e, t := lineText(j)
				tt := strings.TrimLeft(t, " \t")
				if tt == "" {
					continue
				}
				in := len(t) - len(tt)
				if fenceOf(tt) != "" || in < 4 || in < indent && strings.TrimSpace(t) != "" && in < indent-3 {
					break
				}
				indent = min(indent, in)
				end = e
			}
			blocks = append(blocks, block{start: start, end: end, indent: indent})
			i = j - 1
		}
	}
	s := newScanner(f)
	for _, b := range blocks {
		body := strings.TrimSpace(string(f.Data[b.start:b.end]))
		switch {
		case body == "":
		case body[0] == '{' && isJSON(f.only(b.start, b.end)):
			s.unnamedDocument(b)
		case !anyCall.MatchString(body) && !strings.Contains(body, "<<") && (looksLikeConf(body) || manifestLine.MatchString(body)):
			s.unnamedDocument(b)
		default:
			s.block(b)
		}
	}
	s.finish()
}

func (s *scanner) unnamedDocument(b block) {
	s.unnamed(chunk{segs: [][2]int{{b.start, b.end}}})
}

func fenceOf(trim string) string {
	for _, f := range []string{"```", "~~~"} {
		if strings.HasPrefix(trim, f) {
			return f
		}
	}
	return ""
}

// isJSON tells a document from a shell's group of commands, which begins with
// a brace too.
func isJSON(data []byte) bool {
	_, err := parseJSON(data)
	return err == nil
}
