package lsp

import (
	"slices"
	"sort"
	"strings"
)

// dotted returns the names joined by dots that end at the token i, such as os.path, and where they begin. It begins with a dot if
// what is before is no name.
func (o *outline) dotted(i int) (name string, start int) {
	name, start = o.tokens[i].text, o.tokens[i].start
	for i >= 1 && o.tokens[i-1].is(".") {
		if i < 2 || o.tokens[i-2].kind != nameToken {
			return "." + name, start
		}
		i -= 2
		name, start = o.tokens[i].text+"."+name, o.tokens[i].start
	}
	return name, start
}

// before returns the index of the last token that ends at a place or before it, -1 if there is none.
func (o *outline) before(offset int) int {
	return sort.Search(len(o.tokens), func(i int) bool { return o.tokens[i].end > offset }) - 1
}

// nameAt returns the index of the name at a place, or just before it; -1 if there is none.
func (o *outline) nameAt(offset int) int {
	i := o.before(offset)
	for _, i := range []int{i + 1, i} { // a place between two tokens belongs to the one behind, if that is a name
		if i >= 0 && i < len(o.tokens) && o.tokens[i].kind == nameToken && o.tokens[i].start <= offset && offset <= o.tokens[i].end {
			return i
		}
	}
	return -1
}

// stringAt returns the index of the string that a place is inside of, -1 if there is none.
func (o *outline) stringAt(offset int) int {
	i := sort.Search(len(o.tokens), func(i int) bool { return o.tokens[i].end >= offset })
	if i < len(o.tokens) && o.tokens[i].kind == stringToken && o.tokens[i].content <= offset && offset <= o.tokens[i].contentEnd() {
		return i
	}
	return -1
}

// inComment reports whether a place is inside of a comment.
func (o *outline) inComment(offset int) bool {
	i := sort.Search(len(o.comments), func(i int) bool { return o.comments[i].end >= offset })
	return i < len(o.comments) && o.comments[i].start < offset
}

// statementAt returns the last statement that begins at a place or before it, nil if there is none.
func (o *outline) statementAt(offset int) *statement {
	i := sort.Search(len(o.statements), func(i int) bool { return o.statements[i].start() > offset })
	if i == 0 {
		return nil
	}
	return &o.statements[i-1]
}

// sees reports whether a symbol can be used at a place: it is of the file, or of a function around the place.
func (o *outline) sees(s *symbol, offset int) bool {
	if s.kind == boundSymbol && (offset < s.from || offset > s.to) {
		return false
	}
	return s.scope < 0 || o.isInside(&o.symbols[s.scope], offset) && o.sees(&o.symbols[s.scope], offset)
}

// isInside reports whether a place is inside of a function. Behind its last statement the indentation decides.
func (o *outline) isInside(f *symbol, offset int) bool {
	if offset < f.from || offset >= f.until && f.until < len(o.src) {
		return false
	}
	line := strings.LastIndexByte(o.src[:offset], '\n') + 1
	blank := strings.TrimLeft(o.src[line:offset], " \t") == ""
	return offset <= f.to || !blank || offset-line > f.indent
}

// find returns the symbol that a name means at a place: of the innermost function, and there the last before the place; nil if none.
func (o *outline) find(name string, offset int) *symbol {
	var found *symbol
	for _, i := range o.named[name] {
		s := &o.symbols[i]
		if !o.sees(s, offset) {
			continue
		}
		if found == nil || s.scope > found.scope || s.scope == found.scope && s.start <= offset {
			found = s
		}
	}
	return found
}

// exported returns the symbol that other files can load by a name, nil if there is none.
func (o *outline) exported(name string) *symbol {
	for _, i := range slices.Backward(o.named[name]) {
		if o.symbols[i].isExported() {
			return &o.symbols[i]
		}
	}
	return nil
}

func (s *symbol) isExported() bool {
	return s.scope < 0 && (s.kind == functionSymbol || s.kind == variableSymbol) && !strings.HasPrefix(s.name, "_")
}

// parameter returns the symbol of a function's parameter, nil if it has none of that name.
func (o *outline) parameter(function *symbol, name string) *symbol {
	for _, i := range o.named[name] {
		if s := &o.symbols[i]; s.kind == parameterSymbol && &o.symbols[s.scope] == function {
			return s
		}
	}
	return nil
}
