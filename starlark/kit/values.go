package kit

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	gostarlark "go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/envflow/envflow/internal/plan"
)

// Blob is text that a builtin returned. It is accepted wherever a string is; str(blob) gives the string.
type Blob struct{ Text string }

// String implements starlark.Value.
func (b *Blob) String() string { return b.Text }

// Type implements starlark.Value.
func (b *Blob) Type() string { return "blob" }

// Freeze implements starlark.Value.
func (b *Blob) Freeze() {}

// Truth implements starlark.Value.
func (b *Blob) Truth() gostarlark.Bool { return b.Text != "" }

// CompareSameType implements starlark.Comparable: blobs of the same text are equal.
func (b *Blob) CompareSameType(op syntax.Token, other gostarlark.Value, _ int) (bool, error) {
	same := b.Text == other.(*Blob).Text // Starlark compares values of one type
	switch op {
	case syntax.EQL:
		return same, nil
	case syntax.NEQ:
		return !same, nil
	default:
		return false, fmt.Errorf("blobs cannot be put in order: %s", op)
	}
}

// Hash implements starlark.Value.
func (b *Blob) Hash() (uint32, error) { return gostarlark.String(b.Text).Hash() }

// Opaque is a value that a builtin returns only to be given to another, such as sync() to docker_build().
type Opaque[T any] struct {
	Kind string // its type's name, as Starlark shows it
	Data T
}

// String implements starlark.Value.
func (o *Opaque[T]) String() string { return fmt.Sprintf("%s(%+v)", o.Kind, o.Data) }

// Type implements starlark.Value.
func (o *Opaque[T]) Type() string { return o.Kind }

// Freeze implements starlark.Value.
func (o *Opaque[T]) Freeze() {}

// Truth implements starlark.Value.
func (o *Opaque[T]) Truth() gostarlark.Bool { return true }

// Hash implements starlark.Value.
func (o *Opaque[T]) Hash() (uint32, error) { return gostarlark.String(o.String()).Hash() }

// Text returns the text of a string or Blob.
func Text(v gostarlark.Value) (string, bool) {
	switch v := v.(type) {
	case gostarlark.String:
		return string(v), true
	case *Blob:
		return v.Text, true
	}
	return "", false
}

// Str takes a string or a Blob.
type Str string

// Unpack implements starlark.Unpacker.
func (s *Str) Unpack(v gostarlark.Value) error {
	text, ok := Text(v)
	if !ok {
		return fmt.Errorf("got %s, want string", v.Type())
	}
	*s = Str(text)
	return nil
}

// Strs takes one string or a sequence of strings. None means none.
type Strs []string

// Unpack implements starlark.Unpacker.
func (s *Strs) Unpack(v gostarlark.Value) error {
	list, err := oneOrMoreTexts(v, Text)
	*s = list
	return err
}

// oneOrMoreTexts returns the text of one value, or of each in a sequence, as text has it.
func oneOrMoreTexts(v gostarlark.Value, text func(gostarlark.Value) (string, bool)) ([]string, error) {
	if one, ok := text(v); ok {
		return []string{one}, nil
	}
	list, err := texts(v, text)
	if err != nil {
		return nil, fmt.Errorf("want a string or a list of strings: %w", err)
	}
	return list, nil
}

// Seq takes a sequence of strings, but no single string. None means none.
type Seq []string

// Unpack implements starlark.Unpacker.
func (s *Seq) Unpack(v gostarlark.Value) error {
	if text, ok := Text(v); ok {
		return fmt.Errorf("got a string, want a list of strings: write [%q]", text)
	}
	list, err := texts(v, Text)
	if err != nil {
		return fmt.Errorf("want a list of strings: %w", err)
	}
	*s = list
	return nil
}

func texts(v gostarlark.Value, text func(gostarlark.Value) (string, bool)) ([]string, error) {
	values, err := List(v)
	if err != nil {
		return nil, err
	}
	if values == nil {
		return nil, nil // none given is not the same as none wanted
	}
	list := []string{}
	for i, item := range values {
		each, ok := text(item)
		if !ok {
			return nil, fmt.Errorf("item %d is a %s", i, item.Type())
		}
		list = append(list, each)
	}
	return list, nil
}

// List returns the items of a sequence; nil for None.
func List(v gostarlark.Value) ([]gostarlark.Value, error) {
	if v == nil || v == gostarlark.None {
		return nil, nil
	}
	if _, ok := v.(gostarlark.Mapping); ok {
		return nil, fmt.Errorf("got %s", v.Type())
	}
	items, ok := v.(gostarlark.Iterable)
	if !ok {
		return nil, fmt.Errorf("got %s", v.Type())
	}
	list := []gostarlark.Value{}
	for item := range gostarlark.Elements(items) {
		list = append(list, item)
	}
	return list, nil
}

// OneOrMore returns the items of a list, tuple, set or range, or a single value as the only one.
func OneOrMore(v gostarlark.Value) []gostarlark.Value {
	switch v := v.(type) {
	case nil, gostarlark.NoneType:
		return nil
	case gostarlark.Mapping: // an error, which the caller words
	case gostarlark.Iterable:
		list, err := List(v)
		if err == nil {
			return list
		}
	}
	return []gostarlark.Value{v}
}

// ContainerCmd takes the command of a container: a string is for sh -c, a list is the argv.
type ContainerCmd []string

// Unpack implements starlark.Unpacker.
func (c *ContainerCmd) Unpack(v gostarlark.Value) error {
	argv, err := command(v, func(line string) []string { return []string{"sh", "-c", line} })
	*c = argv
	return err
}

// HostCmd takes a command of this machine: a string is for its shell, a list is the argv.
type HostCmd []string

// Unpack implements starlark.Unpacker.
func (c *HostCmd) Unpack(v gostarlark.Value) error {
	argv, err := command(v, plan.HostCommand)
	*c = argv
	return err
}

// OnThisHost returns the command for the system envflow runs on: bat on Windows, if there is one.
func (c HostCmd) OnThisHost(bat HostCmd) HostCmd {
	if runtime.GOOS == "windows" && len(bat) > 0 {
		return bat
	}
	return c
}

func command(v gostarlark.Value, shell func(string) []string) ([]string, error) {
	if v == gostarlark.None {
		return nil, nil
	}
	if line, ok := Text(v); ok {
		if strings.TrimSpace(line) == "" {
			return nil, nil
		}
		return shell(line), nil
	}
	argv, err := texts(v, Text)
	if err != nil {
		return nil, fmt.Errorf("a command is a string or a list of strings: %w", err)
	}
	return argv, nil
}

// StrDict takes a dict of strings. None means none.
type StrDict map[string]string

// Unpack implements starlark.Unpacker.
func (d *StrDict) Unpack(v gostarlark.Value) error {
	if v == gostarlark.None {
		return nil
	}
	dict, ok := v.(gostarlark.IterableMapping)
	if !ok {
		return fmt.Errorf("got %s, want a dict of strings", v.Type())
	}
	*d = StrDict{}
	for _, item := range dict.Items() {
		key, ok := Text(item[0])
		if !ok {
			return fmt.Errorf("key %s has type %s, want string", item[0], item[0].Type())
		}
		value, ok := Text(item[1])
		if !ok {
			return fmt.Errorf("the value of %q has type %s, want string: write str(...) around it", key, item[1].Type())
		}
		(*d)[key] = value
	}
	return nil
}

// OptBool takes a bool and knows whether it was given. None means not.
type OptBool struct{ Given, Value bool }

// Unpack implements starlark.Unpacker.
func (b *OptBool) Unpack(v gostarlark.Value) error {
	if v == gostarlark.None {
		return nil
	}
	value, ok := v.(gostarlark.Bool)
	if !ok {
		return fmt.Errorf("got %s, want bool", v.Type())
	}
	*b = OptBool{Given: true, Value: bool(value)}
	return nil
}

// Int returns the value of an int that fits Go's.
func Int(v gostarlark.Value) (int, error) {
	i, ok := v.(gostarlark.Int)
	if !ok {
		return 0, fmt.Errorf("got %s, want int", v.Type())
	}
	n, err := gostarlark.AsInt32(i)
	if err != nil {
		return 0, errors.New("the number is too big")
	}
	return n, nil
}
