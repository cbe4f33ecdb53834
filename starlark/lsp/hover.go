package lsp

import (
	"fmt"
	"strings"

	"github.com/envflow/envflow/starlark/kit"
)

// hover says what the name at a place is.
func (s *server) hover(d *document, offset int) any {
	o := d.outline()
	if ref := s.referenceAt(d, offset); ref != nil {
		t := o.tokens[o.stringAt(offset)]
		answer := ref.explain()
		if ref.file != nil {
			answer = "`" + ref.file.path + "`"
		}
		return d.hoverOver(t, answer)
	}
	i := o.nameAt(offset)
	if i < 0 {
		return nil
	}
	if c := o.namedArgument(i); c != nil {
		param := s.meaningOf(d, c.callee).parameter(o.tokens[i].text)
		if param == nil {
			return nil
		}
		return d.hoverOver(o.tokens[i], code(param.String())+"\n"+describe(param))
	}
	m := s.meaningOf(d, i)
	if m.module != "" {
		return d.hoverOver(o.tokens[i], s.members(m.module))
	}
	return d.hoverOver(o.tokens[i], m.explain())
}

// hoverOver is the answer for a token, nil if there is nothing to say.
func (d *document) hoverOver(t token, answer string) any {
	if answer = strings.TrimSpace(answer); answer == "" {
		return nil
	}
	return hover{Contents: markdown(answer), Range: d.rangeOf(t.start, t.end)}
}

// explain says all there is to say of a builtin or a symbol.
func (m meaning) explain() string {
	switch {
	case m.builtin != nil:
		return page(m.builtin)
	case m.symbol == nil:
		return ""
	case m.symbol.kind == functionSymbol:
		return code("def "+m.callable().Signature()) + "\n" + m.symbol.doc
	}
	line, _, _ := strings.Cut(m.in.string[m.symbol.from:m.symbol.to], "\n")
	return code(strings.TrimSpace(line))
}

func code(text string) string { return "```python\n" + text + "\n```\n" }

// page is all there is to say of a builtin.
func page(doc *kit.Doc) string {
	var b strings.Builder
	b.WriteString(code(doc.Signature()) + "\n" + doc.Text + "\n\n")
	for i := range doc.Params {
		b.WriteString("- " + strings.ReplaceAll(describe(&doc.Params[i]), "\n", "\n  ") + "\n")
	}
	if returns := doc.ReturnText(); returns != "" {
		b.WriteString("\nReturns " + returns + "\n")
	}
	return b.String()
}

// describe says what a parameter is for, as far as that is known.
func describe(p *kit.Param) string {
	if p.Text == "" {
		return ""
	}
	return fmt.Sprintf("`%s` (%s): %s", p.Name, p.Type, p.Text)
}

// members lists what a module of builtins has.
func (s *server) members(module string) string {
	var b strings.Builder
	for i := range s.Docs {
		if doc := &s.Docs[i]; strings.HasPrefix(doc.Name, module+".") {
			fmt.Fprintf(&b, "- `%s`: %s\n", doc.Name, doc.Summary())
		}
	}
	return b.String()
}
