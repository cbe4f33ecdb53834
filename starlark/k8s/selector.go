package k8s

import (
	"fmt"
	"regexp"
)

// selector means objects by regular expressions that need match a part only and ignore case, as in Tilt. An empty one means all.
type selector struct {
	apiVersion, kind, name, namespace *regexp.Regexp
}

func newSelector(apiVersion, kind, name, namespace string) (*selector, error) {
	s := &selector{}
	for _, part := range []struct {
		argument, pattern string
		into              **regexp.Regexp
	}{
		{"api_version", apiVersion, &s.apiVersion},
		{"kind", kind, &s.kind},
		{"name", name, &s.name},
		{"namespace", namespace, &s.namespace},
	} {
		compiled, err := regexp.Compile("(?i)" + part.pattern)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is not a regular expression: %w", part.argument, part.pattern, err)
		}
		*part.into = compiled
	}
	return s, nil
}

// matches takes the namespace that the YAML names, "default" if it names none.
func (s *selector) matches(o *object) bool {
	return s.apiVersion.MatchString(o.APIVersion) && s.kind.MatchString(o.Kind) && s.name.MatchString(o.Name) &&
		s.namespace.MatchString(o.fragments()[2])
}

// String identifies the selector: a second call of k8s_kind for the same one replaces what the first said.
func (s *selector) String() string {
	return fmt.Sprint(s.apiVersion, s.kind, s.name, s.namespace)
}
