package api

import (
	"fmt"
	"slices"
	"strings"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/starlark/kit"
)

// spec is what one builtin makes: an object, or a value that objects are made of.
type spec struct {
	name   string             // of the builtin
	kind   string             // of the object; "" for a value
	text   string             // what people are told of it; the first sentence is a paragraph, and says what it is
	fields []field            // in the order of positional arguments; an object has name, labels and annotations before them
	check  func(object) error // of all fields together; nil: nothing

	example string // as Starlark, for people; may be ""
}

// field is one argument of a builtin and one key of what it makes.
type field struct {
	name     string // of the argument, and in a dict
	json     string // in the plan; "": name in camelCase
	takes    taker
	text     string
	fallback string // the value of a field that is not given; "": none
	zero     bool   // an empty value says something else than none at all
	inline   *spec  // its fields are those of the whole
}

// object is a converted value, by JSON name.
type object = map[string]any

// convert checks the values of fields and returns them as they are in the plan, and as a dict with the paths resolved: the folder
// they start from may be another one where the dict is used.
func (s *spec) convert(c *kit.Call, values map[string]gostarlark.Value) (object, *gostarlark.Dict, error) {
	into, dict := object{}, gostarlark.NewDict(len(values))
	for _, f := range s.fields {
		v, ok := values[f.name]
		if !ok {
			if f.fallback == "" {
				continue
			}
			v = gostarlark.String(f.fallback)
		}
		if err := f.convert(c, v, into, dict); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if s.check != nil {
		if err := s.check(into); err != nil {
			return nil, nil, err
		}
	}
	dict.Freeze()
	return into, dict, nil
}

// convert adds one field.
func (f *field) convert(c *kit.Call, v gostarlark.Value, into object, dict *gostarlark.Dict) error {
	data, shown, err := f.takes.convert(c, v)
	if err != nil {
		return err
	}
	if err := dict.SetKey(gostarlark.String(f.name), shown); err != nil {
		return err
	}
	switch {
	case f.inline != nil:
		for key, value := range data.(object) {
			into[key] = value
		}
	case f.zero || !isZero(data):
		into[f.jsonName()] = data
	}
	return nil
}

// isZero reports whether Tilt's API leaves a value out.
func isZero(data any) bool {
	switch data := data.(type) {
	case string:
		return data == ""
	case int:
		return data == 0
	case bool:
		return !data
	case []string:
		return len(data) == 0
	case []object:
		return len(data) == 0
	case map[string]string:
		return len(data) == 0
	}
	return false
}

func (f *field) jsonName() string {
	if f.json != "" {
		return f.json
	}
	words := strings.Split(f.name, "_")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

// unpackDict reads the dict form of a value.
func (s *spec) unpackDict(v gostarlark.Value) (map[string]gostarlark.Value, error) {
	dict, ok := v.(gostarlark.IterableMapping)
	if !ok {
		return nil, fmt.Errorf("got %s, want %s(...) or a dict", v.Type(), module+s.name)
	}
	values := map[string]gostarlark.Value{}
	var inlined *gostarlark.Dict
	for _, item := range dict.Items() {
		key, ok := kit.Text(item[0])
		if !ok {
			return nil, fmt.Errorf("the key %s is a %s, want a string", item[0], item[0].Type())
		}
		switch inline := s.inlineFieldWith(key); {
		case item[1] == gostarlark.None:
			if !s.has(key) && inline == nil {
				return nil, s.unknown(key)
			}
		case s.has(key):
			values[key] = item[1]
		case inline != nil:
			if inlined == nil {
				inlined = gostarlark.NewDict(1)
			}
			values[inline.name] = inlined
			if err := inlined.SetKey(item[0], item[1]); err != nil {
				return nil, err
			}
		default:
			return nil, s.unknown(key)
		}
	}
	return values, nil
}

func (s *spec) has(name string) bool {
	return slices.ContainsFunc(s.fields, func(f field) bool { return f.name == name })
}

// inlineFieldWith returns the field whose own fields are those of the whole, and that has a key; nil if there is none.
func (s *spec) inlineFieldWith(key string) *field {
	for i := range s.fields {
		if f := &s.fields[i]; f.inline != nil && f.inline.has(key) {
			return f
		}
	}
	return nil
}

func (s *spec) unknown(key string) error {
	var known []string
	for _, f := range s.fields {
		known = append(known, f.name)
		if f.inline != nil {
			for _, inner := range f.inline.fields {
				known = append(known, inner.name)
			}
		}
	}
	err := fmt.Errorf("%s has no field %q; it has: %s", s.name, key, strings.Join(known, ", "))
	return kit.DidYouMean(err, key, known)
}
