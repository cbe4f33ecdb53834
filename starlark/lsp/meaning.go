package lsp

import (
	"strings"

	"github.com/envflow/envflow/starlark/kit"
)

// meaning is what a name stands for. At most one of its fields is set, but for symbol and in.
type meaning struct {
	builtin *kit.Doc
	module  string // of builtins, such as "os.path"
	symbol  *symbol
	in      *document // where the symbol is
}

// meaningOf says what the name at the token i of a document stands for.
func (s *server) meaningOf(d *document, i int) meaning {
	name, start := d.outline().dotted(i)
	root, _, _ := strings.Cut(name, ".")
	switch sym := d.outline().find(root, start); {
	case sym != nil && name == root:
		return s.follow(d, sym)
	case sym != nil:
		return meaning{} // a member of what only an evaluation can tell
	case s.modules[name]:
		return meaning{module: name}
	}
	return meaning{builtin: s.docs[name]}
}

// follow returns what a symbol stands for: one that is loaded for that of the other file, if it is there.
func (s *server) follow(d *document, sym *symbol) meaning {
	if sym.kind == loadedSymbol {
		if other := s.loaded(d, sym.module); other != nil {
			if exported := other.outline().exported(sym.original); exported != nil {
				return meaning{symbol: exported, in: other}
			}
		}
	}
	return meaning{symbol: sym, in: d}
}

// callable returns what is known of a function, in the form of a builtin's documentation; nil if it is none.
func (m meaning) callable() *kit.Doc {
	switch {
	case m.builtin != nil && m.builtin.Callable:
		return m.builtin
	case m.symbol != nil && m.symbol.kind == functionSymbol:
		return &kit.Doc{Name: m.symbol.name, Callable: true, Text: m.symbol.doc, Params: m.symbol.params}
	}
	return nil
}

// parameter returns what is known of a parameter of a function, nil if it has none of that name.
func (m meaning) parameter(name string) *kit.Param {
	doc := m.callable()
	if doc == nil {
		return nil
	}
	for i := range doc.Params {
		if doc.Params[i].Name == name {
			return &doc.Params[i]
		}
	}
	return nil
}
