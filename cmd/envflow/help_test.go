package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

// TestHelp compares the help of every command with testdata/help. Look at what -update writes: it is what users read.
func TestHelp(t *testing.T) {
	t.Parallel()
	var files []string
	e, _, _ := testEnviron(nil)
	eachCommand([]*cli.Command{rootOf(newApp(e, commands(e)))}, func(path []*cli.Command) {
		names := strings.Fields(fullName(path))[1:]
		file := strings.Join(append([]string{"envflow"}, names...), "-") + ".txt"
		files = append(files, file)
		t.Run(fullName(path), func(t *testing.T) {
			t.Parallel()
			testHelp(t, names, filepath.Join("testdata", "help", file))
		})
	})

	stored, err := filepath.Glob("testdata/help/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stored {
		if !slices.Contains(files, filepath.Base(file)) {
			t.Errorf("%s belongs to no command", file)
		}
	}
}

func testHelp(t *testing.T, names []string, golden string) {
	got := runCLI(t, append([]string{"help"}, names...))
	if got.Code != 0 || got.Stderr != "" {
		t.Fatalf("exit code %d, stderr %q", got.Code, got.Stderr)
	}
	for _, line := range strings.Split(got.Stdout, "\n") {
		if n := utf8.RuneCountInString(line); n > helpColumns {
			t.Errorf("%d columns: %q", n, line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("space at the end of %q", line)
		}
	}
	for _, flag := range []string{"--help", "-h"} {
		for _, args := range [][]string{append(slices.Clone(names), flag), append([]string{flag}, names...)} {
			if diff := cmp.Diff(got, runCLI(t, args)); diff != "" {
				t.Errorf("%q (-help command +this):\n%s", args, diff)
			}
		}
	}

	if *update {
		if err := os.WriteFile(golden, []byte(got.Stdout), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.Stdout); diff != "" {
		t.Errorf("%s (-file +now; -update writes it):\n%s", golden, diff)
	}
}

// TestHelpRequests has the lines that print help instead of doing something, or do not.
func TestHelpRequests(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line  string
		usage string // the line under Usage:, "" if the command runs
	}{
		{line: "", usage: "envflow COMMAND [ARGUMENTS] [FLAGS]"},
		{line: "-v", usage: "envflow COMMAND [ARGUMENTS] [FLAGS]"},
		{line: "help", usage: "envflow COMMAND [ARGUMENTS] [FLAGS]"},
		{line: "server", usage: "envflow server COMMAND [FLAGS]"},
		{line: "server -v", usage: "envflow server COMMAND [FLAGS]"},
		{line: "server help", usage: "envflow server COMMAND [FLAGS]"},
		{line: "server help status", usage: "envflow server status [FLAGS]"},
		{line: "help server st", usage: "envflow server status [FLAGS]"},
		{line: "up a -h b", usage: "envflow up [RESOURCE...] [FLAGS]"},
		{line: "up -qh", usage: "envflow up [RESOURCE...] [FLAGS]"},
		{line: "up --nosuch --help", usage: "envflow up [RESOURCE...] [FLAGS]"},
		{line: "up --port abc -h", usage: "envflow up [RESOURCE...] [FLAGS]"},
		{line: "up --help=true", usage: "envflow up [RESOURCE...] [FLAGS]"},
		{line: "scale --help", usage: "envflow scale SERVICE COUNT [NOTE] [FLAGS]"},
		{line: "help intercept", usage: "envflow intercept SERVICE [FLAGS] [-- COMMAND...]"},
		{line: "intercept --help -- x", usage: "envflow intercept SERVICE [FLAGS] [-- COMMAND...]"},
		{line: "--version --help", usage: "envflow COMMAND [ARGUMENTS] [FLAGS]"},
		{line: "intercept s -- x --help"},
		{line: "up -- --help"},
		{line: "up --file --help"},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			t.Parallel()
			got, called := runDemo(t, words(tt.line))
			if got.Code != 0 || got.Stderr != "" {
				t.Fatalf("exit code %d, stderr %q", got.Code, got.Stderr)
			}
			_, after, _ := strings.Cut(got.Stdout, "Usage:\n  ")
			usage, _, _ := strings.Cut(after, "\n")
			if usage != tt.usage {
				t.Errorf("usage %q, want %q", usage, tt.usage)
			}
			if (called.Command == "") != (tt.usage != "") {
				t.Errorf("called %q", called.Command)
			}
		})
	}
}

// TestHelpFlags looks at what the real tree does not have yet.
func TestHelpFlags(t *testing.T) {
	t.Parallel()
	got, _ := runDemo(t, []string{"help", "up"}, "DEMO_PORT=4711")
	_, flags, _ := strings.Cut(got.Stdout, "Flags:\n")
	flags, _, _ = strings.Cut(flags, "\n\n")
	want := `  -f, --file TEXT      take TEXT
      --set KEY=VALUE  set KEY=VALUE; may be repeated
  -p, --port PORT      listen on PORT [$DEMO_PORT]
      --codes CODE     expect CODE; may be repeated
  -j, --jobs N         run N at a time
  -d, --detach         leave it running [$DEMO_DETACH]
  -q, --quiet          say less
      --timeout TIME   wait TIME (default 30s)
      --factor X       times X
  -h, --help           print this help`
	if diff := cmp.Diff(want, flags); diff != "" {
		t.Errorf("flags (-want +got):\n%s", diff)
	}
	got, _ = runDemo(t, []string{"help", "scale"})
	if want := "  --reason WHY  say WHY (required) [$DEMO_REASON]\n"; !strings.Contains(got.Stdout, want) {
		t.Errorf("no %q in\n%s", want, got.Stdout)
	}
}

func TestHelpNeverShowsSecrets(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"help"}, {"--temporal-api-key", "hunter2", "--help"}, {"version", "--help"}} {
		got := runCLI(t, args, "ENVFLOW_TEMPORAL_API_KEY=hunter2")
		if strings.Contains(got.Stdout+got.Stderr, "hunter2") {
			t.Errorf("%q shows the key", args)
		}
	}
}
