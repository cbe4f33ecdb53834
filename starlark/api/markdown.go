package api

import (
	"fmt"
	"strings"
)

// intro is the head of the documentation.
const intro = `# Objects of Tilt's API

Each of these registers an object, or makes a value that objects are made of. A value is a dict: one that is written out does as well.
A field that is a dict of its own, or a list of dicts, takes both.

No two objects of a kind have the same name. Registering the same object again changes nothing, and another one is an error.
`

// markdown writes the documentation of the table, in the form that kit reads.
func markdown(table []*spec) string {
	var b strings.Builder
	b.WriteString(intro)
	for _, s := range table {
		fmt.Fprintf(&b, "\n## %s%s\n\n%s\n\n", module, s.name, s.text)
		if s.kind != "" {
			b.WriteString("- `name` (string): the name of the object\n" +
				"- `labels` (dict of strings, `None`): as Kubernetes has them\n" +
				"- `annotations` (dict of strings, `None`): as Kubernetes has them\n")
		}
		for _, f := range s.fields {
			fmt.Fprintf(&b, "- `%s` (%s, `None`): %s\n", f.name, f.takes.words, f.text)
		}
		if s.kind == "" {
			fmt.Fprintf(&b, "- returns (dict): for arguments that take a `%s`\n", s.name)
		}
		if s.example != "" {
			fmt.Fprintf(&b, "\n```python\n%s\n```\n", s.example)
		}
	}
	return b.String()
}
