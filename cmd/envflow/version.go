package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/version"
)

// versionCommand is `envflow version`, also `envflow --version`.
func versionCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:     "version",
		Usage:    "print the version of envflow",
		Category: groupOther,
		Flags:    []cli.Flag{outputFlag()},
		Action: func(c *cli.Context) error {
			v := version.Get()
			return e.print(c, v, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "envflow %s (commit %s, %s %s/%s)\n", v.Version, v.ShortCommit(), v.Go, v.OS, v.Arch)
				return err
			})
		},
	}
}
