package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/envflow/envflow/worker"
)

func TestHelpBuiltin(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"help builtin":              {"Images:\n  docker_build", "\"envflow help builtin NAME\" says more about one.\n"},
		"help builtin local":        {"local(command, quiet=False,", "Arguments:\n  command      command: what runs\n", "Returns:\n  Blob: ", "\n    version = str("},
		"help builtin os.environ":   {"os.environ\n\nThe environment variables"},
		"help builtin os.path":      {"System:\n  os.path.abspath ", "  os.path.relpath "},
		"help builtin os.path.":     {"System:\n  os.path.abspath "},
		"help builtin docker_build": {"docker_build(ref, context, build_args={},", "\n    live_update=[]"},
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			got := runCLI(t, words(line))
			if got.Code != 0 || got.Stderr != "" {
				t.Fatalf("exit code %d, stderr %q", got.Code, got.Stderr)
			}
			for _, text := range want {
				if !strings.Contains(got.Stdout, text) {
					t.Errorf("%q is not in\n%s", text, got.Stdout)
				}
			}
		})
	}
}

// TestHelpBuiltin_OfEach prints all builtins, also those that will come.
func TestHelpBuiltin_OfEach(t *testing.T) {
	t.Parallel()
	families, err := worker.Builtins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, b := range f.Builtins {
			got := runCLI(t, []string{"help", "builtin", b.Name})
			if got.Code != 0 || !strings.Contains(got.Stdout, "\n\n") {
				t.Errorf("%s: exit code %d, stdout %q", b.Name, got.Code, got.Stdout)
			}
			for _, line := range strings.Split(got.Stdout, "\n") {
				if n := utf8.RuneCountInString(line); n > helpColumns && !strings.HasPrefix(line, " ") {
					t.Errorf("%s: %d columns: %q", b.Name, n, line)
				}
			}
		}
	}
}

func TestHelpBuiltin_AsJSON(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"help builtin os.getenv -o json": "os.getenv",
		"help -o json builtin shlex":     "shlex.quote",
		"-o json help builtin os.getcwd": "os.getcwd",
		"help builtin sys --output=json": "sys.argv sys.executable",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			got := runCLI(t, words(line))
			var answer []builtinDocument
			if err := json.Unmarshal([]byte(got.Stdout), &answer); err != nil || got.Code != 0 {
				t.Fatalf("exit code %d: %v", got.Code, err)
			}
			var names []string
			for _, b := range answer {
				names = append(names, b.Name)
				if b.Family == "" || b.Signature == "" || b.Summary == "" || b.Text == "" || b.Arguments == nil {
					t.Errorf("%+v", b)
				}
			}
			if got := strings.Join(names, " "); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestHelpBuiltin_Mistakes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"help builtin dockerbuild": "Error: there is no builtin \"dockerbuild\"\nHint: did you mean docker_build?\n",
		"help builtin join":        "Error: there is no builtin \"join\"\nHint: did you mean os.path.join?\n",
		"help builtin qqqqqq":      "Error: there is no builtin \"qqqqqq\"\nHint: run `envflow help builtin` for a list\n",
		"help builtin local run":   "Error: \"envflow help builtin\" takes one name at most, but there is also \"run\"\n",
		"help up -o json":          "Error: only help for builtins can be printed as JSON\nHint: `envflow help builtin -o json` does that\n",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			got := runCLI(t, words(line))
			if got.Code != 2 || got.Stdout != "" || got.Stderr != want {
				t.Errorf("exit code %d, stdout %q, stderr %q", got.Code, got.Stdout, got.Stderr)
			}
		})
	}
}

func TestHelpBuiltin_Completes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"help buil":                  "builtin\tthe builtins of Tiltfiles\n",
		"help builtin os.path.d":     "os.path.dirname\tReturns a path without its last part.\n",
		"help builtin sync ''":       "",
		"help builtin default_":      "default_registry\tSets the registry that images are pushed to.\n",
		"help -o json builtin shlex": "shlex.quote\tMakes one word of a string for a POSIX shell.\n",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			if got := runCLI(t, append([]string{"__complete", "--"}, words(line)...)); got.Stdout != want {
				t.Errorf("got %q, want %q", got.Stdout, want)
			}
		})
	}
}
