package k8s

import (
	"strings"

	gostarlark "go.starlark.net/starlark"
	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/starlark/kit"
)

// filterYAML returns two Blobs: the objects that match all that is given, and the rest.
func (f *Family) filterYAML(c *kit.Call) (gostarlark.Value, error) {
	var sources gostarlark.Value
	var labels kit.StrDict
	var name, namespace, kind, apiVersion kit.Str
	if err := c.Unpack("yaml", &sources, "labels?", &labels, "name??", &name, "namespace??", &namespace, "kind??", &kind,
		"api_version??", &apiVersion); err != nil {
		return nil, err
	}
	s, err := newSelector(string(apiVersion), string(kind), string(name), string(namespace))
	if err != nil {
		return nil, err
	}
	objects, err := f.read(c, sources)
	if err != nil {
		return nil, err
	}
	var match, rest []*object
	for _, o := range objects {
		if s.matches(o) && hasLabels(o, labels) {
			match = append(match, o)
		} else {
			rest = append(rest, o)
		}
	}
	result := make(gostarlark.Tuple, 0, 2)
	for _, list := range [][]*object{match, rest} {
		text, err := serialize(list)
		if err != nil {
			return nil, err
		}
		result = append(result, &kit.Blob{Text: text})
	}
	return result, nil
}

func hasLabels(o *object, want map[string]string) bool {
	for name, value := range want {
		if has, ok := o.ownLabels[name]; !ok || has != value {
			return false
		}
	}
	return true
}

// serialize returns the objects as a YAML text.
func serialize(objects []*object) (string, error) {
	var docs []string
	for _, o := range objects {
		text, err := yaml.JSONToYAML(o.JSON)
		if err != nil {
			return "", err
		}
		docs = append(docs, string(text))
	}
	return strings.Join(docs, "---\n"), nil
}
