package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

func TestPrint(t *testing.T) {
	t.Parallel()
	value := map[string]any{"ui": "http://x/?a&b", "pid": 7}
	text := func(w io.Writer) error {
		_, err := fmt.Fprintln(w, "pid 7")
		return err
	}
	half := func(w io.Writer) error {
		fmt.Fprint(w, "pid ")
		return errors.New("no pid")
	}
	tests := []struct {
		name  string
		args  []string
		value any
		text  func(io.Writer) error
		want  outcome
	}{
		{name: "text", value: value, text: text, want: outcome{Stdout: "pid 7\n"}},
		{name: "text by name", args: []string{"-o", "text"}, value: value, text: text, want: outcome{Stdout: "pid 7\n"}},
		{name: "json", args: []string{"-o", "json"}, value: value, text: text, want: outcome{Stdout: "{\n  \"pid\": 7,\n  \"ui\": \"http://x/?a&b\"\n}\n"}},
		{name: "no half answer", value: value, text: half, want: outcome{Code: 1, Stderr: "Error: no pid\n"}},
		{
			name: "not JSON", args: []string{"-o", "json"}, value: func() {}, text: text,
			want: outcome{Code: 1, Stderr: "Error: write the answer as JSON: json: unsupported type: func()\n"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, stdout, stderr := testEnviron(append([]string{"show"}, tt.args...))
			tree := []*cli.Command{{Name: "show", Usage: "show", Flags: []cli.Flag{outputFlag()}, Action: func(c *cli.Context) error {
				return e.print(c, tt.value, tt.text)
			}}}
			got := outcome{runTree(t.Context(), e, tree), stdout.String(), stderr.String()}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// fullDisk is stdout redirected to a file on a full disk.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
}

func TestPrint_FullDisk(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"version"}, {"help"}, {"version", "-o", "json"}, {"completion", "bash"}} {
		e, _, stderr := testEnviron(args)
		e.Stdout = fullDisk{}
		code := run(t.Context(), e)
		if want := "Error: write the answer to stdout: no space left on device\n"; code != 1 || stderr.String() != want {
			t.Errorf("%q: exit code %d, stderr %q", args, code, stderr)
		}
	}
}

func TestHelp_Colour(t *testing.T) {
	t.Parallel()
	e, stdout, _ := testEnviron([]string{"version", "--help"})
	e.IsTerminal = func(stream any) bool { return stream == any(stdout) }
	run(t.Context(), e)
	want := "Print the version of envflow.\n\n\x1b[1mUsage:\x1b[0m\n"
	if got := stdout.String(); len(got) < len(want) || got[:len(want)] != want {
		t.Errorf("%q, want it to start with %q", got, want)
	}
}
