package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
)

// TestTable compares tables with testdata/table. Look at what -update writes: it is what users see.
func TestTable(t *testing.T) {
	t.Parallel()
	mixed := running(
		readyResource("db"),
		failedResource("web", "Dockerfile:3: build step failed (exit code 1)"),
		busyResource("api"),
		pendingResource("worker", "waiting for api", ""),
		pendingResource("cache", "", failure.Cluster),
		manualResource("load-test"),
		changed(readyResource("old"), func(r *api.ResourceStatus) { r.Enabled, r.Ready = false, false }),
	)
	mixed.Warnings = 2
	mixed.NotRun = []string{"Cmd sync", "UIButton reset, seed and 3 more"}
	errors := map[string]string{"web": "web/Dockerfile:3: RUN make\n  exit code: 1\n\x1b[31mcc: no input\x1b[0m\tfiles"}
	broken := running(readyResource("db"))
	broken.Error = "Tiltfile:4:1: undefined name"
	crowd := running(append(many(300), failedResource("broken", "no"), busyResource("busy"), pendingResource("late", "waiting for busy", ""))...)
	many := map[string]string{"broken": strings.Repeat("a line of the compiler\n", 100)}
	starting := api.Status{State: api.EnvironmentRunning, Evaluating: true}
	for name, test := range map[string]table{
		"mixed":            {Status: mixed, Errors: errors},
		"narrow":           {Status: mixed, Errors: errors, Width: 60, Height: 40},
		"very-narrow":      {Status: mixed, Errors: errors, Width: 20, Height: 40},
		"low":              {Status: mixed, Errors: errors, Width: 100, Height: 8},
		"crowd":            {Status: crowd, Errors: many, Width: 80, Height: 24},
		"coloured":         {Status: mixed, Errors: errors, style: style{on: true}},
		"stale":            {Status: mixed, Errors: errors, Stale: "paused, no worker since 11:59"},
		"broken-tiltfile":  {Status: broken, Errors: map[string]string{api.TiltfileName: "Tiltfile:4:1: undefined name: foo\n    foo()\n    ^"}},
		"evaluating-first": {Status: starting, Width: 80, Height: 24},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.Now = noon
			lines := test.lines()
			got := strings.Join(lines, "\n") + "\n"
			if test.Height > 0 && len(lines) > test.Height-1 {
				t.Errorf("%d lines on a screen of %d", len(lines), test.Height)
			}
			for _, line := range lines {
				if test.Width > 0 && runes(printable(line)) > test.Width {
					t.Errorf("%d columns on a screen of %d: %q", runes(line), test.Width, line)
				}
			}
			golden(t, filepath.Join("testdata", "table", name+".txt"), got)
		})
	}
}

// golden compares got with a file, which -update writes.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-file +now; -update writes it):\n%s", file, diff)
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":                           "plain",
		"größe │":                         "größe │",
		"\x1b[1;31mred\x1b[0m":            "red",
		"a\tb\r":                          "a    b",
		"\x1b[2J\x1b[Hgone":               "gone",
		"\x1bMup":                         "up",
		"cut \x1b[12":                     "cut ",
		"\x1b":                            "",
		"\u009b31mc1":                     "31mc1",
		"bell\a\x00\x7f":                  "bell",
		"\xff\xfe is no UTF-8 but stays.": "\xff\xfe is no UTF-8 but stays.",
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestClipTo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text  string
		width int
		want  string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"äöüß", 3, "äö…"}, {"abc", 1, "…"}, {"abc", 0, ""}, {"", 0, ""}} {
		if got := clipTo(test.text, test.width); got != test.want {
			t.Errorf("clipTo(%q, %d) = %q", test.text, test.width, got)
		}
	}
}
