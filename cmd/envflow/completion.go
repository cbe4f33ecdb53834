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
		Description: `SHELL is bash, zsh, fish or powershell. Run it once per shell, or put it where the shell finds it when it starts.

Examples:
  source <(envflow completion bash)                                    # bash, this shell
  envflow completion bash > ~/.local/share/bash-completion/completions/envflow   # bash, always
  source <(envflow completion zsh)                                     # zsh, after compinit; also in ~/.zshrc
  envflow completion fish > ~/.config/fish/completions/envflow.fish
  envflow completion powershell | Out-String | Invoke-Expression       # also in $PROFILE`,
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
