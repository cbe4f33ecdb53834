package lsp

import "slices"

// reference is what a string in the call of a builtin that loads names: a file, or something in it.
type reference struct {
	file    *document // nil if it cannot be found
	meaning           // of a name in it
}

// loaders are the builtins whose first argument is a file to execute.
var loaders = []string{"load", "include", "load_dynamic"}

// loaderAt returns the call of a loader that the string token i is an argument of, nil if there is none.
func (s *server) loaderAt(d *document, i int) *call {
	o := d.outline()
	c := o.callAt(o.tokens[i].start)
	if c == nil {
		return nil
	}
	loader := s.meaningOf(d, c.callee).builtin
	if loader == nil || !slices.Contains(loaders, loader.Name) || c.active > 0 && loader.Name != "load" {
		return nil
	}
	return c
}

// module returns the file that a call of a loader names.
func (c *call) module() string {
	if path := c.args[0].tokens; len(path) == 1 && path[0].kind == stringToken {
		return path[0].value()
	}
	return ""
}

// referenceAt returns what the string at a place refers to, nil if it is no such string.
func (s *server) referenceAt(d *document, offset int) *reference {
	o := d.outline()
	i := o.stringAt(offset)
	if i < 0 {
		return nil
	}
	c := s.loaderAt(d, i)
	if c == nil {
		return nil
	}
	ref := &reference{}
	other := s.loaded(d, c.module())
	switch {
	case other == nil:
	case c.active == 0:
		ref.file = other
	default:
		if sym := other.outline().exported(o.tokens[i].value()); sym != nil {
			ref.meaning = meaning{symbol: sym, in: other}
		}
	}
	return ref
}
