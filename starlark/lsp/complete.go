package lsp

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/starlark/kit"
)

// completions are what can stand in the place of a word.
type completions struct {
	server *server
	d      *document
	offset int
	word   span
	taken  map[string]bool
	list   completionList
}

// maxNames is how many names of a file are offered at once. Of more, only those that begin as the word does.
const maxNames = 1000

// complete returns what can stand at a place: in a string what there is to load, or a path; behind the dot of a module its members, else
// the arguments of the call and all names.
func (s *server) complete(d *document, offset int) any {
	o := d.outline()
	c := &completions{server: s, d: d, offset: offset, word: wordAt(d.string, offset), taken: map[string]bool{}, list: completionList{Items: []completionItem{}}}
	before := o.before(c.word.start)
	switch {
	case o.inComment(offset):
	case o.stringAt(offset) >= 0:
		c.addText(o.stringAt(offset))
	case before >= 0 && o.tokens[before].is("def"): // a new name
	case prefixOf(d.string[c.word.start:], isDigit) > 0: // a number
	case before >= 0 && o.tokens[before].is("."):
		c.addMembers(before)
	default:
		c.addArguments()
		c.addNames()
	}
	return c.list
}

// wordAt returns the word around a place.
func wordAt(src string, offset int) span {
	w := span{offset, offset}
	for w.start > 0 {
		r, size := utf8.DecodeLastRuneInString(src[:w.start])
		if !isNamePart(r) {
			break
		}
		w.start -= size
	}
	w.end += prefixOf(src[offset:], isNamePart)
	return w
}

// add adds a word, unless one of the same name is there, which hides it.
func (c *completions) add(name string, kind int, detail, doc string) {
	c.put(completionItem{Label: name, Kind: kind, Detail: detail}, c.word, name, doc)
}

func (c *completions) put(item completionItem, place span, text, doc string) {
	if c.taken[item.Label] {
		return
	}
	c.taken[item.Label] = true
	item.TextEdit = textEdit{Range: c.d.rangeOf(place.start, place.end), NewText: text}
	if doc != "" {
		item.Documentation = markdown(doc)
	}
	c.list.Items = append(c.list.Items, item)
}

// addArguments adds the arguments that the call around the word does not have yet.
func (c *completions) addArguments() {
	o := c.d.outline()
	call := o.callAt(c.word.start)
	if call == nil || o.tokens[call.callee].is("load") {
		return
	}
	if first := call.args[call.active].tokens; len(first) > 0 && first[0].start != c.word.start {
		return // the word is a part of its argument only
	}
	doc := c.server.meaningOf(c.d, call.callee).callable()
	if doc == nil {
		return
	}
	equals := "="
	if strings.HasPrefix(strings.TrimLeft(c.d.string[c.word.end:], " "), "=") {
		equals = ""
	}
	names := parametersOf(doc).named
	for i := range doc.Params {
		if p := &doc.Params[i]; slices.Contains(names, p.Name) && !call.given(doc.Params, p.Name) {
			item := completionItem{Label: p.Name + "=", Kind: itemField, Detail: p.Type, SortText: " " + p.Name} // before the names
			c.put(item, c.word, p.Name+equals, p.Text)
		}
	}
}

// addMembers adds what a module has, whose dot is the token i.
func (c *completions) addMembers(i int) {
	if i == 0 || c.d.outline().tokens[i-1].kind != nameToken {
		return
	}
	if module := c.server.meaningOf(c.d, i-1).module; module != "" {
		c.addBuiltins(module + ".")
	}
}

// addNames adds all that can be named here.
func (c *completions) addNames() {
	o := c.d.outline()
	names := slices.Sorted(maps.Keys(o.named))
	if len(names) > maxNames {
		typed := c.d.string[c.word.start:c.offset]
		names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, typed) })
		names = names[:min(len(names), maxNames)]
		c.list.IsIncomplete = true
	}
	for _, name := range names {
		if sym := o.find(name, c.word.start); sym != nil && sym.start != c.word.start {
			c.addMeaning(name, c.server.follow(c.d, sym))
		}
	}
	c.addBuiltins("")
	for _, name := range gostarlark.Universe.Keys() {
		c.add(name, universeKind(name), "", "")
	}
	for _, name := range keywords {
		c.add(name, itemKeyword, "", "")
	}
}

func universeKind(name string) int {
	if _, ok := gostarlark.Universe[name].(gostarlark.Callable); ok {
		return itemFunction
	}
	return itemVariable
}

func (c *completions) addMeaning(name string, m meaning) {
	if doc := m.callable(); doc != nil {
		c.add(name, itemFunction, doc.Signature(), doc.Text)
		return
	}
	c.add(name, itemVariable, "", "")
}

// addBuiltins adds the builtins whose names go on behind a prefix, up to the next dot.
func (c *completions) addBuiltins(prefix string) {
	for _, name := range slices.Sorted(maps.Keys(c.server.docs)) {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		if module, _, more := strings.Cut(rest, "."); more {
			c.add(module, itemModule, "", "")
		} else {
			c.addBuiltin(rest, c.server.docs[name])
		}
	}
}

func (c *completions) addBuiltin(name string, doc *kit.Doc) {
	if !doc.Callable {
		c.add(name, itemVariable, "", doc.Summary())
		return
	}
	c.add(name, itemFunction, doc.Signature(), doc.Summary())
}
