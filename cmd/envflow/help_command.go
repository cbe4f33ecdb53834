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
		Usage:     "print help for envflow or one of its commands",
		Category:  groupOther,
		ArgsUsage: "[COMMAND...]",
		BashComplete: func(c *cli.Context) {
			if path, err := findPath(rootOf(c.App), c.Args().Slice()); err == nil {
				for _, name := range visibleNames(path[len(path)-1]) {
					fmt.Fprintln(c.App.Writer, name)
				}
			}
		},
		Action: func(c *cli.Context) error {
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
