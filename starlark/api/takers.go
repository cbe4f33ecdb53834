package api

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/starlark/kit"
)

// taker is what a field takes. It returns the value as the plan has it, and as a dict shows it.
type taker struct {
	words   string // what it takes, for people
	convert func(c *kit.Call, v gostarlark.Value) (data any, shown gostarlark.Value, err error)
}

// text takes a string.
var text = taker{"string", func(_ *kit.Call, v gostarlark.Value) (any, gostarlark.Value, error) {
	var s kit.Str
	err := s.Unpack(v)
	return string(s), v, err
}}

// pattern takes a regular expression.
var pattern = taker{"regular expression", func(c *kit.Call, v gostarlark.Value) (any, gostarlark.Value, error) {
	s, _, err := text.convert(c, v)
	if err == nil {
		_, err = regexp.Compile(s.(string))
	}
	return s, v, err
}}

// number takes an int of 32 bits that is not negative.
var number = taker{"int", func(_ *kit.Call, v gostarlark.Value) (any, gostarlark.Value, error) {
	n, err := kit.Int(v)
	if err == nil && n < 0 {
		err = fmt.Errorf("it cannot be negative, got %d", n)
	}
	return n, v, err
}}

// port takes a port. 0 stands for none.
var port = taker{"port", func(c *kit.Call, v gostarlark.Value) (any, gostarlark.Value, error) {
	n, _, err := number.convert(c, v)
	if err == nil && n.(int) > 65535 {
		err = fmt.Errorf("%d is not a port: it must be between 1 and 65535", n)
	}
	return n, v, err
}}

var flag = taker{"bool", func(_ *kit.Call, v gostarlark.Value) (any, gostarlark.Value, error) {
	b, ok := v.(gostarlark.Bool)
	if !ok {
		return nil, nil, fmt.Errorf("got %s, want bool", v.Type())
	}
	return bool(b), v, nil
}}

// path takes a path, and makes it absolute.
var path = taker{"path", func(c *kit.Call, v gostarlark.Value) (any, gostarlark.Value, error) {
	var s kit.Str
	if err := s.Unpack(v); err != nil {
		return nil, nil, err
	}
	absolute := c.Path(string(s))
	return absolute, gostarlark.String(absolute), nil
}}

var paths = taker{"path or list of paths", func(c *kit.Call, v gostarlark.Value) (any, gostarlark.Value, error) {
	var list kit.Strs
	if err := list.Unpack(v); err != nil {
		return nil, nil, err
	}
	absolute := c.Paths(list)
	return absolute, listOf(absolute), nil
}}

// texts takes a list of strings.
var texts = taker{"list of strings", func(_ *kit.Call, v gostarlark.Value) (any, gostarlark.Value, error) {
	var list kit.Seq
	err := list.Unpack(v)
	return []string(list), listOf(list), err
}}

// listOf makes a list of its own: the Tiltfile may go on to change the one it has given.
func listOf(texts []string) *gostarlark.List {
	values := make([]gostarlark.Value, 0, len(texts))
	for _, s := range texts {
		values = append(values, gostarlark.String(s))
	}
	return gostarlark.NewList(values)
}

// pairs takes a dict of strings.
var pairs = taker{"dict of strings", func(_ *kit.Call, v gostarlark.Value) (any, gostarlark.Value, error) {
	var dict kit.StrDict
	if err := dict.Unpack(v); err != nil {
		return nil, nil, err
	}
	shown := gostarlark.NewDict(len(dict))
	for _, key := range slices.Sorted(maps.Keys(dict)) {
		if err := shown.SetKey(gostarlark.String(key), gostarlark.String(dict[key])); err != nil {
			return nil, nil, err
		}
	}
	return map[string]string(dict), shown, nil
}}

// span takes a duration.
var span = taker{"duration", func(_ *kit.Call, v gostarlark.Value) (any, gostarlark.Value, error) {
	s, ok := kit.Text(v)
	if !ok {
		return nil, nil, fmt.Errorf("got %s, want a duration such as \"30s\"", v.Type())
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return nil, nil, kit.Hint(fmt.Errorf("%q is not a duration", s), "write a number with its unit, such as \"30s\" or \"1m30s\"")
	case d < 0:
		return nil, nil, fmt.Errorf("a duration cannot be negative, got %s", s)
	case d == 0:
		return "", v, nil
	}
	return d.String(), v, nil
}}

// moment takes a point in time.
var moment = taker{"time", func(_ *kit.Call, v gostarlark.Value) (any, gostarlark.Value, error) {
	s, ok := kit.Text(v)
	if !ok {
		return nil, nil, fmt.Errorf("got %s, want a time such as \"2026-01-31T12:00:00Z\"", v.Type())
	}
	if s == "" {
		return "", v, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return nil, nil, kit.Hint(fmt.Errorf("%q is not a time", s), "write it as RFC 3339 has it: \"2026-01-31T12:00:00Z\"")
	}
	return t.UTC().Format(time.RFC3339), v, nil
}}

// oneOf takes one of a few words, in any case.
func oneOf(words ...string) taker {
	return taker{"one of " + strings.Join(words, ", "), func(_ *kit.Call, v gostarlark.Value) (any, gostarlark.Value, error) {
		s, ok := kit.Text(v)
		if !ok {
			return nil, nil, fmt.Errorf("got %s, want one of %s", v.Type(), strings.Join(words, ", "))
		}
		i := slices.IndexFunc(words, func(word string) bool { return strings.EqualFold(word, s) })
		switch {
		case s == "":
			return "", v, nil
		case i < 0:
			return nil, nil, fmt.Errorf("got %q, want one of %s", s, strings.Join(words, ", "))
		}
		return words[i], gostarlark.String(words[i]), nil
	}}
}

// one takes a value that another builtin made, or a dict.
func one(s *spec) taker {
	return taker{s.name + " or dict", func(c *kit.Call, v gostarlark.Value) (any, gostarlark.Value, error) {
		return s.convertDict(c, v)
	}}
}

// many takes a list of such values.
func many(s *spec) taker {
	return taker{"list of " + s.name + " or dict", func(c *kit.Call, v gostarlark.Value) (any, gostarlark.Value, error) {
		items, err := kit.List(v)
		if err != nil {
			return nil, nil, errors.New(err.Error() + ", want a list of " + module + s.name + "(...)")
		}
		data, shown := make([]object, 0, len(items)), make([]gostarlark.Value, 0, len(items))
		for i, item := range items {
			converted, dict, err := s.convertDict(c, item)
			if err != nil {
				return nil, nil, fmt.Errorf("item %d: %w", i, err)
			}
			data, shown = append(data, converted), append(shown, dict)
		}
		return data, gostarlark.NewList(shown), nil
	}}
}

func (s *spec) convertDict(c *kit.Call, v gostarlark.Value) (object, *gostarlark.Dict, error) {
	values, err := s.unpackDict(v)
	if err != nil {
		return nil, nil, err
	}
	return s.convert(c, values)
}
