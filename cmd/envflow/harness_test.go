package main

import (
	"bytes"
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

// outcome is what a command line did.
type outcome struct {
	Code           int
	Stdout, Stderr string
}

// testEnviron returns an environ that touches nothing of this process. env are NAME=value pairs.
func testEnviron(args []string, env ...string) (e *environ, stdout, stderr *bytes.Buffer) {
	vars := map[string]string{}
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		vars[name] = value
	}
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return &environ{
		Args:    args,
		WorkDir: func() (string, error) { return vars["PWD"], nil },
		Stdin:   strings.NewReader(""),
		Stdout:  stdout,
		Stderr:  stderr,
		LookupEnv: func(name string) (string, bool) {
			value, ok := vars[name]
			return value, ok
		},
		IsTerminal: func(any) bool { return false },
	}, stdout, stderr
}

// runCLI runs the real commands.
func runCLI(t *testing.T, args []string, env ...string) outcome {
	t.Helper()
	e, stdout, stderr := testEnviron(args, env...)
	code := run(t.Context(), e)
	return outcome{code, stdout.String(), stderr.String()}
}

// runDemo runs demoTree and returns what its Action got too.
func runDemo(t *testing.T, args []string, env ...string) (outcome, *call) {
	t.Helper()
	e, stdout, stderr := testEnviron(args, env...)
	var got call
	code := runTree(t.Context(), e, demoTree(e, &got))
	return outcome{code, stdout.String(), stderr.String()}, &got
}

// call is what an Action got.
type call struct {
	Command string
	Args    []string
	Flags   map[string]any // those that are set, by their first name
}

// record returns an Action that fills got.
func record(name string, got *call) cli.ActionFunc {
	return func(c *cli.Context) error {
		*got = call{Command: name, Args: c.Args().Slice(), Flags: map[string]any{}}
		for _, ctx := range c.Lineage() {
			if ctx.Command == nil {
				continue
			}
			for _, f := range ctx.Command.Flags {
				name := f.Names()[0]
				if _, nearer := got.Flags[name]; nearer || !ctx.IsSet(name) {
					continue
				}
				got.Flags[name] = flagValue(c, f)
			}
		}
		return nil
	}
}

func flagValue(c *cli.Context, f cli.Flag) any {
	name := f.Names()[0]
	switch f.(type) {
	case *cli.StringSliceFlag:
		return c.StringSlice(name)
	case *cli.IntSliceFlag:
		return c.IntSlice(name)
	}
	return c.Value(name)
}

// demoTree has every kind of command and flag, more than the real tree has today.
func demoTree(e *environ, got *call) []*cli.Command {
	text := func(name, alias string) cli.Flag {
		f := &cli.StringFlag{Name: name, Usage: "take `TEXT`"}
		if alias != "" {
			f.Aliases = []string{alias}
		}
		return f
	}
	return []*cli.Command{
		{
			Name: "up", Aliases: []string{"bring-up"}, Usage: "start it", ArgsUsage: "[RESOURCE...]",
			Flags: []cli.Flag{
				text("file", "f"),
				&cli.StringSliceFlag{Name: "set", Usage: "set `KEY=VALUE`"},
				&cli.IntFlag{Name: "port", Aliases: []string{"p"}, Usage: "listen on `PORT`", EnvVars: []string{"DEMO_PORT"}},
				&cli.IntSliceFlag{Name: "codes", Usage: "expect `CODE`"},
				&cli.UintFlag{Name: "jobs", Aliases: []string{"j"}, Usage: "run `N` at a time"},
				&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "leave it running", EnvVars: []string{"DEMO_DETACH"}},
				&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "say less"},
				&cli.DurationFlag{Name: "timeout", Usage: "wait `TIME`", Value: 30e9},
				&cli.Float64Flag{Name: "factor", Usage: "times `X`"},
				&cli.BoolFlag{Name: "secret-door", Hidden: true},
			},
			Action: record("up", got),
		},
		{
			Name: "logs", Usage: "print logs", ArgsUsage: "[RESOURCE...]",
			Flags:  []cli.Flag{&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on"}},
			Action: record("logs", got),
		},
		{
			Name: "intercept", Usage: "run it here", ArgsUsage: "SERVICE [-- COMMAND...]",
			Flags:  []cli.Flag{&cli.IntFlag{Name: "port", Aliases: []string{"p"}, Usage: "send to `PORT`"}},
			Action: record("intercept", got),
		},
		{
			Name: "exec", Usage: "run there", ArgsUsage: "SERVICE -- COMMAND...",
			Action: record("exec", got),
		},
		{
			Name: "scale", Usage: "scale it", ArgsUsage: "SERVICE COUNT [NOTE]",
			Flags:  []cli.Flag{&cli.StringFlag{Name: "reason", Usage: "say `WHY`", Required: true, EnvVars: []string{"DEMO_REASON"}}},
			Action: record("scale", got),
		},
		{
			Name: "server", Usage: "the server",
			Flags: []cli.Flag{text("dir", "")},
			Subcommands: []*cli.Command{
				{Name: "status", Aliases: []string{"st"}, Usage: "say how it is", Flags: []cli.Flag{outputFlag()}, Action: record("status", got)},
				{Name: "start", Usage: "start it", Flags: []cli.Flag{text("bind", "b")}, Action: record("start", got)},
				{Name: "ui", Usage: "open it", Hidden: true, Action: record("ui", got)},
			},
		},
		helpCommand(e),
		versionCommand(e),
		completeCommand(e),
	}
}

// parseDemo parses words against demoTree.
func parseDemo(words []string) (*line, error) {
	e, _, _ := testEnviron(words)
	e.Stdout, e.Stderr = io.Discard, io.Discard
	return parseLine(e, newApp(e, demoTree(e, &call{})))
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func lastLine(text string) string {
	text = strings.TrimSuffix(text, "\n")
	return text[strings.LastIndex(text, "\n")+1:]
}
