package lsp

import (
	"slices"
	"strings"

	"github.com/envflow/envflow/starlark/kit"
)

// call is a call that somebody looks at, or types: its end may be missing.
type call struct {
	callee int // the index of the last name of what is called
	args   []argument
	active int // the argument that the place is in
}

// argument is what stands between two commas. It may be empty.
type argument struct {
	tokens []token
	name   string // of a keyword argument, or "*" or "**"
}

// callAt returns the innermost call that a place is in, nil if there is none.
func (o *outline) callAt(offset int) *call {
	st := o.statementAt(offset)
	if st == nil {
		return nil
	}
	var open []int
	for i, t := range st.tokens {
		if t.end > offset {
			break
		}
		switch n := nesting(t); {
		case n > 0:
			open = append(open, i)
		case n < 0 && len(open) > 0:
			open = open[:len(open)-1]
		}
	}
	for _, i := range slices.Backward(open) {
		if i == 0 || !st.tokens[i].is("(") || i > 1 && st.tokens[i-2].is("def") {
			continue
		}
		if callee := st.tokens[i-1]; callee.kind == nameToken && (!callee.isKeyword() || callee.is("load")) {
			return newCall(st, i, offset)
		}
	}
	return nil
}

func newCall(st *statement, open, offset int) *call {
	c := &call{callee: st.first + open - 1}
	for _, tokens := range splitArguments(st.tokens[open:]) {
		arg := argument{tokens: tokens}
		switch {
		case len(tokens) == 0:
		case tokens[0].is("*"), tokens[0].is("**"):
			arg.name = tokens[0].text
		case len(tokens) > 1 && tokens[0].kind == nameToken && tokens[1].is("="):
			arg.name = tokens[0].text
		}
		c.args = append(c.args, arg)
	}
	depth := 0
	for _, t := range st.tokens[open+1:] {
		if t.end > offset {
			break
		}
		if depth += nesting(t); depth == 0 && t.is(",") {
			c.active++
		}
	}
	return c
}

// namedArgument returns the call in which the token i is the name of an argument, such as the dockerfile of
// docker_build(dockerfile='x'); nil if there is none.
func (o *outline) namedArgument(i int) *call {
	if i+1 >= len(o.tokens) || !o.tokens[i+1].is("=") {
		return nil
	}
	c := o.callAt(o.tokens[i].start)
	if c == nil || len(c.args[c.active].tokens) == 0 || c.args[c.active].tokens[0].start != o.tokens[i].start || o.tokens[c.callee].is("load") {
		return nil
	}
	return c
}

// given reports whether an argument other than the active one gives a parameter.
func (c *call) given(params []kit.Param, name string) bool {
	for i, arg := range c.args {
		switch {
		case i == c.active || len(arg.tokens) == 0:
		case arg.name == name:
			return true
		case arg.name == "" && i < len(params) && params[i].Name == name:
			return true
		}
	}
	return false
}

// parameter returns the index of the parameter that the active argument is for, -1 if there is none.
func (c *call) parameter(params []kit.Param) int {
	arg := c.args[c.active]
	named := slices.ContainsFunc(c.args[:c.active], func(a argument) bool { return a.name != "" })
	var wanted func(i int) bool
	switch {
	case arg.name == "*" || arg.name == "**":
		return -1
	case arg.name != "":
		wanted = func(i int) bool { return params[i].Name == arg.name }
	case !named:
		wanted = func(i int) bool { return i == c.active }
	default: // only names can follow, and this one may be half typed
		typed := ""
		if len(arg.tokens) > 0 {
			typed = arg.tokens[0].text
		}
		wanted = func(i int) bool { return strings.HasPrefix(params[i].Name, typed) && !c.given(params, params[i].Name) }
	}
	for i, p := range params {
		stars := strings.HasPrefix(p.Name, "*")
		switch {
		case strings.HasPrefix(p.Name, "**"):
			if named || arg.name != "" {
				return i
			}
		case stars && len(p.Name) > 1:
			if !named && arg.name == "" {
				return i
			}
		case stars:
			if !named && arg.name == "" {
				return -1 // only names can follow a bare star
			}
		case wanted(i):
			return i
		}
	}
	return -1
}
