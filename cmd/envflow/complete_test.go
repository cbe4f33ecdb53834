package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestComplete(t *testing.T) {
	t.Parallel()
	const temporal = "--temporal-address --temporal-profile --temporal-namespace --temporal-api-key --temporal-tls --temporal-tls-ca-path " +
		"--temporal-tls-cert-path --temporal-tls-key-path --temporal-tls-server-name --temporal-tls-disable-host-verification"
	tests := []struct {
		line string // the last word is the one under the cursor
		want string // the candidates
	}{
		{line: "''", want: "up logs intercept exec scale server help version"},
		{line: "s", want: "scale server"},
		{line: "x"},
		{line: "-v s", want: "scale server"},
		{line: "server ''", want: "status start"},
		{line: "server st", want: "status start"},
		{line: "server sto"},
		{line: "server --dir d star", want: "start"},
		{line: "nosuch ''", want: "up logs intercept exec scale server help version"},

		{line: "--ve", want: "--verbose --version"},
		{line: "up --ve", want: "--verbose"},
		{line: "up --", want: "--file --set --port --codes --jobs --detach --quiet --timeout --factor --verbose --no-color " + temporal + " --help"},
		{line: "up --file x a --f", want: "--factor"}, // --file is there already
		{line: "up --set a=b --se", want: "--set"},    // --set may be repeated
		{line: "up --secret"},
		{line: "server status --d", want: "--dir"},
		{line: "-", want: "--verbose --no-color " + temporal + " --help --version"},

		{line: "server status -o ''", want: "text json"},
		{line: "server status -o j", want: "json"},
		{line: "server status --output=", want: "--output=text --output=json"},
		{line: "server status --output=t", want: "--output=text"},
		{line: "server status -o=j", want: "-o=json"},
		{line: "-o j", want: "json"},
		{line: "server status -o x"},
		{line: "up --file ''"}, // files
		{line: "up --file=x"},
		{line: "up --nosuch=x"},
		{line: "up --file --ver"}, // a value

		{line: "up ''"},
		{line: "intercept s -- ''"}, // another program's words
		{line: "intercept s -- --v"},
		{line: "up -- --v"},
		{line: "help ''", want: "builtin up bring-up logs intercept exec scale server help version"},
		{line: "help server s", want: "status st start"},
		{line: "help -- server s", want: "status st start"},
		{line: "help nosuch ''"},
		{line: "version ''"},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			t.Parallel()
			e, _, _ := testEnviron(nil)
			var got []string
			for _, c := range complete(newApp(e, demoTree(e, &call{})), words(tt.line)) {
				got = append(got, c.word)
			}
			if diff := cmp.Diff(strings.Fields(tt.want), got, emptyIsNil); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

var emptyIsNil = cmp.Transformer("emptyIsNil", func(words []string) []string {
	return append([]string(nil), words...)
})

func TestCompleteCommand(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args []string
		want outcome
	}{
		{[]string{"__complete", "--", "vers"}, outcome{Stdout: "version\tprint the version of envflow\n"}},
		{[]string{"__complete", "--", "--no-c"}, outcome{Stdout: "--no-color\tprint without colour, like NO_COLOR=1\n"}},
		{[]string{"__complete", "--", "completion", "f"}, outcome{Stdout: "fish\n"}},
		{[]string{"__complete", "--", "completion", "fish", ""}, outcome{}},
		{[]string{"__complete", "--", "version", "-o", "json", "-h", "--"}, outcome{Stdout: runCLIStdout(t, "__complete", "--", "version", "-o", "text", "--")}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, runCLI(t, tt.args)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.args, diff)
		}
	}
	if got := runCLIStdout(t, "__complete", "--"); !strings.Contains(got, "version\t") {
		t.Errorf("no words: %q", got)
	}
}

func runCLIStdout(t *testing.T, args ...string) string {
	t.Helper()
	return runCLI(t, args).Stdout
}
