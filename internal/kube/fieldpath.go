package kube

import (
	"encoding/json"
	"strconv"
	"strings"
)

// dropField removes a field from an object. The path is written as the API server does in its errors:
// .spec.template.spec.containers[name="web"].image. Names may have dots in them, so that the path is read along the object. It
// reports whether there was such a field.
func dropField(value any, path string) bool {
	switch value := value.(type) {
	case map[string]any:
		return dropFromMap(value, path)
	case []any:
		item, rest, ok := item(value, path)
		// Of a whole item nothing is removed: its key would be gone as well.
		return ok && rest != "" && dropField(value[item], rest)
	}
	return false
}

func dropFromMap(fields map[string]any, path string) bool {
	key := ""
	for name := range fields {
		rest, ok := strings.CutPrefix(path, "."+name)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') && len(name) > len(key) {
			key = name
		}
	}
	if key == "" {
		return false
	}
	rest := strings.TrimPrefix(path, "."+key)
	if rest == "" {
		delete(fields, key)
		return true
	}
	return dropField(fields[key], rest)
}

// item returns the index of the list item that the path begins with, and the rest of the path.
func item(items []any, path string) (index int, rest string, ok bool) {
	if !strings.HasPrefix(path, "[") {
		return 0, "", false
	}
	end := closing(path)
	if end < 0 {
		return 0, "", false
	}
	selector, rest := path[1:end], path[end+1:]
	if n, err := strconv.Atoi(selector); err == nil {
		return n, rest, n >= 0 && n < len(items)
	}
	keys, most := keysOf(selector), 0
	for i, candidate := range items {
		fields, _ := candidate.(map[string]any)
		if n := matching(fields, keys); n > most {
			index, most = i, n
		}
	}
	return index, rest, most > 0
}

// closing returns the index of the bracket that closes the one at the beginning, -1 if there is none.
func closing(path string) int {
	quoted := false
	for i := 1; i < len(path); i++ {
		switch {
		case quoted && path[i] == '\\':
			i++
		case path[i] == '"':
			quoted = !quoted
		case path[i] == ']' && !quoted:
			return i
		}
	}
	return -1
}

// keysOf reads a selector: name="web" or containerPort=80,protocol="TCP".
func keysOf(selector string) map[string]any {
	keys := map[string]any{}
	for selector != "" {
		name, rest, ok := strings.Cut(selector, "=")
		if !ok {
			return nil
		}
		decoder := json.NewDecoder(strings.NewReader(rest))
		var value any
		if err := decoder.Decode(&value); err != nil {
			return nil
		}
		keys[name] = value
		selector = strings.TrimPrefix(rest[decoder.InputOffset():], ",")
	}
	return keys
}

// matching returns how many of the keys the item has, 0 if one of them has another value. One that it leaves to a default,
// such as the protocol of a port, may have any value.
func matching(fields, keys map[string]any) int {
	matched := 0
	for name, value := range keys {
		have, ok := fields[name]
		if !ok {
			continue
		}
		if !same(have, value) {
			return 0
		}
		matched++
	}
	return matched
}
