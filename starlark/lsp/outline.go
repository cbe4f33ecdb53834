package lsp

import (
	"slices"
	"strings"

	"github.com/envflow/envflow/starlark/kit"
)

type symbolKind int

const (
	functionSymbol symbolKind = iota
	variableSymbol
	parameterSymbol
	loadedSymbol // by load
	boundSymbol  // by a comprehension or a lambda: nothing outside of its statement sees it
)

// symbol is a name that a file defines.
type symbol struct {
	name       string
	kind       symbolKind
	start, end int         // of the name
	from, to   int         // of what defines it; with the body of a function
	until      int         // of a function: where the next statement is that does not belong to it
	indent     int         // of the statement
	scope      int         // the index of the function that it belongs to, -1 for the file
	params     []kit.Param // of a function
	doc        string      // of a function
	module     string      // of a loaded name: the argument of load
	original   string      // of a loaded name: the name in that file
}

// outline is what can be said of a file from its tokens.
type outline struct {
	src        string
	tokens     []token
	comments   []span
	statements []statement
	symbols    []symbol
	named      map[string][]int // the symbols of a name
}

func newOutline(src string) *outline {
	o := &outline{src: src, named: map[string][]int{}}
	o.tokens, o.comments = scan(src)
	o.statements = statementsOf(o.tokens)
	var open []int // functions around the statement
	for i := range o.statements {
		st := &o.statements[i]
		for len(open) > 0 && o.symbols[open[len(open)-1]].indent >= st.indent {
			o.symbols[open[len(open)-1]].until = st.start()
			open = open[:len(open)-1]
		}
		for _, f := range open {
			o.symbols[f].to = st.end()
		}
		scope := -1
		if len(open) > 0 {
			scope = open[len(open)-1]
			if i > 0 && o.statements[i-1].start() == o.symbols[scope].from && st.tokens[0].kind == stringToken {
				o.symbols[scope].doc = dedent(st.tokens[0].value())
			}
		}
		if f := o.addStatement(st, scope); f >= 0 {
			open = append(open, f)
		}
	}
	return o
}

// addStatement adds what a statement defines. It returns the index of the function, if it is one, else -1.
func (o *outline) addStatement(st *statement, scope int) int {
	tokens := st.tokens
	function := -1
	switch {
	case tokens[0].is("def"):
		if len(tokens) < 2 || tokens[1].kind != nameToken {
			return -1
		}
		o.add(tokens[1], symbol{kind: functionSymbol, from: st.start(), to: st.end(), until: len(o.src), indent: st.indent, scope: scope})
		function = len(o.symbols) - 1
		o.addParams(function, tokens[2:])
	case tokens[0].is("load"):
		o.addLoaded(st, scope)
	case tokens[0].is("for"):
		o.addUpTo("in", variableSymbol, st, tokens[1:], scope)
	default:
		for _, t := range targets(tokens) {
			o.add(t, symbol{kind: variableSymbol, from: st.start(), to: st.end(), scope: scope})
		}
	}
	for i, t := range tokens {
		switch {
		case t.is("for") && i > 0:
			o.addUpTo("in", boundSymbol, st, tokens[i+1:], scope)
		case t.is("lambda"):
			o.addUpTo(":", boundSymbol, st, tokens[i+1:], scope)
		}
	}
	return function
}

func (o *outline) add(name token, s symbol) {
	s.name, s.start, s.end = name.text, name.start, name.end
	o.named[s.name] = append(o.named[s.name], len(o.symbols))
	o.symbols = append(o.symbols, s)
}

// addUpTo adds the names before a token: the variables of a for, or the parameters of a lambda.
func (o *outline) addUpTo(end string, kind symbolKind, st *statement, tokens []token, scope int) {
	for i, t := range tokens {
		if t.is(end) {
			return
		}
		if t.kind == nameToken && (i == 0 || !tokens[i-1].is("=")) {
			o.add(t, symbol{kind: kind, from: st.start(), to: st.end(), scope: scope})
		}
	}
}

func (o *outline) addParams(function int, tokens []token) {
	for _, param := range splitArguments(tokens) {
		if len(param) == 0 {
			continue
		}
		stars, rest := "", param
		if param[0].is("*") || param[0].is("**") {
			stars, rest = param[0].text, param[1:]
		}
		p := kit.Param{Name: stars}
		if len(rest) > 0 && rest[0].kind == nameToken {
			p.Name += rest[0].text
			o.add(rest[0], symbol{kind: parameterSymbol, from: param[0].start, to: param[len(param)-1].end, scope: function})
		}
		if len(rest) > 2 && rest[1].is("=") {
			p.Optional, p.Default = true, o.src[rest[2].start:rest[len(rest)-1].end]
		}
		o.symbols[function].params = append(o.symbols[function].params, p)
	}
}

func (o *outline) addLoaded(st *statement, scope int) {
	args := splitArguments(st.tokens[1:])
	if len(args) == 0 || len(args[0]) == 0 || args[0][0].kind != stringToken {
		return
	}
	loaded := symbol{kind: loadedSymbol, from: st.start(), to: st.end(), scope: scope, module: args[0][0].value()}
	for _, arg := range args[1:] {
		if len(arg) == 0 || arg[len(arg)-1].kind != stringToken {
			continue
		}
		loaded.original = arg[len(arg)-1].value()
		name := arg[0]
		if name.kind == stringToken {
			name = token{text: loaded.original, start: name.content, end: name.content + len(loaded.original)}
		}
		if loaded.original != "" {
			o.add(name, loaded)
		}
	}
}

// targets returns the names that a statement assigns to.
func targets(tokens []token) []token {
	end := assignment(tokens)
	if end < 0 || tokens[0].isKeyword() {
		return nil
	}
	var names []token
	skip := 0 // how deep in the brackets of an element that is assigned to
	for i, t := range tokens[:end] {
		next := tokens[i+1]
		switch {
		case skip > 0:
			skip += nesting(t)
		case t.is("[") && i > 0 && (tokens[i-1].kind == nameToken || nesting(tokens[i-1]) < 0):
			skip = 1
		case t.kind == nameToken && !next.is("[") && !next.is(".") && (i == 0 || !tokens[i-1].is(".")):
			names = append(names, t)
		}
	}
	return names
}

// assignment returns where the operator of an assignment is, -1 if there is none.
func assignment(tokens []token) int {
	depth := 0
	for i, t := range tokens {
		depth += nesting(t)
		if depth == 0 && t.kind == operatorToken && strings.HasSuffix(t.text, "=") && !slices.Contains([]string{"==", "!=", "<=", ">="}, t.text) {
			return i
		}
	}
	return -1
}

// splitArguments splits the tokens between the first bracket and its end at commas. The end may be missing. What stands behind the
// last comma is one too, even if it is nothing.
func splitArguments(tokens []token) [][]token {
	if len(tokens) == 0 || !tokens[0].is("(") {
		return nil
	}
	var args [][]token
	from, depth := 1, 0
	for i := 1; i < len(tokens); i++ {
		t := tokens[i]
		if depth += nesting(t); depth < 0 {
			return append(args, tokens[from:i])
		}
		if depth == 0 && t.is(",") {
			args = append(args, tokens[from:i])
			from = i + 1
		}
	}
	return append(args, tokens[from:])
}

// dedent takes the indentation of a docstring away.
func dedent(doc string) string {
	lines := strings.Split(strings.ReplaceAll(doc, "\r\n", "\n"), "\n")
	least := -1
	for _, line := range lines[1:] {
		if indent := len(line) - len(strings.TrimLeft(line, " \t")); strings.TrimSpace(line) != "" && (least < 0 || indent < least) {
			least = indent
		}
	}
	for i := range lines {
		if i > 0 && least > 0 {
			lines[i] = lines[i][min(least, len(lines[i])):]
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
