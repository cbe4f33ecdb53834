package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/fault"
)

// usageFault returns the error for a wrong command line.
func usageFault(hint, format string, args ...any) error {
	return fault.New(fault.Usage, hint, format, args...)
}

// helpHint says where to read about the last command of path.
func helpHint(path []*cli.Command) string {
	words := append([]string{path[0].Name, "help"}, strings.Fields(fullName(path[1:]))...)
	return "run `" + strings.Join(words, " ") + "`"
}

// unknownFlag returns the error for a flag that no command of path declares. typed must not contain its value, which
// may be a secret.
func unknownFlag(path []*cli.Command, typed string) error {
	hint := helpHint(path) + " to see its flags"
	if near := nearest(strings.TrimLeft(typed, "-"), flagNames(path)); len(near) > 0 {
		for i := range near {
			near[i] = dashes(near[i])
		}
		hint = "did you mean " + orList(near) + "?"
	}
	return usageFault(hint, "unknown flag %s for %q", typed, fullName(path))
}

// flagNames returns the names of the flags that are accepted behind path, the nearest command's first.
func flagNames(path []*cli.Command) []string {
	var names []string
	for i := len(path) - 1; i >= 0; i-- {
		for _, f := range path[i].Flags {
			if !isHidden(f) {
				names = append(names, f.Names()...)
			}
		}
	}
	names = append(names, "help", "h")
	if len(path) == 1 {
		names = append(names, "version")
	}
	return names
}

// unknownShortFlag returns the error for the flag -name in word, which may be a bundle or a long flag with a dash too few.
func unknownShortFlag(path []*cli.Command, word, name string) error {
	whole, _, _ := strings.Cut(word, "=")
	bundle := !strings.HasPrefix(word, "-"+name)
	if !bundle || len(nearest(whole[1:], flagNames(path))) > 0 {
		return unknownFlag(path, whole)
	}
	return unknownFlag(path, "-"+name) // the rest of a bundle may be a value
}

// unknownCommand returns the error for a word that names no command below path.
func unknownCommand(path []*cli.Command, word string) error {
	// Somebody who forgot the dashes of --temporal-api-key=... must not see the key in a log.
	if name, _, assigned := strings.Cut(word, "="); assigned {
		return usageFault("flags start with two dashes: --"+name, "unknown command %q", name+"=...")
	}

	if path[0].Name == tiltName {
		return usageFault("`envflow help` lists what it has", "envflow has nothing like `%s %s`", fullName(path), word)
	}
	hint := helpHint(path) + " to see the commands"
	if near := nearCommands(path, word); len(near) > 0 {
		hint = "did you mean " + orList(near) + "?"
	}
	if len(path) == 1 {
		return usageFault(hint, "unknown command %q", word)
	}
	return usageFault(hint, "unknown command %q for %q", word, fullName(path))
}

// nearCommands returns the commands, as they are typed, that word may stand for: those below path and, failing that,
// those one level down, `envflow server status` for "status".
func nearCommands(path []*cli.Command, word string) []string {
	parent := path[len(path)-1]
	seen := map[*cli.Command]bool{} // a command may be near by more than one of its names
	var near []string
	for _, name := range nearest(word, visibleNames(parent)) {
		if cmd := findCommand(parent, name); !seen[cmd] {
			seen[cmd] = true
			near = append(near, "`"+fullName(path)+" "+name+"`")
		}
	}
	if len(near) > 0 || len(path) > 1 {
		return near
	}
	for _, sub := range parent.Subcommands {
		if !sub.Hidden && len(sub.Subcommands) > 0 {
			near = append(near, nearCommands(append(slices.Clip(path), sub), word)...)
		}
	}
	return near
}

// visibleNames returns the names and aliases of the commands below parent.
func visibleNames(parent *cli.Command) []string {
	var names []string
	for _, sub := range parent.Subcommands {
		if !sub.Hidden {
			names = append(names, sub.Names()...)
		}
	}
	return names
}

// orList joins words as "a, b or c".
func orList(words []string) string { return list(words, "or") }

// andList joins words as "a, b and c".
func andList(words []string) string { return list(words, "and") }

func list(words []string, conjunction string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return fmt.Sprintf("%s %s %s", strings.Join(words[:last], ", "), conjunction, words[last])
}
