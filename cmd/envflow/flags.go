package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/fault"
)

// secretFlags are never echoed.
var secretFlags = []string{"temporal-api-key"}

// choiceFlag is a string flag with a fixed set of values.
type choiceFlag struct {
	*cli.StringFlag
	choices []string
}

// lookup finds the flag that name means at this point of the line: the nearest command that declares it. With depth -1
// it belongs to a command that may still come; f is nil if those that may come do not agree whether it takes a value.
func (p *parser) lookup(name string) (f cli.Flag, depth int, known bool) {
	path := p.line.path
	for depth := len(path) - 1; depth >= 0; depth-- {
		if f := findFlag(path[depth], name); f != nil {
			return f, depth, true
		}
	}
	below := flagsBelow(p.line.command(), name)
	if len(below) == 0 {
		return nil, -1, false
	}
	for _, other := range below[1:] {
		if takesValue(other) != takesValue(below[0]) {
			return nil, -1, true
		}
	}
	return below[0], -1, true
}

// flagsBelow returns the flags with this name of all commands below cmd.
func flagsBelow(cmd *cli.Command, name string) []cli.Flag {
	var found []cli.Flag
	for _, sub := range cmd.Subcommands {
		if f := findFlag(sub, name); f != nil {
			found = append(found, f)
		}
		found = append(found, flagsBelow(sub, name)...)
	}
	return found
}

func findFlag(cmd *cli.Command, name string) cli.Flag {
	for _, f := range cmd.Flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func findCommand(cmd *cli.Command, name string) *cli.Command {
	for _, sub := range cmd.Subcommands {
		if sub.HasName(name) {
			return sub
		}
	}
	return nil
}

// isBuiltin reports whether name asks for help, on every command.
func isBuiltin(name string) bool { return name == "help" || name == "h" }

func takesValue(f cli.Flag) bool {
	doc, ok := f.(cli.DocGenerationFlag)
	return ok && doc.TakesValue()
}

func isHidden(f cli.Flag) bool {
	v, ok := f.(cli.VisibleFlag)
	return ok && !v.IsVisible()
}

// checkValue tries a value on a flag set of its own, where nothing but the flag's type looks at it.
func checkValue(s setting, typed string) error {
	shown := fmt.Sprintf(", not %q", s.value)
	if slices.Contains(secretFlags, s.name()) {
		shown = ""
	}
	kind, hint := fault.Usage, ""
	if s.env != "" {
		kind, hint = fault.Config, "it stands for the flag "+typed
		typed = "the environment variable " + s.env
	}

	if c, ok := s.flag.(*choiceFlag); ok {
		if slices.Contains(c.choices, s.value) {
			return nil
		}
		if near := nearest(s.value, c.choices); len(near) > 0 {
			hint = fmt.Sprintf("did you mean %s?", near[0])
		}
		return fault.New(kind, hint, "%s must be %s%s", typed, orList(c.choices), shown)
	}

	trial := flag.NewFlagSet("", flag.ContinueOnError)
	trial.SetOutput(io.Discard)
	if err := s.flag.Apply(trial); err != nil {
		return fmt.Errorf("declare %s: %w", typed, err)
	}
	if err := trial.Set(s.name(), s.value); err != nil {
		if strings.Contains(err.Error(), "out of range") {
			return fault.New(kind, hint, "%s is out of range%s", typed, strings.Replace(shown, ", not", ":", 1))
		}
		return fault.New(kind, hint, "%s must be %s%s", typed, valueNoun(s.flag), shown)
	}
	return nil
}

// valueNoun says what a flag's value must look like.
func valueNoun(f cli.Flag) string {
	switch f.(type) {
	case *cli.BoolFlag:
		return "true or false"
	case *cli.IntFlag, *cli.Int64Flag, *cli.IntSliceFlag, *cli.Int64SliceFlag:
		return "a whole number"
	case *cli.UintFlag, *cli.Uint64Flag, *cli.UintSliceFlag, *cli.Uint64SliceFlag:
		return "a whole number, zero or more"
	case *cli.Float64Flag, *cli.Float64SliceFlag:
		return "a number"
	case *cli.DurationFlag:
		return "a duration such as 30s or 5m"
	}
	return "a valid value"
}

// choicesText lists a flag's values for the error that one is missing.
func choicesText(f cli.Flag) string {
	if c, ok := f.(*choiceFlag); ok {
		return ": " + orList(c.choices)
	}
	return ""
}

// missingFlags returns the error for required flags that are not set.
func (p *parser) missingFlags() error {
	var missing []string
	for depth, cmd := range p.line.path {
		for _, f := range cmd.Flags {
			required, ok := f.(cli.RequiredFlag)
			if ok && required.IsRequired() && !p.line.isSet(depth, f) {
				missing = append(missing, dashes(f.Names()[0]))
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return usageFault(helpHint(p.line.path), "%q needs %s", fullName(p.line.path), strings.Join(missing, " and "))
}
