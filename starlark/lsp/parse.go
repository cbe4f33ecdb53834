package lsp

import (
	"errors"
	"slices"
	"strings"

	"go.starlark.net/syntax"

	"github.com/envflow/envflow/starlark/kit"
)

const (
	maxParsed = 1 << 20 // bytes; more takes seconds, and other answers wait that long. docs/editors.md says so
	maxBroken = 8       // statements that are left out of a file to parse the rest
	maxDepth  = 1000    // brackets within brackets; the parser's recursion is Go's, and Go ends a program whose stack is too deep
)

// parse parses the document. Where it is broken, because somebody types there, the statement is left out, so that the mistakes of all
// others are seen; nil if that does not help.
func (c *checker) parse() *syntax.File {
	o := c.d.outline()
	if len(c.d.string) > maxParsed {
		return nil
	}
	if tooDeep(o.tokens) {
		c.at(0, "the brackets are nested too deep")
		return nil
	}
	src := c.d.string
	for range maxBroken {
		file, err := kit.Dialect().Parse(c.d.path, src, 0)
		e, ok := errors.AsType[syntax.Error](err)
		if !ok {
			return file
		}
		at := c.placeOf(e)
		first, last := o.blockAt(at)
		if open := o.unclosed(at, src); open >= 0 {
			at = o.tokens[open].start
			c.at(at, "%s is not closed", o.tokens[open].text)
			first, last = o.blockAt(at)
		} else {
			c.at(at, "%s", e.Msg)
		}
		if last <= first {
			return nil
		}
		left := src[:first] + blank(src[first:last]) + src[last:]
		if left == src {
			return nil
		}
		src = left
		c.addBroken(first, last)
	}
	return nil
}

// addBroken notes what is defined between two places, or may be: a bracket without an end makes arguments of assignments.
func (c *checker) addBroken(start, end int) {
	o := c.d.outline()
	for i := range o.symbols {
		if s := &o.symbols[i]; s.start >= start && s.start < end {
			c.broken[s.name] = true
		}
	}
	for i := o.before(start) + 1; i+1 < len(o.tokens) && o.tokens[i].start < end; i++ {
		switch {
		case o.tokens[i].kind == nameToken && o.tokens[i+1].is("="):
			c.broken[o.tokens[i].text] = true
		case o.tokens[i].is("def"):
			c.broken[o.tokens[i+1].text] = true
		}
	}
}

// placeOf returns where a mistake is. The parser has often read the token already that it does not like, or the end of the line behind
// it; and where a body or a member is missing, that is the mistake of what should have one.
func (c *checker) placeOf(e syntax.Error) int {
	o, at := c.d.outline(), c.offsetOf(e.Pos)
	i := o.before(at)
	if next := i + 1; next < len(o.tokens) && o.tokens[next].start <= at {
		i = next
	}
	missing := strings.HasSuffix(e.Msg, "want indent") || e.Msg == "not an identifier" && o.tokens[max(i-1, 0)].is(".")
	if i > 0 && missing && o.tokens[i].first {
		i--
	}
	if i < 0 {
		return at
	}
	return o.tokens[i].start
}

// blockAt returns the lines of the statement at the top of the file that a place is in, with its body and the branches that follow.
func (o *outline) blockAt(offset int) (start, end int) {
	begins := func(i int) bool {
		st := &o.statements[i]
		return st.indent == 0 && st.tokens[0].first && !st.tokens[0].is("else") && !st.tokens[0].is("elif")
	}
	i, found := slices.BinarySearchFunc(o.statements, offset, func(st statement, offset int) int { return st.tokens[0].start - offset })
	if !found {
		i--
	}
	for i > 0 && !begins(i) {
		i--
	}
	if i < 0 {
		return 0, 0
	}
	j := i + 1
	for j < len(o.statements) && !begins(j) {
		j++
	}
	if j == len(o.statements) {
		return o.statements[i].start(), len(o.src)
	}
	return o.statements[i].start(), o.statements[j].start()
}

// unclosed returns the index of a bracket without an end, in a statement before a place that is not left out of src; -1 if there is none.
func (o *outline) unclosed(offset int, src string) int {
	for i := range o.statements {
		st := &o.statements[i]
		if st.start() > offset {
			break
		}
		if src[st.start()] == ' ' {
			continue
		}
		var open []int
		for j, t := range st.tokens {
			switch n := nesting(t); {
			case n > 0:
				open = append(open, st.first+j)
			case n < 0 && len(open) > 0:
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 {
			return open[len(open)-1]
		}
	}
	return -1
}

// blank replaces all bytes but the ends of lines by spaces: what follows stays where it is.
func blank(src string) string {
	spaces := []byte(src)
	for i, b := range spaces {
		if b != '\n' && b != '\r' {
			spaces[i] = ' '
		}
	}
	return string(spaces)
}

// tooDeep reports whether brackets, or signs before a value, are nested deeper than anybody writes.
func tooDeep(tokens []token) bool {
	depth, signs := 0, 0
	for _, t := range tokens {
		depth += nesting(t)
		if t.is("-") || t.is("+") || t.is("~") || t.is("not") || t.is("lambda") {
			signs++
		} else if !t.is(":") {
			signs = 0
		}
		if depth > maxDepth || signs > maxDepth {
			return true
		}
	}
	return false
}
