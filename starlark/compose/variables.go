package compose

import (
	"regexp"
	"slices"

	"github.com/compose-spec/compose-go/v2/template"
)

// unsetVariables substitutes variables as Compose does, and notes those that are not set and have no default.
type unsetVariables struct{ names []string }

// plainVariable is a use of a variable that says nothing of what holds if it is not set.
var plainVariable = regexp.MustCompile(`^\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})$`)

func (u *unsetVariables) substitute(text string, lookup template.Mapping) (string, error) {
	return template.SubstituteWithOptions(text, lookup, template.WithoutLogging, template.WithReplacementFunction(u.replace))
}

func (u *unsetVariables) replace(use string, lookup template.Mapping, config *template.Config) (string, error) {
	if found := plainVariable.FindStringSubmatch(use); found != nil {
		name := found[1] + found[2]
		if _, ok := lookup(name); !ok && !slices.Contains(u.names, name) {
			u.names = append(u.names, name)
			slices.Sort(u.names)
		}
	}
	return template.DefaultReplacementFunc(use, lookup, config)
}
