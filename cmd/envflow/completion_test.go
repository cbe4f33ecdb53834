package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range completionShells {
		got := runCLI(t, []string{"completion", shell})
		if got.Code != 0 || got.Stderr != "" || !strings.Contains(got.Stdout, "__complete -- ") {
			t.Errorf("%s: %+v", shell, got)
		}
	}
	tests := []struct{ shell, hint string }{
		{shell: "fihs", hint: "Hint: did you mean fish?\n"},
		{shell: "powershel", hint: "Hint: did you mean powershell?\n"},
		{shell: "tcsh"},
	}
	for _, tt := range tests {
		want := outcome{Code: 2, Stderr: fmt.Sprintf(
			"Error: there is no completion for the shell %q, only for bash, zsh, fish and powershell\n%s", tt.shell, tt.hint)}
		if diff := cmp.Diff(want, runCLI(t, []string{"completion", tt.shell})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.shell, diff)
		}
	}
}

// shellCases are lines with what a shell must make of them, run in every shell that is installed.
var shellCases = []struct {
	line string // the word under the cursor is the last, '' if the cursor stands behind a space
	want string
}{
	{line: "vers", want: "version"},
	{line: "--ver", want: "--verbose --version"},
	{line: "completion ''", want: "bash zsh fish powershell"},
	{line: "completion --no-color fi", want: "fish"},
	{line: "version --output j", want: "json"},
	{line: "version --output ''", want: "text json"},
	{line: "--temporal-address 127.0.0.1:7233 versi", want: "version"},
	{line: "version x"},
}

func TestCompletion_Bash(t *testing.T) {
	t.Parallel()
	script := `source <(envflow completion bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_envflow
printf '%s\n' "${COMPREPLY[@]}"`
	run := func(words ...string) string {
		return runShell(t, "bash", append([]string{"--norc", "-c", script, "bash", "envflow"}, words...)...)
	}
	for _, tt := range shellCases {
		line := words(strings.ReplaceAll(tt.line, "127.0.0.1:7233", "127.0.0.1 : 7233")) // as COMP_WORDBREAKS has it
		if diff := cmp.Diff(strings.Fields(tt.want), strings.Fields(run(line...))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.line, diff)
		}
	}

	// Words broken at =: only what stands behind it is replaced.
	for words, want := range map[string]string{
		"version --output =":   "text json",
		"version --output = j": "json",
		"version -o = t":       "text",
	} {
		if diff := cmp.Diff(strings.Fields(want), strings.Fields(run(strings.Fields(words)...))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", words, diff)
		}
	}
	if got := runShell(t, "bash", "--norc", "-c", "source <(envflow completion bash); complete -p envflow"); !strings.Contains(got, "-F _envflow envflow") {
		t.Errorf("registered as %q", got)
	}
}

func TestCompletion_Zsh(t *testing.T) {
	t.Parallel()
	// The completion system wants a terminal; these stand for the three functions of it that the script calls.
	const stubs = `compdef() { registered="$*" }
_describe() { for c in "${candidates[@]}"; do print -r -- "${c%%:*}"; done }
_files() { true }
`
	script := stubs + `source <(envflow completion zsh)
[[ $registered == "_envflow envflow" ]] || print "registered $registered"
words=("$@"); CURRENT=$#
_envflow`
	for _, tt := range shellCases {
		got := runShell(t, "zsh", append([]string{"-f", "-c", script, "zsh", "envflow"}, words(tt.line)...)...)
		if diff := cmp.Diff(strings.Fields(tt.want), strings.Fields(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.line, diff)
		}
	}

	// As an autoloaded function in $fpath.
	autoload := stubs + `fpath=($PWD); envflow completion zsh > _envflow; autoload -U _envflow
words=(envflow versi); CURRENT=2
_envflow; _envflow`
	if got := runShell(t, "zsh", "-f", "-c", autoload); got != "version\nversion\n" {
		t.Errorf("autoloaded: %q", got)
	}
}

func TestCompletion_Fish(t *testing.T) {
	t.Parallel()
	for _, tt := range shellCases {
		line := strings.TrimSuffix("envflow "+tt.line, "''")
		got := runShell(t, "fish", "--no-config", "-c", "envflow completion fish | source; complete --do-complete $argv[1]", line)
		var found []string
		for _, candidate := range strings.Split(strings.TrimSpace(got), "\n") {
			if name, _, _ := strings.Cut(candidate, "\t"); name != "" {
				found = append(found, name)
			}
		}
		want := strings.Fields(tt.want) // fish has its own order
		if diff := cmp.Diff(sorted(want), sorted(found), emptyIsNil); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.line, diff)
		}
	}
}

// runShell runs a shell that finds envflow in its PATH, in an empty folder, and returns its stdout.
func runShell(t *testing.T, shell string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		t.Skipf("%s is not installed", shell)
	}
	folder := envflowProgram(t)
	empty := filepath.Join(folder, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), shell, args...)
	cmd.Dir = empty
	cmd.Env = append(os.Environ(), asEnvflow+"=1", "HOME="+empty, "PATH="+folder+":"+os.Getenv("PATH"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s %q: %v\n%s", shell, args, err, stderr.String())
	}
	return string(out)
}
