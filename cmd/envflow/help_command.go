package main

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"
)

// helpCommand is `envflow help`. `envflow COMMAND --help` comes out at the same text.
func helpCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:      "help",
		Usage:     "print help for envflow, one of its commands, or the builtins of Tiltfiles",
		Category:  groupOther,
		ArgsUsage: "[COMMAND...]",
		Description: `COMMAND is the name of a command. "builtin" lists what a Tiltfile can call; with a name behind it, of a builtin or a module, it says more about that.

Examples:
  envflow help server start
  envflow help builtin
  envflow help builtin docker_build
  envflow help builtin os.path`,
		Flags: []cli.Flag{outputFlag()},
		BashComplete: func(c *cli.Context) {
			switch {
			case c.Args().Len() == 0:
				fmt.Fprintf(c.App.Writer, "%s\tthe builtins of Tiltfiles\n", builtinTopic)
			case c.Args().First() == builtinTopic:
				if c.Args().Len() == 1 {
					completeBuiltins(c.Context, c.App.Writer)
				}
				return
			}
			if path, err := findPath(rootOf(c.App), c.Args().Slice()); err == nil {
				for _, name := range visibleNames(path[len(path)-1]) {
					fmt.Fprintln(c.App.Writer, name)
				}
			}
		},
		Action: func(c *cli.Context) error {
			if c.Args().First() == builtinTopic {
				return e.helpBuiltin(c, c.Args().Tail())
			}
			if c.String("output") == "json" {
				return usageFault("`envflow help builtin -o json` does that", "only help for builtins can be printed as JSON")
			}
			path, err := findPath(rootOf(c.App), c.Args().Slice())
			if err != nil {
				return err
			}
			return e.write(func(w *styledWriter) { e.writeHelp(w, path) })
		},
	}
}

// findPath returns the commands that names lead to, the root first.
func findPath(root *cli.Command, names []string) ([]*cli.Command, error) {
	path := []*cli.Command{root}
	for _, name := range names {
		cmd := findCommand(path[len(path)-1], name)
		if cmd == nil {
			if len(path[len(path)-1].Subcommands) == 0 {
				return nil, usageFault(helpHint(path), "%q has no commands, so there is no help for %q", fullName(path), name)
			}
			return nil, unknownCommand(path, name)
		}
		path = append(slices.Clip(path), cmd)
	}
	return path, nil
}
