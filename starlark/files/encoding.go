package files

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	gostarlark "go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/starlark/kit"
)

// maxNesting bounds values that contain themselves.
const maxNesting = 1000

// utf8BOM is what some editors begin a file with.
const utf8BOM = "\ufeff"

func decodeJSON(text string) (gostarlark.Value, error) {
	text = strings.TrimPrefix(text, utf8BOM)
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil || strings.Trim(text[decoder.InputOffset():], " \t\r\n") != "" {
		return nil, fmt.Errorf("parse the JSON: %w", jsonProblem(text))
	}
	return toStarlark(v)
}

// jsonProblem says where a text is no JSON. The decoder's own errors do not: it reads one value of several.
func jsonProblem(text string) error {
	var v json.RawMessage
	err := json.Unmarshal([]byte(text), &v)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		before := text[:max(0, syntax.Offset-1)]
		start := strings.LastIndexByte(before, '\n') + 1
		return fmt.Errorf("line %d, column %d: %w", 1+strings.Count(before, "\n"), 1+utf8.RuneCountInString(before[start:]), err)
	}
	return err
}

func decodeYAML(text string) (gostarlark.Value, error) {
	return decodeYAMLDocument(kit.YAMLDocument{Text: text, Line: 1})
}

func decodeYAMLDocument(doc kit.YAMLDocument) (gostarlark.Value, error) {
	data, err := yaml.YAMLToJSON([]byte(doc.Text))
	if _, ok := errors.AsType[*json.UnsupportedValueError](err); ok {
		return nil, noNumber(doc)
	}
	if err != nil {
		return nil, fmt.Errorf("parse the YAML: %s", kit.YAMLProblem(err, doc.Line))
	}
	return decodeJSON(string(data))
}

// notFinite are the numbers of YAML that JSON does not have.
var notFinite = regexp.MustCompile(`(?m)(?:^|[\s,\[{])([-+]?\.(?:nan|NaN|NAN|inf|Inf|INF))(?:$|[\s,\]}])`)

// noNumber says which of them a document has.
func noNumber(doc kit.YAMLDocument) error {
	name, place := "a number that is not finite", ""
	if at := notFinite.FindStringSubmatchIndex(doc.Text); at != nil {
		name = doc.Text[at[2]:at[3]]
		place = fmt.Sprintf("line %d: ", doc.Line+strings.Count(doc.Text[:at[2]], "\n"))
	}
	return kit.Hint(fmt.Errorf("parse the YAML: %s%s cannot be a value, since JSON has no such number", place, name), "put it in quotes")
}

func decodeYAMLStream(text string) (gostarlark.Value, error) {
	list := []gostarlark.Value{}
	for _, doc := range kit.SplitYAML(text) {
		v, err := decodeYAMLDocument(doc)
		if err != nil {
			return nil, err
		}
		if v != gostarlark.None {
			list = append(list, v)
		}
	}
	return gostarlark.NewList(list), nil
}

func encodeJSON(v gostarlark.Value) (string, error) {
	data, err := fromStarlark(v, 0)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(data); err != nil {
		return "", err
	}
	return b.String(), nil
}

func encodeYAML(v gostarlark.Value) (string, error) {
	data, err := fromStarlark(v, 0)
	if err != nil {
		return "", err
	}
	big := newBigInts()
	asJSON, err := json.Marshal(big.hide(data))
	if err != nil {
		return "", err
	}
	text, err := yaml.JSONToYAML(escapeControls(asJSON))
	return big.show(string(text)), err
}

// escapeControls escapes what JSON may have in a string as it is, and YAML may not.
func escapeControls(text []byte) []byte {
	isControl := func(r rune) bool { return r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff }
	if !bytes.ContainsFunc(text, isControl) {
		return text
	}
	var b bytes.Buffer
	for _, r := range string(text) {
		if isControl(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.Bytes()
}

func encodeYAMLStream(v gostarlark.Value) (string, error) {
	items, err := kit.List(v)
	if err != nil {
		return "", fmt.Errorf("want a list: %w", err)
	}
	var docs []string
	for _, item := range items {
		text, err := encodeYAML(item)
		if err != nil {
			return "", err
		}
		docs = append(docs, text)
	}
	return strings.Join(docs, "---\n"), nil
}

// toStarlark converts what package json decodes with UseNumber. Whole numbers become int whatever their size.
func toStarlark(v any) (gostarlark.Value, error) {
	switch v := v.(type) {
	case nil:
		return gostarlark.None, nil
	case bool:
		return gostarlark.Bool(v), nil
	case string:
		return gostarlark.String(v), nil
	case json.Number:
		if i, ok := new(big.Int).SetString(v.String(), 10); ok {
			return gostarlark.MakeBigInt(i), nil
		}
		f, err := v.Float64()
		return gostarlark.Float(f), err
	case []any:
		list := make([]gostarlark.Value, 0, len(v))
		for _, item := range v {
			converted, err := toStarlark(item)
			if err != nil {
				return nil, err
			}
			list = append(list, converted)
		}
		return gostarlark.NewList(list), nil
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		dict := gostarlark.NewDict(len(v))
		for _, key := range keys {
			converted, err := toStarlark(v[key])
			if err != nil {
				return nil, err
			}
			if err := dict.SetKey(gostarlark.String(key), converted); err != nil {
				return nil, err
			}
		}
		return dict, nil
	}
	return nil, fmt.Errorf("cannot convert %T", v)
}

// fromStarlark converts a value to what package json encodes.
func fromStarlark(v gostarlark.Value, depth int) (any, error) {
	if depth > maxNesting {
		return nil, errors.New("the value contains itself")
	}
	if text, ok := kit.Text(v); ok {
		return text, nil
	}
	switch v := v.(type) {
	case gostarlark.NoneType:
		return nil, nil
	case gostarlark.Bool:
		return bool(v), nil
	case gostarlark.Int:
		return json.Number(v.String()), nil
	case gostarlark.Float:
		return float64(v) + 0, nil // -0 is 0
	case *starlarkstruct.Struct:
		fields := map[string]any{}
		for _, name := range v.AttrNames() {
			field, err := v.Attr(name)
			if err != nil {
				return nil, err
			}
			if fields[name], err = fromStarlark(field, depth+1); err != nil {
				return nil, err
			}
		}
		return fields, nil
	case gostarlark.IterableMapping:
		fields := map[string]any{}
		for _, item := range v.Items() {
			key, ok := kit.Text(item[0])
			if !ok {
				return nil, fmt.Errorf("the key %s is a %s, only strings can be encoded", item[0], item[0].Type())
			}
			var err error
			if fields[key], err = fromStarlark(item[1], depth+1); err != nil {
				return nil, err
			}
		}
		return fields, nil
	case gostarlark.Iterable:
		list := []any{}
		for item := range gostarlark.Elements(v) {
			converted, err := fromStarlark(item, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, converted)
		}
		return list, nil
	}
	return nil, fmt.Errorf("a %s cannot be encoded", v.Type())
}

// Decode converts a JSON text.
func Decode(text string) (gostarlark.Value, error) { return decodeJSON(text) }
