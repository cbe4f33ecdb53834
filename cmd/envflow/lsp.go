package main

import (
	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/version"
	"github.com/envflow/envflow/worker"
)

// lspCommand is `envflow lsp`. Editors that are set up for Tilt say `lsp start`.
func lspCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:      "lsp",
		Usage:     "serve an editor that speaks the Language Server Protocol, over stdin and stdout",
		Category:  groupOther,
		ArgsUsage: "[START]",
		Description: "It completes and explains what a Tiltfile can call, finds definitions and shows mistakes while you type. It evaluates nothing. " +
			"docs/editors.md says how to set up your editor. The word \"start\" may follow, as for Tilt, and changes nothing.",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "stdio", Usage: "accepted because some editors add it, and changes nothing"}},
		Action: func(c *cli.Context) error {
			if word := c.Args().First(); word != "" && word != "start" {
				return usageFault("usage: `envflow lsp [start]`", "\"envflow lsp\" takes no word but \"start\", and there is %q", word)
			}
			return interruption(c.Context, worker.ServeEditor(c.Context, worker.EditorOptions{
				In: e.Stdin, Out: e.Stdout, Lookup: e.LookupEnv, Version: version.Get().Version,
			}))
		},
	}
}
