package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/worker"
)

// builtinTopic is the word behind `envflow help` that leads to the builtins of Tiltfiles.
const builtinTopic = "builtin"

// builtinDocument is an element of the answer of `envflow help builtin -o json`. Fields are only ever added, at the end.
type builtinDocument struct {
	Name      string             `json:"name"`
	Family    string             `json:"family"` // the title of its topic
	Signature string             `json:"signature"`
	Summary   string             `json:"summary"`
	Text      string             `json:"text"` // Markdown
	Arguments []argumentDocument `json:"arguments"`
	Returns   string             `json:"returns"` // Markdown, "" for nothing
}

type argumentDocument struct {
	Name     string `json:"name"`
	Type     string `json:"type"`     // in words
	Optional bool   `json:"optional"` //
	Default  string `json:"default"`  // as Starlark; "" if there is none, or text says what holds
	Text     string `json:"text"`     // Markdown
}

// helpBuiltin prints what is known of the builtin that names has, of all members of a module, or of all builtins in short.
func (e *environ) helpBuiltin(c *cli.Context, names []string) error {
	if len(names) > 1 {
		return usageFault("", "\"envflow help builtin\" takes one name at most, but there is also %s", quoteWords(names[1:]))
	}
	families, err := worker.Builtins(c.Context)
	if err != nil {
		return err
	}
	if len(names) == 1 {
		if families, err = builtinsNamed(families, names[0]); err != nil {
			return err
		}
	}
	if c.String("output") == "json" {
		answer := []builtinDocument{}
		for _, f := range families {
			for i := range f.Builtins {
				answer = append(answer, builtinDocumentOf(&f.Builtins[i]))
			}
		}
		return e.print(c, answer, nil)
	}
	return e.write(func(w *styledWriter) {
		if len(families) == 1 && len(families[0].Builtins) == 1 {
			writeBuiltin(w, &families[0].Builtins[0])
		} else {
			writeBuiltins(w, families)
		}
	})
}

// builtinsNamed returns the builtin of that name, or the members of the module of that name.
func builtinsNamed(families []worker.BuiltinFamily, name string) ([]worker.BuiltinFamily, error) {
	module := strings.TrimSuffix(name, ".") + "."
	var found []worker.BuiltinFamily
	var known, members []string
	for _, f := range families {
		within := worker.BuiltinFamily{Title: f.Title}
		for _, b := range f.Builtins {
			if b.Name == name {
				return []worker.BuiltinFamily{{Title: f.Title, Builtins: []worker.Builtin{b}}}, nil
			}
			if strings.HasPrefix(b.Name, module) {
				within.Builtins = append(within.Builtins, b)
			}
			if strings.HasSuffix(b.Name, "."+name) {
				members = append(members, b.Name)
			}
			known = append(known, b.Name)
		}
		if len(within.Builtins) > 0 {
			found = append(found, within)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	hint := "run `envflow help builtin` for a list"
	if near := slices.Concat(members, nearest(name, known)); len(near) > 0 {
		hint = "did you mean " + orList(near) + "?"
	}
	return nil, usageFault(hint, "there is no builtin %q", name)
}

func builtinDocumentOf(b *worker.Builtin) builtinDocument {
	d := builtinDocument{
		Name: b.Name, Family: b.Family, Signature: b.Signature(), Summary: b.Summary(), Text: b.Text,
		Arguments: []argumentDocument{}, Returns: b.ReturnText(),
	}
	for _, p := range b.Params {
		d.Arguments = append(d.Arguments, argumentDocument{Name: p.Name, Type: p.Type, Optional: p.Optional, Default: p.Default, Text: p.Text})
	}
	return d
}

// writeBuiltins lists builtins by topic.
func writeBuiltins(w *styledWriter, families []worker.BuiltinFamily) {
	var list strings.Builder
	groups := newHelpGroups("")
	for _, f := range families {
		for i := range f.Builtins {
			groups.add(f.Title, helpRow{f.Builtins[i].Name, f.Builtins[i].Summary()})
		}
	}
	groups.write(&styledWriter{Writer: &list, style: w.style})
	fmt.Fprintf(w, "%s\n\"envflow help builtin NAME\" says more about one.\n", strings.TrimPrefix(list.String(), "\n"))
}

// writeBuiltin prints all there is to say of one builtin.
func writeBuiltin(w *styledWriter, b *worker.Builtin) {
	fmt.Fprintf(w, "%s\n\n", w.bold(indent(wrapText(b.Signature(), helpColumns-4), "    ")))
	summary, rest, _ := strings.Cut(b.Text, "\n\n")
	fmt.Fprintf(w, "%s\n", wrapText(asLine(summary), helpColumns))
	groups := newHelpGroups("Arguments")
	for _, p := range b.Params {
		groups.add("", helpRow{p.Name, fmt.Sprintf("%s%s: %s", p.Type, defaultText(p.Default, p.Optional), asLine(p.Text))})
	}
	groups.write(w)
	if returns := b.ReturnText(); returns != "" {
		fmt.Fprintf(w, "\n%s\n  %s\n", w.bold("Returns:"), indent(wrapText(asLine(returns), helpColumns-2), "  "))
	}
	writeMarkdown(w, rest)
}

func defaultText(value string, optional bool) string {
	switch {
	case value != "":
		return ", default " + value
	case optional:
		return ", optional"
	}
	return ""
}

// writeMarkdown prints paragraphs wrapped, and code between fences indented.
func writeMarkdown(w io.Writer, text string) {
	for i, part := range strings.Split(text, "```") {
		if i%2 == 1 {
			_, code, _ := strings.Cut(part, "\n") // behind the name of its language
			fmt.Fprintf(w, "\n    %s\n", indent(strings.TrimRight(code, "\n"), "    "))
			continue
		}
		for paragraph := range strings.SplitSeq(part, "\n\n") {
			paragraph = strings.TrimSpace(paragraph)
			if paragraph == "" {
				continue
			}
			if !strings.HasPrefix(paragraph, "- ") && !strings.HasPrefix(paragraph, "|") { // lists and tables have their lines
				paragraph = wrapText(asLine(paragraph), helpColumns)
			}
			fmt.Fprintf(w, "\n%s\n", paragraph)
		}
	}
}

// indent puts space before all lines but the first.
func indent(text, space string) string { return strings.ReplaceAll(text, "\n", "\n"+space) }

func asLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// completeBuiltins prints candidates for `envflow help builtin NAME`.
func completeBuiltins(ctx context.Context, w io.Writer) {
	families, err := worker.Builtins(ctx)
	if err != nil {
		return // there is no one to tell
	}
	for _, f := range families {
		for i := range f.Builtins {
			fmt.Fprintf(w, "%s\t%s\n", f.Builtins[i].Name, f.Builtins[i].Summary())
		}
	}
}
