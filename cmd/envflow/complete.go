package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

// candidate is one way to go on with the word under the cursor.
type candidate struct{ word, about string }

// completeCommand is what the completion scripts call: `envflow __complete -- WORD...` with the words behind the
// program's name up to the cursor, the last one perhaps empty. It prints a candidate in each line, with a tab and what
// it is if there is something to say. No line means that the shell should offer files.
func completeCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:      "__complete",
		Usage:     "print the candidates for a word, for completion scripts",
		Hidden:    true,
		ArgsUsage: "-- [WORD...]",
		Action: func(c *cli.Context) error {
			_, words, _ := splitDash(c)
			return e.print(c, nil, func(w io.Writer) error {
				for _, found := range complete(c.App, words) {
					line := found.word
					if found.about != "" {
						line += "\t" + found.about
					}
					fmt.Fprintln(w, line)
				}
				return nil
			})
		},
	}
}

// complete returns the candidates for the last of words.
func complete(app *cli.App, words []string) []candidate {
	if len(words) == 0 {
		words = []string{""}
	}
	before, word := words[:len(words)-1], words[len(words)-1]

	// The words before may be wrong or not complete yet; what can be understood of them is enough.
	p := &parser{e: &environ{}, line: &line{path: []*cli.Command{rootOf(app)}}}
	p.scan(before)
	switch {
	case p.open != nil:
		return valueCandidates(p.open, "", word)
	case p.dashed && arityOf(p.line.command().ArgsUsage).dash:
		return nil // another program's words
	case strings.HasPrefix(word, "-") && !p.dashed:
		if name, value, assigned := strings.Cut(strings.TrimLeft(word, "-"), "="); assigned {
			f, _, _ := p.lookup(name)
			return valueCandidates(f, strings.TrimSuffix(word, value), value)
		}
		return flagCandidates(p.line, word)
	case len(p.line.command().Subcommands) > 0:
		return commandCandidates(p.line.command(), word)
	}
	return argumentCandidates(app, p.line, word)
}

func valueCandidates(f cli.Flag, prefix, word string) []candidate {
	c, ok := f.(*choiceFlag)
	if !ok {
		return nil
	}
	var found []candidate
	for _, choice := range c.choices {
		if strings.HasPrefix(choice, word) {
			found = append(found, candidate{word: prefix + choice})
		}
	}
	return found
}

// flagCandidates are the flags that fit here, the command's own first. Short ones are not offered: to type one is
// quicker than to choose it.
func flagCandidates(l *line, word string) []candidate {
	var found []candidate
	add := func(name, about string) {
		if flag := dashes(name); len(name) > 1 && strings.HasPrefix(flag, word) {
			found = append(found, candidate{flag, about})
		}
	}
	for depth := len(l.path) - 1; depth >= 0; depth-- {
		for _, f := range l.path[depth].Flags {
			doc, ok := f.(cli.DocGenerationFlag)
			_, repeatable := f.(cli.DocGenerationSliceFlag)
			if ok && !isHidden(f) && (repeatable || !l.isSet(depth, f)) {
				add(f.Names()[0], strings.ReplaceAll(doc.GetUsage(), "`", ""))
			}
		}
	}
	add("help", "print help")
	if len(l.path) == 1 {
		add("version", "print the version of envflow")
	}
	return found
}

func commandCandidates(parent *cli.Command, word string) []candidate {
	var found []candidate
	for _, sub := range parent.Subcommands {
		if !sub.Hidden && strings.HasPrefix(sub.Name, word) {
			found = append(found, candidate{sub.Name, sub.Usage})
		}
	}
	return found
}

// argumentCandidates asks the command itself, with the arguments that are there already.
func argumentCandidates(app *cli.App, l *line, word string) []candidate {
	cmd := l.command()
	a := arityOf(cmd.ArgsUsage)
	if cmd.BashComplete == nil || a.max >= 0 && len(l.args) >= a.max {
		return nil
	}
	args := flag.NewFlagSet("", flag.ContinueOnError)
	if args.Parse(append([]string{"--"}, l.args...)) != nil {
		return nil
	}
	var answer bytes.Buffer
	asked := *app
	asked.Writer = &answer
	cmd.BashComplete(cli.NewContext(&asked, args, nil))

	var found []candidate
	for _, line := range strings.Split(strings.TrimSpace(answer.String()), "\n") {
		name, about, _ := strings.Cut(line, "\t")
		if name != "" && strings.HasPrefix(name, word) {
			found = append(found, candidate{name, about})
		}
	}
	return found
}
