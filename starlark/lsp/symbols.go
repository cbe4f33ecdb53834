package lsp

// listSymbols lists the functions and variables of a file, the functions and variables of a function within it.
func (s *server) listSymbols(p *documentParams) (any, error) {
	d := s.documents[p.TextDocument.URI]
	if d == nil {
		return nil, nil
	}
	within := map[int][]int{} // the symbols of a function, or of the file
	for i, sym := range d.outline().symbols {
		within[sym.scope] = append(within[sym.scope], i)
	}
	return d.symbolsOf(-1, within), nil
}

func (d *document) symbolsOf(scope int, within map[int][]int) []documentSymbol {
	list := []documentSymbol{}
	seen := map[string]bool{}
	for _, i := range within[scope] {
		sym := &d.outline().symbols[i]
		if seen[sym.name] && sym.kind == variableSymbol {
			continue
		}
		entry := documentSymbol{Name: sym.name, Range: d.rangeOf(sym.from, sym.to), SelectionRange: d.rangeOf(sym.start, sym.end)}
		switch sym.kind {
		case functionSymbol:
			entry.Kind, entry.Children = symbolFunction, d.symbolsOf(i, within)
		case variableSymbol:
			entry.Kind = symbolVariable
		default:
			continue
		}
		seen[sym.name] = true
		list = append(list, entry)
	}
	return list
}
