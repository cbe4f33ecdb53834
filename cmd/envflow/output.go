package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/urfave/cli/v2"
)

// outputFlag returns the -o/--output flag for a command that ends in environ.print.
func outputFlag() cli.Flag {
	return &choiceFlag{
		StringFlag: &cli.StringFlag{
			Name:    "output",
			Aliases: []string{"o"},
			Value:   "text",
			Usage:   "print the answer as `FORMAT`: text or json",
		},
		choices: []string{"text", "json"},
	}
}

// print writes a command's answer: with -o json value as one indented JSON document, else what text writes.
// Nothing is written before all of it is known to be right.
func (e *environ) print(c *cli.Context, value any, text func(w io.Writer) error) error {
	var answer bytes.Buffer
	if c.String("output") == "json" {
		enc := json.NewEncoder(&answer)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false) // people read it, and URLs have & in them
		if err := enc.Encode(value); err != nil {
			return fmt.Errorf("write the answer as JSON: %w", err)
		}
	} else if err := text(&answer); err != nil {
		return err
	}
	return e.flush(&answer)
}

// write prints what fill writes on stdout, styled if stdout is a terminal.
func (e *environ) write(fill func(w *styledWriter)) error {
	var answer bytes.Buffer
	fill(&styledWriter{Writer: &answer, style: e.style(e.Stdout)})
	return e.flush(&answer)
}

// flush writes an answer to stdout in one go: a full disk behind a redirection is a failure, not half an answer.
func (e *environ) flush(answer *bytes.Buffer) error {
	if _, err := answer.WriteTo(e.Stdout); err != nil {
		var file *fs.PathError
		if errors.As(err, &file) { // "write /dev/stdout" says it again
			err = file.Err
		}
		return fmt.Errorf("write the answer to stdout: %w", err)
	}
	return nil
}
