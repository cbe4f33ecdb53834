package main

import (
	"slices"

	"github.com/urfave/cli/v2"
)

// line is a command line taken apart.
type line struct {
	path     []*cli.Command // the root, then the commands down to the one that runs
	settings []setting      // the flags, in the order given; those from the environment last
	args     []string
	rest     []string // what stands after --, if the command takes that as a part of its own
	dashed   bool     // there was a -- for rest
	help     bool
}

// setting is one flag with its value.
type setting struct {
	depth int // the flag belongs to path[depth]
	flag  cli.Flag
	value string
	env   string // the variable the value came from, "" if it stood on the command line
}

// name is the flag's first name, the one that urfave/cli and the Actions use.
func (s setting) name() string { return s.flag.Names()[0] }

// command is the command that runs.
func (l *line) command() *cli.Command { return l.path[len(l.path)-1] }

// given reports whether a flag stood on the command line itself.
func (l *line) given(name string) bool {
	for _, s := range l.settings {
		if s.env == "" && s.name() == name {
			return true
		}
	}
	return false
}

// isSet reports whether the flag f of path[depth] has a value, wherever it came from.
func (l *line) isSet(depth int, f cli.Flag) bool {
	return slices.ContainsFunc(l.settings, func(s setting) bool { return s.depth == depth && s.flag == f })
}

// last returns the value of a flag as it counts, "" if it is not set.
func (l *line) last(name string) string {
	value := ""
	for _, s := range l.settings {
		if s.name() == name {
			value = s.value
		}
	}
	return value
}

// words renders the line in the one order that urfave/cli parses: each command's flags right behind its name, all
// arguments at the end. The first -- keeps it from looking for flags among them; it takes that one away again.
func (l *line) words() []string {
	words := l.commandWords()
	words = append(words, "--")
	words = append(words, l.args...)
	if l.dashed {
		words = append(append(words, "--"), l.rest...)
	}
	return words
}

// canonical renders the line, without the program's name, so that parsing it again gives the same line.
func (l *line) canonical() []string {
	words := l.commandWords()[1:]
	if arityOf(l.command().ArgsUsage).dash {
		words = append(words, l.args...)
		if l.dashed {
			words = append(append(words, "--"), l.rest...)
		}
		return words
	}
	if len(l.args) > 0 {
		words = append(append(words, "--"), l.args...)
	}
	return words
}

// commandWords renders the commands, each with its flags.
func (l *line) commandWords() []string {
	var words []string
	for depth, cmd := range l.path {
		words = append(words, cmd.Name)
		for _, s := range l.settings {
			if s.depth == depth {
				words = append(words, dashes(s.name())+"="+s.value)
			}
		}
	}
	return words
}

// dashes puts a flag's dashes before its name.
func dashes(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
