package later

import (
	"strings"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/starlark/kit"
)

// functions are Tilt's builtins to come. A family that adds one takes it off.
const functions = `
helm kustomize
`

// Title is that of the documentation of what is not there yet.
const Title = "Not there yet"

// New registers the family.
func New(run *kit.Run) {
	run.Document(docs())
	for name := range strings.FieldsSeq(functions) {
		run.Builtin(name, func(c *kit.Call) (gostarlark.Value, error) { return nil, missing(c.Name) })
	}
}

// docs says of each name what it is to people: not there. Which arguments it takes, its family will say.
func docs() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nCalling one of these says that it is not there.\n", Title)
	for name := range strings.FieldsSeq(functions) {
		fmt.Fprintf(&b, "\n## %s\n\nA builtin of Tilt that is not in this version of envflow yet.\n", name)
	}
	b.WriteString("\n## v1alpha1\n\nA module of Tilt that is not in this version of envflow yet.\n")
	return b.String()
}

func missing(name string) error {
	return kit.Plain(name + " is not in this version of envflow yet")
}
