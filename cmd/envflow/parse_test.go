package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

// flags is short for what an Action finds set.
type flags = map[string]any

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line string // fields; '' is the empty word
		env  []string
		want call
	}{
		{line: "up", want: call{Command: "up"}},
		{line: "bring-up", want: call{Command: "up"}},
		{line: "up a b", want: call{"up", []string{"a", "b"}, flags{}}},
		{line: "up -f x a", want: call{"up", []string{"a"}, flags{"file": "x"}}},
		{line: "up a -f x b", want: call{"up", []string{"a", "b"}, flags{"file": "x"}}},
		{line: "up a b -f x", want: call{"up", []string{"a", "b"}, flags{"file": "x"}}},
		{line: "up a --file=x", want: call{"up", []string{"a"}, flags{"file": "x"}}},
		{line: "up a --file x=y", want: call{"up", []string{"a"}, flags{"file": "x=y"}}},
		{line: "up a --file=x=y", want: call{"up", []string{"a"}, flags{"file": "x=y"}}},
		{line: "up --file=", want: call{"up", nil, flags{"file": ""}}},
		{line: "up --file ''", want: call{"up", nil, flags{"file": ""}}},
		{line: "up ''", want: call{"up", []string{""}, flags{}}},
		{line: "up -fx", want: call{"up", nil, flags{"file": "x"}}},
		{line: "up -f=x", want: call{"up", nil, flags{"file": "x"}}},

		// A value may look like a flag, a command or a number.
		{line: "up --file --quiet a", want: call{"up", []string{"a"}, flags{"file": "--quiet"}}},
		{line: "up --file -h", want: call{"up", nil, flags{"file": "-h"}}},
		{line: "up --file - a", want: call{"up", []string{"a"}, flags{"file": "-"}}},
		{line: "up --file logs", want: call{"up", nil, flags{"file": "logs"}}},
		{line: "up --port -1", want: call{"up", nil, flags{"port": -1}}},

		// Arguments that look like something else.
		{line: "up - -q", want: call{"up", []string{"-"}, flags{"quiet": true}}},
		{line: "up -5 -q -.5 -1e3", want: call{"up", []string{"-5", "-.5", "-1e3"}, flags{"quiet": true}}},
		{line: "up help h", want: call{"up", []string{"help", "h"}, flags{}}},
		{line: "up verbose -v", want: call{"up", []string{"verbose"}, flags{"verbose": true}}},

		// Bools and bundles.
		{line: "up -qd a", want: call{"up", []string{"a"}, flags{"quiet": true, "detach": true}}},
		{line: "up -qdf x a", want: call{"up", []string{"a"}, flags{"quiet": true, "detach": true, "file": "x"}}},
		{line: "up a -qfx", want: call{"up", []string{"a"}, flags{"quiet": true, "file": "x"}}},
		{line: "up -vq", want: call{"up", nil, flags{"quiet": true, "verbose": true}}},
		{line: "up --quiet=false", want: call{"up", nil, flags{"quiet": false}}},
		{line: "up -q=false", want: call{"up", nil, flags{"quiet": false}}},
		{line: "up --quiet false", want: call{"up", []string{"false"}, flags{"quiet": true}}},

		// Repeated flags: lists keep all, commas and order; of the others the last counts, whatever name it has.
		{line: "up --set a=1,2 x --set b=3", want: call{"up", []string{"x"}, flags{"set": []string{"a=1,2", "b=3"}}}},
		{line: "up --codes 1 --codes -2", want: call{"up", nil, flags{"codes": []int{1, -2}}}},
		{line: "up -f a --file b", want: call{"up", nil, flags{"file": "b"}}},
		{line: "up --file a -f b", want: call{"up", nil, flags{"file": "b"}}},

		// Types.
		{
			line: "up --timeout 5m --factor -1.5 -j 3 -p 80",
			want: call{"up", nil, flags{"timeout": 5 * time.Minute, "factor": -1.5, "jobs": uint(3), "port": 80}},
		},

		// Global flags stand anywhere before --.
		{line: "-v up a", want: call{"up", []string{"a"}, flags{"verbose": true}}},
		{line: "up a --no-color", want: call{"up", []string{"a"}, flags{"no-color": true}}},
		{line: "server status --verbose", want: call{"status", nil, flags{"verbose": true}}},
		{line: "server --verbose status", want: call{"status", nil, flags{"verbose": true}}},
		{
			line: "server status --temporal-address=h:1 --temporal-tls=false",
			want: call{"status", nil, flags{"temporal-address": "h:1", "temporal-tls": false}},
		},

		// A group's flags stand on either side of the subcommand, and a command's flags even before its name.
		{line: "server --dir d st", want: call{"status", nil, flags{"dir": "d"}}},
		{line: "server status --dir d", want: call{"status", nil, flags{"dir": "d"}}},
		{line: "--dir d server status", want: call{"status", nil, flags{"dir": "d"}}},
		{line: "-o json server status", want: call{"status", nil, flags{"output": "json"}}},
		{line: "server -ojson status", want: call{"status", nil, flags{"output": "json"}}},
		{line: "-qd up", want: call{"up", nil, flags{"quiet": true, "detach": true}}},
		{line: "-q up --port 1", want: call{"up", nil, flags{"quiet": true, "port": 1}}},

		// -- keeps everything behind it as it is.
		{line: "up -- -q --nosuch -- x", want: call{"up", []string{"-q", "--nosuch", "--", "x"}, flags{}}},
		{line: "up a -q -- -h", want: call{"up", []string{"a", "-h"}, flags{"quiet": true}}},
		{line: "up --", want: call{Command: "up"}},
		{line: "up --file=-- a", want: call{"up", []string{"a"}, flags{"file": "--"}}},
		{line: "intercept s -p 80 -- cmd -x", want: call{"intercept", []string{"s", "--", "cmd", "-x"}, flags{"port": 80}}},
		{line: "intercept -p 80 s -- cmd -p 1 -- y", want: call{"intercept", []string{"s", "--", "cmd", "-p", "1", "--", "y"}, flags{"port": 80}}},
		{line: "intercept s --", want: call{"intercept", []string{"s", "--"}, flags{}}},
		{line: "intercept s", want: call{"intercept", []string{"s"}, flags{}}},
		{line: "exec s -- sh -c x", want: call{"exec", []string{"s", "--", "sh", "-c", "x"}, flags{}}},

		// The environment fills in what is not on the line. Empty is not set.
		{line: "up", env: []string{"DEMO_PORT=81", "DEMO_DETACH=1"}, want: call{"up", nil, flags{"port": 81, "detach": true}}},
		{line: "up -p 82", env: []string{"DEMO_PORT=81", "DEMO_DETACH="}, want: call{"up", nil, flags{"port": 82}}},
		{line: "scale s -1", env: []string{"DEMO_REASON=cost"}, want: call{"scale", []string{"s", "-1"}, flags{"reason": "cost"}}},
		{line: "scale s 1 note --reason=x", want: call{"scale", []string{"s", "1", "note"}, flags{"reason": "x"}}},
		{line: "logs -f a", env: []string{"DEMO_PORT=no"}, want: call{"logs", []string{"a"}, flags{"follow": true}}},
	}
	for _, tt := range tests {
		t.Run(strings.ReplaceAll(tt.line, "/", "_"), func(t *testing.T) {
			t.Parallel()
			out, got := runDemo(t, words(tt.line), tt.env...)
			if diff := cmp.Diff(outcome{}, out); diff != "" {
				t.Fatalf("outcome (-want +got):\n%s", diff)
			}
			if tt.want.Args == nil {
				tt.want.Args = []string{}
			}
			if tt.want.Flags == nil {
				tt.want.Flags = flags{}
			}
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("the Action got (-want +got):\n%s", diff)
			}
		})
	}
}

// words splits a line; a pair of single quotes stands for the empty word.
func words(line string) []string {
	fields := strings.Fields(line)
	for i, field := range fields {
		if field == "''" {
			fields[i] = ""
		}
	}
	return fields
}

func TestSplitDash(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line   string
		args   []string
		rest   []string
		dashed bool
	}{
		{line: "intercept s", args: []string{"s"}},
		{line: "intercept s --", args: []string{"s"}, rest: []string{}, dashed: true},
		{line: "intercept s -p 1 -- a -- -b", args: []string{"s"}, rest: []string{"a", "--", "-b"}, dashed: true},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			t.Parallel()
			e, _, stderr := testEnviron(words(tt.line))
			tree := demoTree(e, &call{})
			called := false
			tree[2].Action = func(c *cli.Context) error {
				called = true
				args, rest, dashed := splitDash(c)
				if diff := cmp.Diff([]any{tt.args, tt.rest, tt.dashed}, []any{args, rest, dashed}); diff != "" {
					t.Errorf("splitDash (-want +got):\n%s", diff)
				}
				return nil
			}
			if code := runTree(t.Context(), e, tree); code != 0 || !called {
				t.Fatalf("exit code %d, called %v: %s", code, called, stderr)
			}
		})
	}
}
