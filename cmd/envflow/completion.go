package main

import (
	"embed"
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"
)

// completionScripts ask `envflow __complete` for every word, so a new command or flag needs no new script.
//
//go:embed completion
var completionScripts embed.FS

var completionShells = []string{"bash", "zsh", "fish", "powershell"}

// completionCommand is `envflow completion SHELL`.
func completionCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the script that completes envflow commands in your shell",
		Category:  groupOther,
		ArgsUsage: "SHELL",
		Description: `SHELL is bash, zsh, fish or powershell. Try it in the shell that runs, then put the script where every new shell finds it.

Examples:
  # bash
  source <(envflow completion bash)
  envflow completion bash > ~/.local/share/bash-completion/completions/envflow

  # zsh: the first line after compinit, also in ~/.zshrc
  source <(envflow completion zsh)

  # fish
  envflow completion fish > ~/.config/fish/completions/envflow.fish

  # PowerShell, also in $PROFILE
  envflow completion powershell | Out-String | Invoke-Expression`,
		BashComplete: func(c *cli.Context) {
			for _, shell := range completionShells {
				fmt.Fprintln(c.App.Writer, shell)
			}
		},
		Action: func(c *cli.Context) error {
			shell := c.Args().First()
			if !slices.Contains(completionShells, shell) {
				hint := ""
				if near := nearest(shell, completionShells); len(near) > 0 {
					hint = "did you mean " + orList(near) + "?"
				}
				return usageFault(hint, "there is no completion for the shell %q, only for %s", shell, andList(completionShells))
			}
			script, err := completionScripts.ReadFile("completion/envflow." + shell)
			if err != nil {
				return err
			}
			return e.print(c, nil, func(w io.Writer) error {
				_, err := w.Write(script)
				return err
			})
		},
	}
}
