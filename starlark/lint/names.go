package lint

import (
	"fmt"

	"go.starlark.net/resolve"
	"go.starlark.net/syntax"
)

// What a name is bound as.
const (
	asVariable  = "variable"
	asFunction  = "function"
	asParameter = "parameter"
	asLoaded    = "loaded name"
)

// collectNames notes where names are bound.
func (f *file) collectNames() {
	f.binders, f.loads = map[*syntax.Ident]string{}, map[*resolve.Binding]*syntax.Ident{}
	syntax.Walk(f.tree, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.AssignStmt:
			f.bindTarget(n.LHS)
		case *syntax.ForStmt:
			f.bindTarget(n.Vars)
		case *syntax.ForClause:
			f.bindTarget(n.Vars)
		case *syntax.DefStmt:
			f.binders[n.Name] = asFunction
			f.bindParams(n.Params)
		case *syntax.LambdaExpr:
			f.bindParams(n.Params)
		case *syntax.LoadStmt:
			for _, to := range n.To {
				f.binders[to] = asLoaded
				if b := bindingOf(to); b != nil && b.First == to {
					f.loads[b] = to
				}
			}
		}
		return true
	})
}

// bindTarget notes the names in what is assigned to.
func (f *file) bindTarget(e syntax.Expr) {
	switch e := e.(type) {
	case *syntax.Ident:
		f.binders[e] = asVariable
	case *syntax.ParenExpr:
		f.bindTarget(e.X)
	case *syntax.TupleExpr:
		for _, x := range e.List {
			f.bindTarget(x)
		}
	case *syntax.ListExpr:
		for _, x := range e.List {
			f.bindTarget(x)
		}
	}
}

func (f *file) bindParams(params []syntax.Expr) {
	for _, param := range params {
		switch p := param.(type) {
		case *syntax.BinaryExpr: // with a default
			param = p.X
		case *syntax.UnaryExpr: // with stars
			param = p.X
		}
		if id, ok := param.(*syntax.Ident); ok {
			f.binders[id] = asParameter
		}
	}
}

func bindingOf(id *syntax.Ident) *resolve.Binding {
	b, _ := id.Binding.(*resolve.Binding)
	return b
}

// checkNames finds names that hide others, and loaded ones that nothing uses. What hides a builtin within a function or a
// comprehension only is meant: `def web(name, dir='.')` is how it wants to be called.
func (f *file) checkNames() {
	loaded := map[string]*syntax.Ident{}
	for _, id := range f.loads {
		loaded[id.Name] = id
	}
	used := map[*syntax.Ident]bool{} // by where they are bound
	told := map[*resolve.Binding]bool{}
	f.eachName(func(id *syntax.Ident, b *resolve.Binding, as string) {
		first := loaded[id.Name]
		switch {
		case as == "":
			used[b.First] = true
		case told[b]:
		case b.First == id && f.builtins[id.Name] && (as == asLoaded || b.Scope == resolve.Global):
			told[b] = true
			f.find(id.NamePos, RuleShadowed, hintShadowed(id.Name, as), "the %s %s hides the builtin %s", as, id.Name, id.Name)
		case first != nil && first != id && (b.First == id || b.First == first):
			told[b] = true
			f.find(id.NamePos, RuleShadowed, "", "the %s %s hides the %s that is loaded in line %d", as, id.Name, id.Name, first.NamePos.Line)
		}
	})
	for _, id := range f.loads {
		if !used[id] && id.Name[0] != '_' {
			f.find(id.NamePos, RuleUnusedLoad, "take it out; include(...) executes a file for what it does", "%s is loaded and not used", id.Name)
		}
	}
}

func hintShadowed(name, as string) string {
	if as == asLoaded {
		return fmt.Sprintf("load it under another name: my_%s='%s'", name, name)
	}
	return "give it another name"
}

// eachName calls fn for each name whose meaning is known; as says what it is bound as there, "" where it is used.
func (f *file) eachName(fn func(id *syntax.Ident, b *resolve.Binding, as string)) {
	syntax.Walk(f.tree, func(n syntax.Node) bool {
		if id, ok := n.(*syntax.Ident); ok {
			if b := bindingOf(id); b != nil {
				fn(id, b, f.binders[id])
			}
		}
		return true
	})
}

// builtinCalled is the name of the builtin that a call calls, "" if it is none, or not a global name.
func (f *file) builtinCalled(call *syntax.CallExpr) string {
	id, ok := call.Fn.(*syntax.Ident)
	if !ok {
		return ""
	}
	if b := bindingOf(id); b == nil || b.Scope != resolve.Predeclared {
		return ""
	}
	return id.Name
}
