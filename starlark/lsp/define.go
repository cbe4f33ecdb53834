package lsp

// define returns where the name at a place is defined, also in a loaded file. For the path in a load it is the file itself.
func (s *server) define(d *document, offset int) any {
	if ref := s.referenceAt(d, offset); ref != nil {
		if ref.file != nil {
			return location{URI: ref.file.uri}
		}
		return ref.location()
	}
	o := d.outline()
	i := o.nameAt(offset)
	if i < 0 {
		return nil
	}
	if c := o.namedArgument(i); c != nil {
		m := s.meaningOf(d, c.callee)
		if m.symbol != nil {
			m.symbol = m.in.outline().parameter(m.symbol, o.tokens[i].text)
		}
		return m.location()
	}
	return s.meaningOf(d, i).location()
}

// location returns where the symbol is, nil if there is none.
func (m meaning) location() any {
	if m.symbol == nil {
		return nil
	}
	return location{URI: m.in.uri, Range: m.in.rangeOf(m.symbol.start, m.symbol.end)}
}
