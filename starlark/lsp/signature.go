package lsp

import (
	"unicode/utf16"
)

// signature says what the call at a place takes, and which of its parameters is being written.
func (s *server) signature(d *document, offset int) any {
	c := d.outline().callAt(offset)
	if c == nil {
		return nil
	}
	doc := s.meaningOf(d, c.callee).callable()
	if doc == nil {
		return nil
	}
	info := signatureInformation{Label: doc.Signature(), Parameters: []parameterInformation{}}
	if doc.Text != "" {
		info.Documentation = markdown(doc.Summary())
	}
	start := units(doc.Name) + len("(")
	for _, p := range doc.Params {
		label := p.String()
		end := start + units(label)
		param := parameterInformation{Label: label}
		if s.labelOffsets { // otherwise the editor takes the first place in the signature that reads so
			param.Label = [2]int{start, end}
		}
		if p.Text != "" {
			param.Documentation = markdown(p.Text)
		}
		info.Parameters = append(info.Parameters, param)
		start = end + len(", ")
	}
	active := c.parameter(doc.Params)
	if active < 0 {
		active = len(doc.Params) // none of them
	}
	return signatureHelp{Signatures: []signatureInformation{info}, ActiveParameter: active}
}

// units is the length of a label, which is counted in UTF-16 whatever the encoding of positions.
func units(label string) int { return len(utf16.Encode([]rune(label))) }
