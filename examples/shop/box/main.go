// Command box is a shell, and the few tools that envflow needs in a container to replace files in it. An image built FROM
// scratch has none, and one that has them would have to be pulled; so the shop brings its own, in 5 MB.
//
// The shell is mvdan.cc/sh, which runs POSIX scripts inside this program. The tools run inside it too. `sh --install` puts a
// link for each beside the shell, where scripts look for them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

func main() {
	args := append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...)
	os.Exit(run(args))
}

// run runs the tool or the script that the arguments ask for and returns the exit status.
func run(args []string) int {
	if tool, ok := tools[args[0]]; ok {
		if err := tool(stdio{".", os.Stdin, os.Stdout}, args[1:]); err != nil {
			return complain(fmt.Errorf("%s: %w", args[0], err))
		}
		return 0
	}
	switch {
	case len(args) == 2 && args[1] == "--install":
		if err := install(); err != nil {
			return complain(err)
		}
		return 0
	case len(args) >= 3 && args[1] == "-c":
		return script(args[2], args[3:])
	}
	fmt.Fprintln(os.Stderr, "usage: sh -c SCRIPT [NAME [ARGUMENT...]] | sh --install")
	return 2
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// install makes a link to this program for each tool, in the same folder.
func install() error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	for name := range tools {
		if err := os.Symlink(filepath.Base(program), filepath.Join(filepath.Dir(program), name)); err != nil {
			return fmt.Errorf("install: %w", err)
		}
	}
	return nil
}

// script runs a script. The first of the arguments is what it is called, as with any sh.
func script(text string, args []string) int {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(text), "sh")
	if err != nil {
		return max(complain(err), 2)
	}
	if len(args) > 0 {
		args = args[1:]
	}
	shell, err := interp.New(
		interp.StdIO(os.Stdin, os.Stdout, os.Stderr),
		interp.Params(append([]string{"--"}, args...)...),
		interp.ExecHandlers(ownTools),
	)
	if err != nil {
		return complain(err)
	}
	err = shell.Run(context.Background(), file)
	if status, ok := errors.AsType[interp.ExitStatus](err); ok {
		return int(status)
	}
	if err != nil {
		return complain(err)
	}
	return 0
}

// ownTools runs our tools inside the shell, and all else as a program.
func ownTools(next interp.ExecHandlerFunc) interp.ExecHandlerFunc {
	return func(ctx context.Context, args []string) error {
		tool, ok := tools[args[0]]
		if !ok {
			return next(ctx, args)
		}
		shell := interp.HandlerCtx(ctx)
		if err := tool(stdio{shell.Dir, shell.Stdin, shell.Stdout}, args[1:]); err != nil {
			fmt.Fprintf(shell.Stderr, "%s: %v\n", args[0], err)
			return interp.ExitStatus(1)
		}
		return nil
	}
}
