package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

// TestPositions puts every flag of every command, its own, its groups' and the global ones, in each of its forms before,
// between and after the arguments, and wants the Action to see the same every time.
func TestPositions(t *testing.T) {
	t.Parallel()
	trees := map[string]func(e *environ) []*cli.Command{
		"envflow": commands,
		"demo":    func(e *environ) []*cli.Command { return demoTree(e, &call{}) },
	}
	for name, tree := range trees {
		e, _, _ := testEnviron(nil)
		root := rootOf(newApp(e, tree(e)))
		eachCommand([]*cli.Command{root}, func(path []*cli.Command) {
			if path[len(path)-1].Action == nil || len(path) == 1 {
				return
			}
			for _, f := range flagsOf(path) {
				t.Run(fmt.Sprintf("%s/%s/%s", name, fullName(path[1:]), f.Names()[0]), func(t *testing.T) {
					t.Parallel()
					testPositions(t, tree, path, f)
				})
			}
		})
	}
}

func testPositions(t *testing.T, tree func(e *environ) []*cli.Command, path []*cli.Command, f cli.Flag) {
	names := strings.Fields(fullName(path[1:]))
	args, rest := sampleArgs(path[len(path)-1].ArgsUsage)
	required := sampleRequired(path, f)

	var want *call
	for _, form := range flagForms(f) {
		for at := range len(args) + 1 {
			line := slices.Concat(names, required, args[:at], form, args[at:], rest)
			got := runRecorded(t, tree, line)
			if want == nil {
				want = got
				if _, set := got.Flags[f.Names()[0]]; !set {
					t.Fatalf("%q: the Action does not see --%s", line, f.Names()[0])
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q (-first position +this):\n%s", line, diff)
			}
		}

		// Global flags and those of groups stand before the command's name too.
		if findFlag(path[len(path)-1], f.Names()[0]) == nil {
			line := slices.Concat(form, names, required, args, rest)
			if diff := cmp.Diff(want, runRecorded(t, tree, line)); diff != "" {
				t.Errorf("%q (-first position +this):\n%s", line, diff)
			}
		}
	}

	// Behind -- it is no flag any more.
	if a := arityOf(path[len(path)-1].ArgsUsage); a.dash || a.max < 0 {
		line := slices.Concat(names, required, args, []string{"--"}, flagForms(f)[0])
		if got := runRecorded(t, tree, line); got.Flags[f.Names()[0]] != nil {
			t.Errorf("%q: --%s is set", line, f.Names()[0])
		}
	}
}

// runRecorded runs a line with every Action replaced by one that only records.
func runRecorded(t *testing.T, tree func(e *environ) []*cli.Command, args []string) *call {
	t.Helper()
	e, _, stderr := testEnviron(args)
	var got call
	cmds := tree(e)
	eachCommand([]*cli.Command{{Subcommands: cmds}}, func(path []*cli.Command) {
		if cmd := path[len(path)-1]; cmd.Action != nil {
			cmd.Action = record(fullName(path), &got)
		}
	})
	if code := runTree(t.Context(), e, cmds); code != 0 {
		t.Fatalf("%q: exit code %d\n%s", args, code, stderr)
	}
	return &got
}

// eachCommand calls visit with the path to every command below and including the last of path.
func eachCommand(path []*cli.Command, visit func(path []*cli.Command)) {
	visit(path)
	for _, sub := range path[len(path)-1].Subcommands {
		eachCommand(append(slices.Clip(path), sub), visit)
	}
}

// flagsOf returns the flags that are accepted behind path.
func flagsOf(path []*cli.Command) []cli.Flag {
	var all []cli.Flag
	for _, cmd := range path {
		all = append(all, cmd.Flags...)
	}
	return all
}

// flagForms returns the ways to write a flag, all with the same value.
func flagForms(f cli.Flag) [][]string {
	var forms [][]string
	for _, name := range f.Names() {
		flag := dashes(name)
		if !takesValue(f) {
			forms = append(forms, []string{flag}, []string{flag + "=true"})
			continue
		}
		value := sampleValue(f)
		forms = append(forms, []string{flag, value}, []string{flag + "=" + value})
		if len(name) == 1 {
			forms = append(forms, []string{flag + value})
		}
	}
	return forms
}

func sampleValue(f cli.Flag) string {
	switch f := f.(type) {
	case *choiceFlag:
		return f.choices[0]
	case *cli.StringFlag, *cli.StringSliceFlag, *cli.PathFlag:
		return "--looks-like-a-flag"
	case *cli.DurationFlag:
		return "5m"
	}
	return "7"
}

// sampleArgs returns arguments that fit ArgsUsage, as many as make the positions between them interesting.
func sampleArgs(usage string) (args, rest []string) {
	a := arityOf(usage)
	n := a.max
	if n < 0 {
		n = len(a.required) + 2
	}
	for i := range n {
		args = append(args, []string{"one", "-", "-3", "four"}[i%4])
	}
	if a.dash {
		rest = []string{"--", "cmd", "-v", "--output=x", "--"}
	}
	return args, rest
}

// sampleRequired returns the required flags of path except f.
func sampleRequired(path []*cli.Command, f cli.Flag) []string {
	var given []string
	for _, other := range flagsOf(path) {
		if required, ok := other.(cli.RequiredFlag); ok && required.IsRequired() && other != f {
			given = append(given, flagForms(other)[0]...)
		}
	}
	return given
}
