package api

import (
	"fmt"
	"strings"
)

// markdown writes the documentation of the table, in the form that kit reads.
func markdown(table []*spec) string {
	var b strings.Builder
	for _, s := range table {
		fmt.Fprintf(&b, "## %s%s\n\n%s\n\n", module, s.name, s.text)
		if s.kind != "" {
			b.WriteString("- `name` (string): of the object; no two of a kind have the same\n" +
				"- `labels` (dict of strings, optional): as Kubernetes has them\n" +
				"- `annotations` (dict of strings, optional): as Kubernetes has them\n")
		}
		for _, f := range s.fields {
			fmt.Fprintf(&b, "- `%s` (%s, optional): %s\n", f.name, strings.ReplaceAll(f.takes.words, "`", ""), f.text)
		}
		if s.kind == "" {
			fmt.Fprintf(&b, "- returns (dict): for arguments that take a `%s`; a dict that is written out does as well\n", s.name)
		} else {
			b.WriteString("\nRegistering the same object again changes nothing; another one with this name is an error.\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}
