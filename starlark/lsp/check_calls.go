package lsp

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/syntax"

	"github.com/envflow/envflow/starlark/kit"
)

// checkCalls finds members that modules do not have, and arguments that functions do not take. The resolver has said what names mean.
func (c *checker) checkCalls(file *syntax.File) {
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.DotExpr:
			c.checkMember(n)
		case *syntax.CallExpr:
			if doc := c.callee(n.Fn); doc != nil {
				c.checkArguments(n, doc)
			}
		}
		return true
	})
}

// builtinName returns the dotted name of a builtin, or of a module of them; "" if an expression is no such name.
func (c *checker) builtinName(e syntax.Expr) string {
	switch e := e.(type) {
	case *syntax.Ident:
		if b, ok := e.Binding.(*resolve.Binding); ok && (b.Scope == resolve.Predeclared || b.Scope == resolve.Universal) && !c.broken[e.Name] {
			return e.Name
		}
	case *syntax.DotExpr:
		if module := c.builtinName(e.X); c.server.modules[module] {
			return module + "." + e.Name.Name
		}
	}
	return ""
}

func (c *checker) checkMember(e *syntax.DotExpr) {
	module := c.builtinName(e.X)
	name := module + "." + e.Name.Name
	if !c.server.modules[module] || c.server.modules[name] || c.server.docs[name] != nil {
		return
	}
	var members []string
	for i := range c.server.Docs {
		if member, ok := strings.CutPrefix(c.server.Docs[i].Name, module+"."); ok {
			member, _, _ = strings.Cut(member, ".")
			members = append(members, member)
		}
	}
	c.at(c.offsetOf(e.Name.NamePos), "%s has no %s%s", module, e.Name.Name, didYouMean(e.Name.Name, members))
}

// callee returns what is known of the function that is called: a builtin, or one of a file that nothing else shares its name with.
func (c *checker) callee(fn syntax.Expr) *kit.Doc {
	if name := c.builtinName(fn); name != "" {
		return meaning{builtin: c.server.docs[name]}.callable()
	}
	id, ok := fn.(*syntax.Ident)
	if !ok || c.broken[id.Name] {
		return nil
	}
	symbols := c.d.outline().named[id.Name]
	if len(symbols) != 1 {
		return nil
	}
	symbol := &c.d.outline().symbols[symbols[0]]
	if strings.HasPrefix(symbol.module, extensionPrefix) {
		return nil // another version may be loaded
	}
	m := c.server.follow(c.d, symbol)
	if m.in != c.d && (len(m.in.outline().named[m.symbol.name]) != 1 || c.server.exported(m.in) == nil) {
		return nil
	}
	return m.callable()
}

// arguments are those of a call, by how they are given.
type arguments struct {
	positional []syntax.Expr
	named      []*syntax.Ident
	more       bool // *args or **kwargs: nobody knows
}

func argumentsOf(call *syntax.CallExpr) (a arguments) {
	for _, arg := range call.Args {
		if named, ok := arg.(*syntax.BinaryExpr); ok && named.Op == syntax.EQ {
			if id, ok := named.X.(*syntax.Ident); ok {
				a.named = append(a.named, id)
			}
			continue
		}
		if star, ok := arg.(*syntax.UnaryExpr); ok && (star.Op == syntax.STAR || star.Op == syntax.STARSTAR) {
			a.more = true
			continue
		}
		a.positional = append(a.positional, arg)
	}
	return a
}

// parameters are those of a function, by how they can be given.
type parameters struct {
	positional    []string
	named         []string
	needed        []string
	anyPositional bool // it has *args
	anyNamed      bool // it has **kwargs
}

func parametersOf(doc *kit.Doc) (p parameters) {
	onlyByName := false
	for _, param := range doc.Params {
		name := strings.TrimLeft(param.Name, "*")
		switch stars := len(param.Name) - len(name); {
		case stars == 2:
			p.anyNamed = true
			continue
		case stars == 1:
			p.anyPositional = p.anyPositional || name != ""
			onlyByName = true
			continue
		}
		if onlyByName || !doc.ByPosition {
			p.named = append(p.named, name)
		}
		if !onlyByName {
			p.positional = append(p.positional, name)
		}
		if !param.Optional {
			p.needed = append(p.needed, name)
		}
	}
	return p
}

// checkArguments compares a call with what the function takes.
func (c *checker) checkArguments(call *syntax.CallExpr, doc *kit.Doc) {
	given, takes := argumentsOf(call), parametersOf(doc)
	n := len(takes.positional)
	if len(given.positional) > n && !takes.anyPositional {
		start, _ := given.positional[n].Span()
		c.at(c.offsetOf(start), "%s takes %s by position", doc.Name, count(n))
	}
	has := slices.Clone(takes.positional[:min(n, len(given.positional))])
	for _, id := range given.named {
		switch known := slices.Contains(takes.named, id.Name); {
		case known && slices.Contains(has, id.Name):
			c.at(c.offsetOf(id.NamePos), "%s has its argument %s already, by position", doc.Name, id.Name)
		case !known && !takes.anyNamed:
			c.at(c.offsetOf(id.NamePos), "%s has no argument %s%s", doc.Name, id.Name, didYouMean(id.Name, takes.named))
		}
	}
	for _, id := range given.named { // the resolver has objected to those given twice
		has = append(has, id.Name)
	}
	missing := slices.DeleteFunc(takes.needed, func(name string) bool { return slices.Contains(has, name) })
	if len(missing) > 0 && !given.more {
		c.at(c.offsetOf(namePosition(call.Fn)), "%s needs %s", doc.Name, strings.Join(missing, " and "))
	}
}

func count(n int) string {
	switch n {
	case 0:
		return "no arguments"
	case 1:
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", n)
}

// namePosition returns where the last name of a function is, such as the getenv of os.getenv.
func namePosition(fn syntax.Expr) syntax.Position {
	if dot, ok := fn.(*syntax.DotExpr); ok {
		return dot.Name.NamePos
	}
	start, _ := fn.Span()
	return start
}
