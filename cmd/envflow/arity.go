package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// arity is what ArgsUsage says about a command's arguments; doc.go has the grammar.
type arity struct {
	required []string // the names of the arguments that must be there
	max      int      // -1: any number
	dash     bool     // what stands after -- is a part of its own, see splitDash
	dashMust bool     // and it must be there
}

// arityOf reads ArgsUsage.
func arityOf(usage string) arity {
	var a arity
	args, rest := splitUsage(usage)
	if len(rest) > 0 {
		a.dash, a.dashMust = true, rest[0] == "--"
	}
	for _, word := range args {
		name := strings.Trim(word, "[].")
		if word[0] != '[' {
			a.required = append(a.required, name)
		}
		a.max++
		if strings.Contains(word, "...") {
			a.max = -1
			break // a list takes all that is left, so it stands last
		}
	}
	return a
}

// splitUsage takes ArgsUsage apart at its -- part, if it has one. Flags stand between the two.
func splitUsage(usage string) (args, rest []string) {
	words := strings.Fields(usage)
	for i, word := range words {
		if word == "--" || word == "[--" {
			return words[:i:i], words[i:]
		}
	}
	return words, nil
}

// checkArgs returns the error for arguments that the last command of path does not take.
func checkArgs(path []*cli.Command, args []string, dashed bool) error {
	cmd := path[len(path)-1]
	a := arityOf(cmd.ArgsUsage)
	switch {
	case len(args) < len(a.required):
		missing := strings.Join(a.required[len(args):], " and ")
		return usageFault(usageHint(path), "%q needs %s", fullName(path), missing)
	case a.dashMust && !dashed:
		return usageFault(usageHint(path), "%q needs a command after --", fullName(path))
	case a.max == 0 && len(args) > 0:
		return usageFault(helpHint(path), "%q takes no arguments, but there is %s", fullName(path), quoteWords(args))
	case a.max >= 0 && len(args) > a.max:
		// The ones that fit are not the problem.
		return usageFault(usageHint(path), "%q takes %s at most, but there is also %s",
			fullName(path), countNoun(a.max, "argument"), quoteWords(args[a.max:]))
	}
	return nil
}

// usageHint shows how the last command of path is typed.
func usageHint(path []*cli.Command) string { return "usage: `" + usageLine(path) + "`" }

// splitDash takes apart the arguments of a command whose ArgsUsage has a -- part. dashed reports whether there was
// a --, with or without words after it.
func splitDash(c *cli.Context) (args, rest []string, dashed bool) {
	all := c.Args().Slice()
	for i, arg := range all {
		if arg == "--" {
			return all[:i], all[i+1:], true
		}
	}
	return all, nil, false
}

// usageLine is the command line in short, as help and errors show it.
func usageLine(path []*cli.Command) string {
	cmd := path[len(path)-1]
	words := []string{fullName(path)}
	switch {
	case len(path) == 1:
		words = append(words, "COMMAND [ARGUMENTS]")
	case len(cmd.Subcommands) > 0:
		words = append(words, "COMMAND")
	case cmd.ArgsUsage != "":
		args, rest := splitUsage(cmd.ArgsUsage)
		return strings.Join(append(append(append(words, args...), "[FLAGS]"), rest...), " ")
	}
	return strings.Join(append(words, "[FLAGS]"), " ")
}

// fullName is the command as it is typed, "envflow server status".
func fullName(path []*cli.Command) string {
	names := make([]string, len(path))
	for i, cmd := range path {
		names[i] = cmd.Name
	}
	return strings.Join(names, " ")
}

// quoteWords lists words for an error, a few of them.
func quoteWords(words []string) string {
	const few = 3
	quoted := make([]string, 0, few)
	for _, word := range words[:min(few, len(words))] {
		quoted = append(quoted, fmt.Sprintf("%q", word))
	}
	text := strings.Join(quoted, ", ")
	if more := len(words) - few; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func countNoun(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "s") {
		noun += "e"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
