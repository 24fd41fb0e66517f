package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// message is an error text in the code.
type message struct {
	// plugin is nodehealth, ..., or "all four" for shared.
	plugin string
	// file is relative to the repository.
	file string
	// text is the format string.
	text string
	// status is the exit status where the call says it, 0 where it is the
	// caller's to say.
	status int
	// hint is what the command prints below it, where that stands beside it.
	hint string
}

// makers are the functions whose first argument is an error's text.
var makers = map[string]int{"Usagef": 2, "Unknownf": 3, "fmt.Errorf": 0, "errors.New": 0}

// messages are the error texts of the plugins and of shared, tests and
// generated code left out, in the order of plugin, file and place.
func messages(repo string) ([]message, error) {
	var out []message
	for _, root := range []string{"plugins", "shared"} {
		err := filepath.WalkDir(filepath.Join(repo, root), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "testdata" {
				return fs.SkipDir
			}
			rel, err := filepath.Rel(repo, path)
			if err != nil {
				return err
			}
			rel = filepath.ToSlash(rel)
			if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || testOnly(rel) {
				return nil
			}
			found, err := messagesOf(path, rel)
			out = append(out, found...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return order(out[i].plugin) < order(out[j].plugin) })
	return out, nil
}

// testOnly packages never run for a user.
func testOnly(rel string) bool { return strings.HasPrefix(rel, "shared/clitest/") }

func order(plugin string) int {
	for i, p := range []string{"all four", "nodehealth", "auditpolicy", "certgen", "logarch"} {
		if p == plugin {
			return i
		}
	}
	return 9
}

func messagesOf(path, rel string) ([]message, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, src, 0)
	if err != nil {
		return nil, err
	}
	plugin := "all four"
	if rest, ok := strings.CutPrefix(rel, "plugins/kubectl-"); ok {
		plugin, _, _ = strings.Cut(rest, "/")
	}
	var out []message
	hints := map[*ast.CallExpr]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		name := callee(c)
		if name == "WithHint" && len(c.Args) > 1 {
			if inner, ok := c.Args[0].(*ast.CallExpr); ok {
				var texts []string
				for _, a := range c.Args[1:] {
					texts = append(texts, text(a))
				}
				hints[inner] = strings.Join(texts, "; ")
			}
		}
		status, ok := makers[name]
		if !ok || len(c.Args) == 0 {
			return true
		}
		if t := text(c.Args[0]); t != "" {
			out = append(out, message{plugin: plugin, file: rel, text: t, status: status, hint: hints[c]})
		}
		return true
	})
	return out, nil
}

// callee is the name of what is called: Usagef however it is imported,
// fmt.Errorf and errors.New with their package.
func callee(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok && (x.Name == "fmt" || x.Name == "errors") {
			return x.Name + "." + f.Sel.Name
		}
		return f.Sel.Name
	}
	return ""
}

// text is the literal of an expression, "" where there is none. A call of
// Sprintf gives its format.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, err := strconv.Unquote(e.Value)
			if err == nil {
				return s
			}
		}
	case *ast.BinaryExpr:
		l, r := text(e.X), text(e.Y)
		if l == "" && r == "" {
			return ""
		}
		if l == "" {
			l = "..."
		}
		if r == "" {
			r = "..."
		}
		return l + r
	case *ast.CallExpr:
		if len(e.Args) > 0 {
			return text(e.Args[0])
		}
	}
	return ""
}
