package main

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

var (
	kebab    = regexp.MustCompile(`^(__)?[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	argUsage = regexp.MustCompile(`^[A-Z][A-Z-]*(\.\.\.)?$|^\[[A-Z][A-Z-]*(\.\.\.)?\]$`)
)

// TestTree holds every command to what doc.go promises, so that a new one needs no test of its own for it.
func TestTree(t *testing.T) {
	t.Parallel()
	e, _, _ := testEnviron(nil)
	root := rootOf(newApp(e, commands(e)))
	eachCommand([]*cli.Command{root}, func(path []*cli.Command) {
		t.Run(fullName(path), func(t *testing.T) {
			t.Parallel()
			checkCommand(t, path)
			for _, f := range path[len(path)-1].Flags {
				checkFlag(t, path, f)
			}
		})
	})
}

func checkCommand(t *testing.T, path []*cli.Command) {
	cmd := path[len(path)-1]
	if len(path) > 1 {
		for _, name := range cmd.Names() {
			if !kebab.MatchString(name) {
				t.Errorf("name %q: want lower case with dashes", name)
			}
			if name == "help" && len(path) > 2 {
				t.Errorf("name %q is taken", name)
			}
		}
		if len(path) == 2 && !cmd.Hidden && cmd.Category == "" {
			t.Error("no Category: help would list it under Commands, apart from the others")
		}
		if cmd.Action == nil && len(cmd.Subcommands) == 0 {
			t.Error("neither Action nor Subcommands")
		}
		if cmd.ArgsUsage != "" && len(cmd.Subcommands) > 0 {
			t.Error("ArgsUsage beside Subcommands: a word cannot be both")
		}
		checkUsage(t, "Usage", cmd.Usage)
	}
	args, rest := splitUsage(cmd.ArgsUsage)
	for i, word := range args {
		if !argUsage.MatchString(word) {
			t.Errorf("ArgsUsage %q: %q is none of NAME, [NAME], NAME..., [NAME...]", cmd.ArgsUsage, word)
		}
		if strings.Contains(word, "...") && i < len(args)-1 {
			t.Errorf("ArgsUsage %q: a list must stand last", cmd.ArgsUsage)
		}
		if word[0] != '[' && i > 0 && args[i-1][0] == '[' {
			t.Errorf("ArgsUsage %q: a required argument behind an optional one", cmd.ArgsUsage)
		}
	}
	if len(rest) > 2 {
		t.Errorf("ArgsUsage %q: one list at most behind --", cmd.ArgsUsage)
	}
	seen := map[string]bool{}
	for _, sub := range cmd.Subcommands {
		for _, name := range sub.Names() {
			if seen[name] {
				t.Errorf("two commands are called %q", name)
			}
			seen[name] = true
		}
	}
}

func checkFlag(t *testing.T, path []*cli.Command, f cli.Flag) {
	doc, ok := f.(cli.DocGenerationFlag)
	if !ok {
		t.Fatalf("--%s: %T has no documentation", f.Names()[0], f)
	}
	if !isHidden(f) {
		checkUsage(t, "--"+f.Names()[0], strings.ReplaceAll(doc.GetUsage(), "`", ""))
	}
	if doc.TakesValue() && strings.Count(doc.GetUsage(), "`") != 2 {
		t.Errorf("--%s: no `NAME` of the value in Usage", f.Names()[0])
	}
	if names := f.Names(); len(names[0]) < 2 {
		t.Errorf("-%s: a flag needs a long name, and it comes first", names[0])
	}
	for _, name := range f.Names() {
		if !kebab.MatchString(name) {
			t.Errorf("--%s: want lower case with dashes", name)
		}
		if isBuiltin(name) {
			t.Errorf("--%s is taken", name)
		}
		for _, parent := range path[:len(path)-1] {
			if findFlag(parent, name) != nil {
				t.Errorf("%s is a flag of %q too", dashes(name), parent.Name)
			}
		}
		if other := findFlag(path[len(path)-1], name); other != f {
			t.Errorf("two flags are called %s", dashes(name))
		}
	}

	// A value is tried on the flag before urfave/cli sets it: these would see it twice.
	value := reflect.ValueOf(f).Elem()
	for _, field := range []string{"Destination", "Count"} {
		if v := value.FieldByName(field); v.IsValid() && !v.IsZero() {
			t.Errorf("--%s has a %s", f.Names()[0], field)
		}
	}
	if _, generic := f.(*cli.GenericFlag); generic {
		t.Errorf("--%s is generic", f.Names()[0])
	}
}

// checkUsage wants half a sentence, as it stands in a list.
func checkUsage(t *testing.T, what, usage string) {
	t.Helper()
	if usage == "" || strings.HasSuffix(usage, ".") || strings.ToLower(usage[:1]) != usage[:1] {
		t.Errorf("%s: usage %q, want lower case and no full stop", what, usage)
	}
}

func TestSecretFlagsExist(t *testing.T) {
	t.Parallel()
	e, _, _ := testEnviron(nil)
	root := rootOf(newApp(e, commands(e)))
	for _, name := range secretFlags {
		if findFlag(root, name) == nil && len(flagsBelow(root, name)) == 0 {
			t.Errorf("there is no flag --%s", name)
		}
	}
}
