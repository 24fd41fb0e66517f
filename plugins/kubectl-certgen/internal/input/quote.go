package input

import "strings"

// openQuote says whether a shell line ends inside a quoted string.
func openQuote(s string) bool {
	var q byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && q != '\'':
			i++
		case q != 0:
			if c == q {
				q = 0
			}
		case c == '\'' || c == '"':
			q = c
		case c == '#' && (i == 0 || s[i-1] == ' ' || s[i-1] == '\t'):
			return false
		}
	}
	return q != 0
}

// openPipe says whether a line ends in a pipe, behind which the shell reads on.
func openPipe(t string) bool {
	t = strings.TrimRight(t, " \t\r\n")
	return strings.HasSuffix(t, "|") && !strings.HasSuffix(t, "||")
}

// openParen says whether a process or command substitution is still open.
func openParen(t string) bool {
	depth := 0
	var q byte
	for i := 0; i < len(t); i++ {
		switch c := t[i]; {
		case c == '\\' && q != '\'':
			i++
		case q == '\'':
			if c == q {
				q = 0
			}
		case c == '\'' && q == 0:
			q = c
		case c == '"':
			q ^= '"'
		case c == '(' && (depth > 0 || i > 0 && strings.IndexByte("<>$", t[i-1]) >= 0):
			depth++
		case c == ')' && depth > 0:
			depth--
		}
	}
	return depth > 0
}

// closeParen is the index of the parenthesis that closes the one at i, the
// text's length where none does.
func closeParen(t string, i int) int {
	depth := 0
	var q byte
	for ; i < len(t); i++ {
		switch c := t[i]; {
		case c == '\\' && q != '\'':
			i++
		case q != 0:
			if c == q {
				q = 0
			}
		case c == '\'' || c == '"':
			q = c
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(t)
}
