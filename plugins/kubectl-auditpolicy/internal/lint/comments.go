package lint

import "strings"

// commentAbove is the text of the comment lines that stand right above a rule
// or within its first lines.
func (c *Context) commentAbove(i int) string {
	n := c.P.RuleNode(i)
	if n == nil {
		return ""
	}
	line, _ := c.P.Position(n)
	lines := strings.Split(string(c.P.File().Bytes), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	var out []string
	for l := line - 2; l >= 0 && l < len(lines); l-- {
		t := strings.TrimSpace(lines[l])
		if !strings.HasPrefix(t, "#") {
			break
		}
		out = append([]string{strings.TrimLeft(t, "# ")}, out...)
	}
	for l := line - 1; l < len(lines) && l < line+1; l++ {
		if _, t, ok := strings.Cut(lines[l], "#"); ok {
			out = append(out, strings.TrimSpace(t))
		}
	}
	return strings.Join(out, " ")
}
