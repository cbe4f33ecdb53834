package lsp

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/resolve"
	gostarlark "go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/envflow/envflow/starlark/kit"
)

// maxMistakes is how many names that are not defined are told of at once. For each, all others are compared with it.
const maxMistakes = 100

// checker finds the mistakes of a document.
type checker struct {
	server *server
	d      *document
	broken map[string]bool // names that statements define which cannot be parsed
	found  []diagnostic
}

// diagnose says what is wrong with a document. It does not say what only an evaluation can tell.
func (s *server) diagnose(d *document) []diagnostic {
	c := &checker{server: s, d: d, broken: map[string]bool{}, found: []diagnostic{}} // a list in JSON, also when it is empty
	if file := c.parse(); file != nil {
		c.checkNames(file)
		c.checkLoads(file)
		c.checkCalls(file)
	}
	slices.SortStableFunc(c.found, func(a, b diagnostic) int {
		return cmp.Or(cmp.Compare(a.Range.Start.Line, b.Range.Start.Line), cmp.Compare(a.Range.Start.Character, b.Range.Start.Character))
	})
	return c.found
}

// at adds a mistake of the word at a place, or of the string.
func (c *checker) at(start int, format string, args ...any) {
	end := start
	o := c.d.outline()
	if i := o.before(start) + 1; i < len(o.tokens) && o.tokens[i].start <= start {
		end = o.tokens[i].end
		if o.tokens[i].kind == stringToken && start > o.tokens[i].start {
			end = o.tokens[i].contentEnd()
		}
	}
	c.found = append(c.found, diagnostic{
		Range: c.d.rangeOf(start, end), Severity: severityError, Source: "envflow", Message: fmt.Sprintf(format, args...),
	})
}

// offsetOf returns the place of a position of the parser.
func (c *checker) offsetOf(pos syntax.Position) int {
	return c.d.runeOffset(int(pos.Line), int(pos.Col))
}

// checkNames finds names that are not defined, and what else the resolver objects to.
func (c *checker) checkNames(file *syntax.File) {
	predeclared := func(name string) bool { return c.server.predeclared(name) || c.broken[name] }
	err := resolve.File(file, predeclared, gostarlark.Universe.Has)
	list, _ := errors.AsType[resolve.ErrorList](err)
	for _, e := range list[:min(len(list), maxMistakes)] {
		start := c.offsetOf(e.Pos)
		name, undefined := strings.CutPrefix(e.Msg, "undefined: ")
		if !undefined {
			c.at(start, "%s", e.Msg)
			continue
		}
		name, _, _ = strings.Cut(name, " ")
		c.at(start, "%s is not defined%s", name, didYouMean(name, c.visible(start)))
	}
}

// visible are the names that can be used at a place, without those of a file that has very many.
func (c *checker) visible(offset int) []string {
	names := gostarlark.Universe.Keys()
	for i := range c.server.Docs {
		names = append(names, c.server.Docs[i].Name)
	}
	o := c.d.outline()
	for name := range o.named {
		if len(o.named) <= maxNames && o.find(name, offset) != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// didYouMean is the end of a message on a name that does not exist. A name of one or two letters is near to any other.
func didYouMean(name string, candidates []string) string {
	if len(name) < 3 {
		return ""
	}
	near := kit.Closest(name, candidates)
	longer := slices.DeleteFunc(slices.Clone(candidates), func(c string) bool { return !strings.HasPrefix(c, name) })
	if near == "" && len(longer) == 1 { // half typed
		near = longer[0]
	}
	if near == "" {
		return ""
	}
	return "; did you mean " + near + "?"
}

// checkLoads finds files that are not there, and names that they do not have.
func (c *checker) checkLoads(file *syntax.File) {
	syntax.Walk(file, func(n syntax.Node) bool {
		if load, ok := n.(*syntax.LoadStmt); ok {
			c.checkLoad(load)
		}
		_, expression := n.(syntax.Expr)
		return !expression
	})
}

func (c *checker) checkLoad(load *syntax.LoadStmt) {
	module := load.ModuleName()
	if strings.HasPrefix(module, extensionPrefix) {
		return // which version will be loaded is not known here, nor whether it will be fetched
	}
	path := c.server.target(c.d, module)
	if isMissing(path) {
		c.at(c.offsetOf(load.Module.TokenPos), "there is no file %s", module)
		return
	}
	other := c.server.loaded(c.d, module)
	if other == nil {
		return
	}
	exported := c.server.exported(other)
	if exported == nil {
		return
	}
	for _, name := range load.From {
		if private := strings.HasPrefix(name.Name, "_"); private || exported[name.Name] || name.Name == "" {
			continue // the resolver objects to private names
		}
		var names []string
		for other := range exported {
			names = append(names, other)
		}
		slices.Sort(names)
		c.at(c.offsetOf(name.NamePos), "%s does not define %s%s", module, name.Name, didYouMean(name.Name, names))
	}
}
