package lint

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/syntax"

	"github.com/envflow/envflow/starlark/kit"
)

// Report is what was found.
type Report struct {
	Files    []string // absolute paths of the files that were read, each before those it names
	Findings []Finding

	accepted map[string]accepted // by file
}

// Files lints files, and those of the project that they load or include under a name that is written out. Extensions are others'.
// builtins are the names that a file can use without defining them.
func Files(paths, builtins []string) Report {
	p := &project{builtins: map[string]bool{}, known: map[string]*file{}, report: Report{accepted: map[string]accepted{}}}
	for _, name := range builtins {
		p.builtins[name] = true
	}
	for _, path := range paths {
		p.read(path)
	}
	for _, path := range p.report.Files {
		p.known[path].checkLoads()
	}
	p.report.Add()
	return p.report
}

// project is what is linted together.
type project struct {
	builtins map[string]bool
	known    map[string]*file // by path; nil: it cannot be read
	report   Report
}

// file is one Starlark file.
type file struct {
	*project
	path    string
	tree    *syntax.File // nil: it cannot be parsed
	binders map[*syntax.Ident]string
	loads   map[*resolve.Binding]*syntax.Ident // names that are loaded, by what they are bound to
}

// read lints the file at path and what it names, once.
func (p *project) read(path string) {
	if _, ok := p.known[path]; ok {
		return
	}
	p.known[path] = nil
	src, err := os.ReadFile(path)
	if err != nil {
		return
	}
	f := &file{project: p, path: path}
	p.known[path] = f
	p.report.Files = append(p.report.Files, path)
	p.report.accepted[path] = acceptedIn(src)
	if f.tree, err = kit.Dialect().Parse(path, src, 0); err != nil {
		f.parseError(src, err)
		return
	}
	if f.resolve() {
		f.collectNames()
		f.checkNames()
		f.checkStatements(f.tree.Stmts)
	}
	for _, named := range f.references() {
		p.read(named)
	}
}

func (f *file) find(pos syntax.Position, rule, hint, format string, args ...any) {
	f.report.Findings = append(f.report.Findings, Finding{
		File: f.path, Line: int(pos.Line), Column: max(1, int(pos.Col)), Rule: rule, Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

func (f *file) parseError(src []byte, err error) {
	e, ok := errors.AsType[syntax.Error](err)
	if !ok {
		e = syntax.Error{Pos: syntax.MakePosition(&f.path, 1, 1), Msg: err.Error()}
	}
	message, hint := encodingProblem(src, e)
	f.find(e.Pos, RuleSyntax, hint, "%s", cmp.Or(message, e.Msg))
}

// resolve finds out what each name means. It returns false if there is more wrong than names that nothing defines: what follows
// from that is no news.
func (f *file) resolve() (sound bool) {
	err := resolve.File(f.tree, func(name string) bool { return f.builtins[name] }, func(string) bool { return false })
	list, ok := errors.AsType[resolve.ErrorList](err)
	if !ok {
		return true
	}
	sound = true
	for _, e := range list {
		name, undefined := strings.CutPrefix(e.Msg, "undefined: ")
		if !undefined {
			sound = false
			f.find(e.Pos, RuleSyntax, "", "%s", e.Msg)
			continue
		}
		name, rest, _ := strings.Cut(name, " (did you mean ")
		near := strings.TrimSuffix(rest, "?)")
		if near == "" {
			near = kit.Closest(name, f.builtinNames())
		}
		f.find(e.Pos, RuleUndefined, didYouMean(near), "undefined: %s", name)
	}
	return sound
}

func didYouMean(near string) string {
	if near == "" {
		return ""
	}
	return "did you mean " + near + "?"
}

// builtinNames are sorted, so that the nearest of several is always the same.
func (p *project) builtinNames() []string {
	names := make([]string, 0, len(p.builtins))
	for name := range p.builtins {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// loadedPath is the path that a file names in load and its like, "" if it is that of an extension.
func (f *file) loadedPath(name string) string {
	switch {
	case strings.Contains(name, "://"):
		return ""
	case filepath.IsAbs(name):
		return filepath.Clean(name)
	}
	return filepath.Join(filepath.Dir(f.path), name)
}

// references are the files that this one loads or includes, as far as their names are written out.
func (f *file) references() (paths []string) {
	add := func(name string) {
		if path := f.loadedPath(name); path != "" {
			paths = append(paths, path)
		}
	}
	syntax.Walk(f.tree, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.LoadStmt:
			add(n.ModuleName())
		case *syntax.CallExpr:
			if callee := f.builtinCalled(n); callee != "include" && callee != "load_dynamic" {
				break
			}
			if name, ok := textOf(argument(n, 0, "path")); ok {
				add(name)
			}
		}
		return true
	})
	return paths
}

// argument is one of a call, by position or name; nil if it is not written out.
func argument(call *syntax.CallExpr, position int, name string) syntax.Expr {
	for i, arg := range call.Args {
		if named, ok := arg.(*syntax.BinaryExpr); ok && named.Op == syntax.EQ {
			if id, ok := named.X.(*syntax.Ident); ok && id.Name == name {
				return named.Y
			}
			continue
		}
		if i == position {
			return arg
		}
	}
	return nil
}

func textOf(e syntax.Expr) (string, bool) {
	literal, ok := e.(*syntax.Literal)
	if !ok {
		return "", false
	}
	text, ok := literal.Value.(string)
	return text, ok
}

// checkLoads looks whether what is loaded is there: the file, and the names in it.
func (f *file) checkLoads() {
	if f.tree == nil {
		return
	}
	for _, stmt := range f.tree.Stmts {
		load, ok := stmt.(*syntax.LoadStmt)
		if !ok {
			continue
		}
		path := f.loadedPath(load.ModuleName())
		if path == "" {
			continue
		}
		from := f.known[path]
		if from == nil {
			f.missing(load, path)
			continue
		}
		globals, ok := from.globals()
		if !ok {
			continue
		}
		for i, name := range load.From {
			if name.Name != "" && !strings.HasPrefix(name.Name, "_") && !slices.Contains(globals, name.Name) { // those are errors of their own
				f.find(load.From[i].NamePos, RuleUndefined, didYouMean(kit.Closest(name.Name, globals)), "%s defines no %s", load.ModuleName(), name.Name)
				f.report.Findings[len(f.report.Findings)-1].statement = int(load.Load.Line) // where executing it fails
			}
		}
	}
}

func (f *file) missing(load *syntax.LoadStmt, path string) {
	what := "there is no file " + load.ModuleName()
	if kit.IsDir(path) {
		what = load.ModuleName() + " is a folder"
	} else if _, err := os.Stat(path); err == nil {
		what = load.ModuleName() + " cannot be read"
	}
	f.find(load.Load, RuleMissingFile, "", "%s", what)
}

// globals are the names that other files can load from this one; false if they are not known.
func (f *file) globals() (names []string, known bool) {
	if f.tree == nil {
		return nil, false
	}
	module, ok := f.tree.Module.(*resolve.Module)
	if !ok {
		return nil, false
	}
	for _, binding := range module.Globals {
		names = append(names, binding.First.Name)
	}
	return names, true
}
