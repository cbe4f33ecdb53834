package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/worker"
)

// lintDocument is the answer of `envflow lint -o json`. Fields are only ever added, at the end.
type lintDocument struct {
	Files    []string      `json:"files"`    // that were looked at
	Findings []lintFinding `json:"findings"` // by file and place
}

type lintFinding struct {
	File    string `json:"file"`    // from the current folder
	Line    int    `json:"line"`    // from 1; 0: the file as a whole
	Column  int    `json:"column"`  // from 1
	Builtin string `json:"builtin"` // "" if it is about no call
	Rule    string `json:"rule"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// lintCommand is `envflow lint`.
func lintCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:      "lint",
		Usage:     "find what is wrong in a Tiltfile and the files it loads",
		Category:  groupEnvironments,
		ArgsUsage: "[-- ARG...]",
		Description: `It reads the files of the project, not those of extensions, and evaluates the Tiltfile: commands in it, such as those of local(), run, and print only with -v. It builds and applies nothing. ` + tiltfileArgs + `

With --no-run nothing is evaluated, and no command runs. What reading alone cannot find is left out then: errors of the evaluation and its warnings, images that no resource uses, dependencies on what does not exist, ports that are forwarded twice.

A comment at the end of a line accepts what is found there, all of it or what some rules find:
  os = host_os()  # envflow: ignore
  os = host_os()  # envflow: ignore=shadowed-name,unreachable

Exits with 4 if there is something to mend, and with 0 if not.

Examples:
  envflow lint
  envflow lint --no-run -f deploy/Tiltfile
  envflow lint -o json | jq '.findings[].rule'`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "no-run", Usage: "evaluate nothing: no command of the Tiltfile runs"},
			outputFlag(),
			fileFlag("f"),
		},
		Action: func(c *cli.Context) error {
			dir, err := e.WorkDir()
			if err != nil {
				return fault.Wrap(err, fault.Failure, "go to another folder", "the current folder cannot be found")
			}
			path, err := environment.Find(dir, c.String("file"))
			if err != nil {
				return err
			}
			if c.Bool("no-run") {
				return e.printReport(c, lintDocumentOf(worker.LintFiles(c.Context, path), dir))
			}
			_, args, _ := splitDash(c)
			commands, _ := e.inherited("") // as eval
			o := worker.EvaluateOptions{Path: path, Args: args, Subcommand: "up", Environ: commands.Environ, Executable: commands.Executable}
			if e.isOn("verbose") {
				o.Output = e.Stderr
			}
			report, err := worker.Lint(c.Context, o)
			if err != nil {
				return interruption(c.Context, err)
			}
			return e.printReport(c, lintDocumentOf(report, dir))
		},
	}
}

func lintDocumentOf(report worker.LintReport, dir string) lintDocument {
	d := lintDocument{Files: []string{}, Findings: []lintFinding{}}
	for _, path := range report.Files {
		d.Files = append(d.Files, relative(dir, path))
	}
	for _, f := range report.Findings {
		d.Findings = append(d.Findings, lintFinding{relative(dir, f.File), f.Line, f.Column, f.Builtin, f.Rule, f.Message, f.Hint})
	}
	return d
}

// relative is path as one names it in the folder dir.
func relative(dir, path string) string {
	if rel, err := filepath.Rel(dir, path); err == nil {
		return rel
	}
	return path
}

// printReport prints what was found. That there was something is an error, so that scripts notice.
func (e *environ) printReport(c *cli.Context, d lintDocument) error {
	err := e.print(c, d, func(w io.Writer) error {
		styled := &styledWriter{w, e.style(e.Stdout)}
		for _, f := range d.Findings {
			writeFinding(styled, f)
		}
		return nil
	})
	if err != nil {
		return err
	}
	files := countNoun(len(d.Files), "file")
	if len(d.Findings) > 0 {
		return fault.New(fault.Config, "", "%s in %s", countNoun(len(d.Findings), "problem"), files)
	}
	fmt.Fprintf(e.Stderr, "no problems in %s\n", files)
	return nil
}

// writeFinding prints a finding in a line; what does not fit into one, and a hint, are indented below it.
func writeFinding(w *styledWriter, f lintFinding) {
	place := f.File
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
	}
	first, rest, _ := strings.Cut(strings.TrimSpace(f.Message), "\n")
	if f.Builtin != "" && !strings.HasPrefix(first, f.Builtin) {
		first = f.Builtin + ": " + first
	}
	fmt.Fprintf(w, "%s: %s %s\n", w.bold(printable(place)), printable(first), w.dim("["+f.Rule+"]"))
	below := func(text string) {
		for line := range strings.Lines(text) {
			fmt.Fprintf(w, "    %s\n", printable(strings.TrimRight(line, "\n")))
		}
	}
	below(rest)
	if f.Hint != "" {
		below("hint: " + f.Hint)
	}
}
