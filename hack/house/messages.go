package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// message is an error text in the code.
type message struct {
	// plugin is nodehealth, ..., or "all four" for shared.
	plugin string
	// pkg is the folder that it stands in.
	pkg string
	// text is the message, "…" in place of what differs.
	text string
	// status is the exit status where the call says it, 0 where it is the
	// caller's to say.
	status int
	// hint is what the command prints below it, where that stands beside it.
	hint string
}

// makers are the functions whose first argument is an error's text, with the
// exit status that they give it.
var makers = map[string]int{
	"Usagef": 2, "Unknownf": 3, "fmt.Errorf": 0, "errors.New": 0,
	"san.bad": 0, "yamltree.fail": 0,
}

// source is a parsed file of the repository.
type source struct {
	rel  string
	tree *ast.File
}

// messages are the error texts of the plugins and of shared, tests and
// generated code left out, in the order of plugin, file and place.
func messages(repo string) ([]message, error) {
	var files []source
	for _, root := range []string{"plugins", "shared"} {
		err := filepath.WalkDir(filepath.Join(repo, root), func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "testdata" {
				return fs.SkipDir
			}
			rel, err := filepath.Rel(repo, name)
			if err != nil {
				return err
			}
			rel = filepath.ToSlash(rel)
			if d.IsDir() || !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") || testOnly(rel) {
				return nil
			}
			tree, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			files = append(files, source{rel, tree})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	types := map[string]bool{}
	for _, f := range files {
		for _, d := range f.tree.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "Error" && fn.Recv != nil {
				types[typeName(fn.Recv.List[0].Type)] = true
			}
		}
	}
	var out []message
	for _, f := range files {
		out = append(out, messagesOf(f, types)...)
	}
	slices.SortStableFunc(out, func(a, b message) int {
		return slices.Index(sections, a.plugin) - slices.Index(sections, b.plugin)
	})
	return out, nil
}

// testOnly packages never run for a user.
func testOnly(rel string) bool {
	return strings.HasPrefix(rel, "shared/clitest/") || strings.Contains(rel, "/internal/spacetest/") || strings.Contains(rel, "/internal/certtest/")
}

var sections = []string{"all four", "nodehealth", "auditpolicy", "certgen", "logarch"}

func messagesOf(f source, types map[string]bool) []message {
	plugin := "all four"
	if rest, ok := strings.CutPrefix(f.rel, "plugins/kubectl-"); ok {
		plugin, _, _ = strings.Cut(rest, "/")
	}
	pkg := path.Base(path.Dir(f.rel))
	var out []message
	add := func(status int, hint, text string) {
		if text = verb.ReplaceAllString(strings.ReplaceAll(text, "%%", "%"), "…"); text != "" {
			out = append(out, message{plugin, pkg, text, status, verb.ReplaceAllString(hint, "…")})
		}
	}
	hints := map[ast.Node]string{}
	ast.Inspect(f.tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			// What the method Error of a type makes of its fields.
			if n.Name.Name == "Error" && n.Recv != nil && n.Body != nil {
				ast.Inspect(n.Body, func(n ast.Node) bool {
					if c, ok := n.(*ast.CallExpr); ok && callee(c) == "fmt.Sprintf" {
						add(0, "", text(c))
					}
					return true
				})
			}
		case *ast.CompositeLit:
			if types[typeName(n.Type)] {
				said, hint := fieldsOf(n)
				add(0, hint, said)
			}
		case *ast.CallExpr:
			name := callee(n)
			if name == "WithHint" && len(n.Args) > 1 {
				var texts []string
				for _, a := range n.Args[1:] {
					texts = append(texts, text(a))
				}
				hints[n.Args[0]] = strings.Trim(strings.Join(texts, "; "), "; ")
			}
			status, ok := makers[name]
			if !ok {
				status, ok = makers[pkg+"."+name]
			}
			if ok && len(n.Args) > 0 {
				add(status, hints[n], text(n.Args[0]))
			}
		}
		return true
	})
	return out
}

// fieldsOf is the text in an error that is written as a composite, and the
// advice in it.
func fieldsOf(c *ast.CompositeLit) (said, hint string) {
	var texts []string
	for _, e := range c.Elts {
		key := ""
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok {
				key = id.Name
			}
			e = kv.Value
		}
		switch t := text(e); {
		case key == "Next" || key == "Instead":
			hint = t
		case key != "From" && strings.Contains(t, " "):
			texts = append(texts, t)
		case (key == "" || key == "Reason") && len(texts) > 0:
			texts = append(texts, "%s")
		}
	}
	return strings.Join(texts, ": "), hint
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
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
			l = "%s"
		}
		if r == "" {
			r = "%s"
		}
		return l + r
	case *ast.CallExpr:
		if callee(e) == "fmt.Sprintf" && len(e.Args) > 0 {
			return text(e.Args[0])
		}
	}
	return ""
}
