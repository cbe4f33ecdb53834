package diff

import (
	"reflect"
	"strings"
)

// What stands for a value that is not shown. Of one that has changed no more is told than that.
const (
	secret    = "(secret)"
	hidden    = "(hidden)"
	different = "(changed)"
)

// lastApplied is where kubectl keeps a whole object, its secrets too.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// hideSecret replaces the values of a Secret.
func hideSecret(before, after any) {
	if !isSecret(before) && !isSecret(after) {
		return
	}
	a, _ := before.(map[string]any)
	b, _ := after.(map[string]any)
	for _, field := range []string{"data", "stringData"} {
		hide(a[field], b[field], secret, func(string) bool { return true })
	}
	hide(annotations(a), annotations(b), secret, func(name string) bool { return name == lastApplied })
}

func isSecret(object any) bool {
	o, _ := object.(map[string]any)
	return o["kind"] == "Secret"
}

func annotations(object map[string]any) any {
	metadata, _ := object["metadata"].(map[string]any)
	return metadata["annotations"]
}

// hideVariables replaces the values of variables: of commands, of all commands, of services of a Compose project.
func hideVariables(before, after any) {
	a, _ := before.(map[string]any)
	b, _ := after.(map[string]any)
	for key := range names(a, b) {
		was, is := variables(key, a[key]), variables(key, b[key])
		if was == nil && is == nil {
			hideVariables(a[key], b[key])
			continue
		}
		if was != nil {
			a[key] = was
		}
		if is != nil {
			b[key] = is
		}
		hide(was, is, hidden, func(string) bool { return true })
	}
	listA, _ := before.([]any)
	listB, _ := after.([]any)
	for i := range max(len(listA), len(listB)) {
		hideVariables(at(listA, i), at(listB, i))
	}
}

// variables are those that are under a key, nil if there are none. Some are written as a list of NAME=value.
func variables(key string, value any) map[string]any {
	if key != "env" && key != "environment" {
		return nil
	}
	switch value := value.(type) {
	case map[string]any:
		for _, each := range value {
			switch each.(type) {
			case map[string]any, []any: // what happens to have such a name
				return nil
			}
		}
		return value
	case []any:
		all := map[string]any{}
		for _, each := range value {
			text, ok := each.(string)
			if !ok {
				return nil
			}
			name, content, _ := strings.Cut(text, "=")
			all[name] = content
		}
		return all
	}
	return nil
}

// at is an element of a list, nil behind its end.
func at(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// hide replaces the values of two maps under some of their keys.
func hide(before, after any, mask string, isHidden func(key string) bool) {
	a, _ := before.(map[string]any)
	b, _ := after.(map[string]any)
	for key, value := range b {
		if !isHidden(key) {
			continue
		}
		b[key] = mask
		if old, ok := a[key]; ok && !reflect.DeepEqual(old, value) {
			b[key] = different
		}
	}
	for key := range a {
		if isHidden(key) {
			a[key] = mask
		}
	}
}
