package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/starlark/files"
	"github.com/envflow/envflow/starlark/kit"
)

// fileName is the file with settings beside a Tiltfile. The command line overrides it.
const fileName = "tilt_config.json"

// kind is the type of a setting, as in the name of the builtin that defines it.
type kind string

const (
	kindString kind = "string"
	kindList   kind = "string_list"
	kindBool   kind = "bool"
	kindObject kind = "object"
)

// setting is one defined argument.
type setting struct {
	kind  kind
	usage string
	value gostarlark.Value // nil: not given
	given []string         // by flags, so far
}

// parse returns a dict of the settings that were given.
func (f *Family) parse(c *kit.Call) (gostarlark.Value, error) {
	if err := c.Unpack(); err != nil {
		return nil, err
	}
	dir := c.WorkingDir()
	if f.parsedIn != "" && f.parsedIn != dir {
		return nil, fmt.Errorf("it can be called in one folder only; it was in %s, and now in %s", f.parsedIn, dir)
	}
	f.parsedIn = dir
	if err := f.readFile(filepath.Join(dir, fileName)); err != nil {
		return nil, err
	}
	if err := f.readArguments(f.run.Resources, f.run.Args); err != nil {
		return nil, kit.Hint(err, "%s", f.usage())
	}
	result := gostarlark.NewDict(len(f.names))
	for _, name := range f.names {
		if v := f.settings[name].value; v != nil {
			if err := result.SetKey(gostarlark.String(name), v); err != nil {
				return nil, err
			}
		}
	}
	return result, nil
}

func (f *Family) readFile(path string) error {
	data, err := f.run.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", fileName, err)
	}
	v, err := files.Decode(string(data))
	if err != nil {
		return fmt.Errorf("%s: %w", fileName, err)
	}
	values, ok := v.(*gostarlark.Dict)
	if !ok {
		return fmt.Errorf("%s is not a JSON object, but a %s", fileName, v.Type())
	}
	for _, item := range values.Items() { // sorted by name
		name, _ := kit.Text(item[0])
		s := f.settings[name]
		if s == nil {
			return kit.DidYouMean(fmt.Errorf("%s: %q is not defined by the Tiltfile", fileName, name), name, f.names)
		}
		if s.value, err = s.fromFile(item[1]); err != nil {
			return fmt.Errorf("%s: %s: %w", fileName, name, err)
		}
	}
	return nil
}

// fromFile checks a value of the file. null means that it is not given, unless it can be any value.
func (s *setting) fromFile(v gostarlark.Value) (gostarlark.Value, error) {
	if v == gostarlark.None && s.kind != kindObject {
		return nil, nil
	}
	switch s.kind {
	case kindString:
		if _, ok := v.(gostarlark.String); !ok {
			return nil, fmt.Errorf("got %s, want string", v.Type())
		}
	case kindBool:
		if _, ok := v.(gostarlark.Bool); !ok {
			return nil, fmt.Errorf("got %s, want bool", v.Type())
		}
	case kindList:
		var list kit.Seq
		if err := list.Unpack(v); err != nil {
			return nil, err
		}
	case kindObject:
	}
	return v, nil
}

// readArguments reads flags, as -name value, --name=value or --name for a bool, and arguments without a flag. As in Tilt the first
// of those ends the flags, so that a Tiltfile can take a whole command. words are those before the -- of the command line: flags may
// follow them.
func (f *Family) readArguments(words, args []string) error {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-" {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			break
		}
		name, value, inline := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		s := f.settings[name]
		if s == nil {
			err := fmt.Errorf("the argument %s is not defined by the Tiltfile", arg)
			if near := kit.Closest(name, f.names); near != "" {
				err = fmt.Errorf("%w (did you mean --%s?)", err, near)
			}
			return err
		}
		switch {
		case inline:
		case s.kind == kindBool:
			value = "true"
		case len(args) == 0:
			return fmt.Errorf("the argument %s needs a value", arg)
		default:
			value, args = args[0], args[1:]
		}
		if err := s.add(value); err != nil {
			return fmt.Errorf("the argument %s: %w", arg, err)
		}
	}
	return f.readPositional(slices.Concat(words, args))
}

// readPositional reads the arguments without a flag.
func (f *Family) readPositional(args []string) error {
	if len(args) == 0 {
		return nil
	}
	s := f.settings[f.positional]
	if s == nil {
		return fmt.Errorf("the Tiltfile takes no arguments without a flag, got: %s", strings.Join(args, " "))
	}
	if s.kind != kindList && len(args)+len(s.given) > 1 {
		return fmt.Errorf("the Tiltfile takes one %s, got: %s", f.positional, strings.Join(args, " "))
	}
	for _, value := range args {
		if err := s.add(value); err != nil {
			return fmt.Errorf("%s: %w", f.positional, err)
		}
	}
	return nil
}

// add sets the value given on the command line; a list takes several.
func (s *setting) add(value string) error {
	s.given = append(s.given, value)
	switch s.kind {
	case kindString:
		s.value = gostarlark.String(value)
	case kindBool:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%q is not true or false", value)
		}
		s.value = gostarlark.Bool(b)
	case kindList:
		list := make([]gostarlark.Value, 0, len(s.given))
		for _, each := range s.given {
			list = append(list, gostarlark.String(each))
		}
		s.value = gostarlark.NewList(list)
	case kindObject:
		v, err := files.Decode(value)
		if err != nil {
			return err
		}
		s.value = v
	}
	return nil
}

// usage lists what the Tiltfile takes.
func (f *Family) usage() string {
	if len(f.names) == 0 {
		return "the Tiltfile defines no arguments"
	}
	var b strings.Builder
	b.WriteString("the Tiltfile takes:")
	for _, name := range f.names {
		s := f.settings[name]
		fmt.Fprintf(&b, "\n  --%s %s", name, s.kind)
		if name == f.positional {
			b.WriteString(" (also without the flag)")
		}
		if s.usage != "" {
			fmt.Fprintf(&b, ": %s", s.usage)
		}
	}
	return b.String()
}
