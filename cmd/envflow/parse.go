package main

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// parser takes a command line apart. urfave/cli stops looking for flags at the first argument, answers half of the
// mistakes with help and exit code 0, and prints the other half itself; so it gets to see correct lines only.
type parser struct {
	e       *environ
	line    *line
	pending []pendingFlag
	version bool     // --version stood before any command
	dashed  bool     // there was a --
	open    cli.Flag // the flag that finds no word for its value at the end of the line
	err     error    // the first mistake
}

// pendingFlag is a command's flag that stood before the name of the command: "envflow -o json version".
type pendingFlag struct {
	typed string // as it was typed, with dashes and without value
	name  string
	value string
}

// parseLine parses e.Args against the tree of app and leaves the result in e.line too.
func parseLine(e *environ, app *cli.App) (*line, error) {
	p := &parser{e: e, line: &line{path: []*cli.Command{rootOf(app)}}}
	e.line = p.line
	p.scan(e.Args)
	if err := p.finish(); err != nil {
		return nil, err
	}
	return p.line, nil
}

// rootOf returns the app as the command it is to the parser and to help.
func rootOf(app *cli.App) *cli.Command {
	return &cli.Command{
		Name:        app.Name,
		Usage:       app.Usage,
		Description: app.Description,
		Flags:       app.Flags,
		Subcommands: app.Commands,
	}
}

// scan goes over the words once. It goes on after a mistake in a flag, because --help may follow.
func (p *parser) scan(words []string) {
	for i := 0; i < len(words); i++ {
		word := words[i]
		switch {
		case word == "--":
			p.dashDash(words[i+1:])
			return
		case !strings.HasPrefix(word, "-") || word == "-" || p.isNumber(word):
			if !p.positional(word) {
				return
			}
		case p.flagWord(word, words[i+1:]):
			i++ // the flag took the next word as its value
		}
	}
}

// finish puts the scanned parts together and checks what can only be checked at the end.
func (p *parser) finish() error {
	l := p.line
	if l.help {
		return nil
	}
	if p.version {
		p.becomeVersion()
	}
	p.settlePending()
	p.fromEnvironment()
	if p.err == nil && len(l.command().Subcommands) > 0 && l.command().Action == nil {
		l.help = true // nothing to do by itself, like `kubectl config`
	}
	if p.err == nil && !l.help {
		p.fail(p.missingFlags())
		p.fail(checkArgs(l.path, l.args, l.dashed))
	}
	return p.err
}

// fail keeps the first mistake: later ones may only follow from it.
func (p *parser) fail(err error) {
	if p.err == nil && err != nil {
		p.err = err
	}
}

// positional takes a word that is no flag. It reports false if nothing after it can be understood.
func (p *parser) positional(word string) bool {
	l := p.line
	cmd := l.command()
	if len(cmd.Subcommands) == 0 {
		l.args = append(l.args, word)
		return true
	}
	if sub := findCommand(cmd, word); sub != nil {
		l.path = append(l.path, sub)
		return true
	}
	if word == "help" { // `envflow server help`, as git and urfave users type it; the root has a command for it
		l.help = true
		return true
	}
	l.help = false // of what?
	p.fail(unknownCommand(l.path, word))
	return false
}

// dashDash takes everything after --, untouched.
func (p *parser) dashDash(rest []string) {
	l := p.line
	p.dashed = true
	switch {
	case len(l.command().Subcommands) > 0:
		if !l.help && !p.version {
			p.fail(usageFault(helpHint(l.path), "%q needs a command before --", fullName(l.path)))
		}
	case arityOf(l.command().ArgsUsage).dash:
		l.dashed = true
		l.rest = append(l.rest, rest...)
	default:
		l.args = append(l.args, rest...)
	}
}

// isNumber reports whether word is a negative number, which is an argument unless a flag has that digit as its name.
func (p *parser) isNumber(word string) bool {
	if _, err := strconv.ParseFloat(word, 64); err != nil || strings.ContainsAny(word[1:2], "iInN") { // -inf, -nan
		return false
	}
	_, _, declared := p.lookup(word[1:2])
	return !declared
}

// flagWord takes a word that starts with a dash. It reports whether the flag took the next word too.
func (p *parser) flagWord(word string, next []string) (tookNext bool) {
	if body, long := strings.CutPrefix(word, "--"); long {
		name, value, hasValue := strings.Cut(body, "=")
		if utf8.RuneCountInString(name) == 1 { // --o is no name of -o
			p.fail(unknownFlag(p.line.path, "--"+name))
			return false
		}
		return p.flag(typedFlag{name, "--" + name, value, hasValue}, next)
	}
	return p.shortFlags(word, next)
}

// shortFlags takes -v, -o json, -ojson, -o=json and bundles of them, -vo json.
func (p *parser) shortFlags(word string, next []string) (tookNext bool) {
	cluster := word[1:]
	if name, _, _ := strings.Cut(cluster, "="); p.isLongName(name) {
		p.fail(unknownFlag(p.line.path, "-"+name)) // -output is not -o utput
		return false
	}
	for cluster != "" {
		_, width := utf8.DecodeRuneInString(cluster)
		name, after := cluster[:width], cluster[width:]
		f, _, known := p.lookup(name)
		if !known && !isBuiltin(name) {
			p.fail(unknownShortFlag(p.line.path, word, name))
			return false
		}
		value, hasValue := strings.CutPrefix(after, "=")
		if hasValue || after != "" && f != nil && takesValue(f) {
			p.flag(typedFlag{name, "-" + name, value, true}, nil)
			return false
		}
		if p.flag(typedFlag{name: name, typed: "-" + name}, next) {
			return true
		}
		cluster = after
	}
	return false
}

// isLongName reports whether name, of two letters or more, is a flag that wants two dashes.
func (p *parser) isLongName(name string) bool {
	if len(name) < 2 {
		return false
	}
	_, _, known := p.lookup(name)
	return known || isBuiltin(name) || name == "version" && len(p.line.path) == 1
}

// typedFlag is a flag as it stands on the line, before anyone knows what it is.
type typedFlag struct {
	name     string
	typed    string // with its dashes, without the value
	value    string // behind =, or attached to a short flag
	hasValue bool
}

// flag takes one flag. It reports whether it took the next word as the value.
func (p *parser) flag(t typedFlag, next []string) (tookNext bool) {
	l := p.line
	f, depth, known := p.lookup(t.name)
	switch {
	case t.name == "version" && len(l.path) == 1:
		p.version = true
		return false
	case !known && isBuiltin(t.name):
		l.help = true
		return false
	case !known:
		p.fail(unknownFlag(l.path, t.typed))
		return false
	case f == nil:
		p.fail(usageFault("put it after the command", "%s means different things to different commands", t.typed))
		return false
	}

	value := t.value
	if !t.hasValue {
		value = "true"
		if takesValue(f) {
			if len(next) == 0 || next[0] == "--" {
				if len(next) == 0 {
					p.open = f
				}
				p.fail(usageFault(helpHint(l.path), "%s needs a value%s", t.typed, choicesText(f)))
				return false
			}
			value, tookNext = next[0], true
		}
	}
	if depth < 0 {
		p.pending = append(p.pending, pendingFlag{typed: t.typed, name: t.name, value: value})
		return tookNext
	}
	p.set(setting{depth: depth, flag: f, value: value}, t.typed)
	return tookNext
}

// set records a setting after trying its value.
func (p *parser) set(s setting, typed string) {
	if slices.Contains(secretFlags, s.name()) {
		p.e.secret(s.value)
	}
	p.fail(checkValue(s, typed))
	p.line.settings = append(p.line.settings, s)
}

// becomeVersion turns `envflow --version`, whatever command follows, into `envflow version`.
func (p *parser) becomeVersion() {
	l := p.line
	cmd := findCommand(l.path[0], "version")
	if l.command() == cmd {
		return
	}
	l.path = []*cli.Command{l.path[0], cmd}
	l.settings = slices.DeleteFunc(l.settings, func(s setting) bool { return s.depth > 0 })
	l.args, l.rest, l.dashed = nil, nil, false
}

// settlePending gives flags that stood before the command's name to the command.
func (p *parser) settlePending() {
	for _, f := range p.pending {
		flag, depth, known := p.lookup(f.name)
		if !known || depth < 0 {
			p.fail(unknownFlag(p.line.path, f.typed))
			continue
		}
		p.set(setting{depth: depth, flag: flag, value: f.value}, f.typed)
	}
}
