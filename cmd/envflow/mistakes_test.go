package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMistakes has every error that a command line can end in, with its hint. All are printed on stderr only.
func TestMistakes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line   string
		env    []string
		code   int // 2 if not given
		err    string
		hint   string
		reason string
	}{
		// Commands.
		{line: "lgos", err: `unknown command "lgos"`, hint: "did you mean `envflow logs`?"},
		{line: "interc", err: `unknown command "interc"`, hint: "did you mean `envflow intercept`?", reason: "the beginning of a name"},
		{line: "bring-pu", err: `unknown command "bring-pu"`, hint: "did you mean `envflow bring-up`?", reason: "an alias"},
		{line: "LOGS", err: `unknown command "LOGS"`, hint: "did you mean `envflow logs`?"},
		{line: "frobnicate", err: `unknown command "frobnicate"`, hint: "run `envflow help` to see the commands"},
		{line: "''", err: `unknown command ""`, hint: "run `envflow help` to see the commands"},
		{line: "-", err: `unknown command "-"`, hint: "run `envflow help` to see the commands"},
		{line: "-5", err: `unknown command "-5"`, hint: "run `envflow help` to see the commands"},
		{line: "status", err: `unknown command "status"`, hint: "did you mean `envflow server status`?", reason: "it is one level down"},
		{line: "stauts", err: `unknown command "stauts"`, hint: "did you mean `envflow server status`?"},
		{line: "server stauts", err: `unknown command "stauts" for "envflow server"`, hint: "did you mean `envflow server status`?"},
		{line: "server sta", err: `unknown command "sta" for "envflow server"`, hint: "did you mean `envflow server status` or `envflow server start`?"},
		{line: "server iu", err: `unknown command "iu" for "envflow server"`, hint: "run `envflow help server` to see the commands", reason: "ui is hidden"},
		{line: "server nothing", err: `unknown command "nothing" for "envflow server"`, hint: "run `envflow help server` to see the commands"},
		{line: "nosuch --help", err: `unknown command "nosuch"`, hint: "run `envflow help` to see the commands"},
		{line: "-- up", err: `"envflow" needs a command before --`, hint: "run `envflow help`"},
		{line: "server -- status", err: `"envflow server" needs a command before --`, hint: "run `envflow help server`"},

		// Flags.
		{line: "up --flie x", err: `unknown flag --flie for "envflow up"`, hint: "did you mean --file?"},
		{line: "up --flie=x", err: `unknown flag --flie for "envflow up"`, hint: "did you mean --file?"},
		{line: "up --tim 5s", err: `unknown flag --tim for "envflow up"`, hint: "did you mean --timeout?"},
		{line: "up --verbos", err: `unknown flag --verbos for "envflow up"`, hint: "did you mean --verbose?", reason: "a global flag"},
		{line: "up --halp", err: `unknown flag --halp for "envflow up"`, hint: "did you mean --help?"},
		{line: "--vresion", err: `unknown flag --vresion for "envflow"`, hint: "did you mean --version?"},
		{line: "up --version", err: `unknown flag --version for "envflow up"`, hint: "run `envflow help up` to see its flags"},
		{line: "up --follow", err: `unknown flag --follow for "envflow up"`, hint: "run `envflow help up` to see its flags", reason: "another command's"},
		{line: "--follow up", err: `unknown flag --follow for "envflow up"`, hint: "run `envflow help up` to see its flags"},
		{line: "--follow", err: `unknown flag --follow for "envflow"`, hint: "run `envflow help` to see its flags"},
		{line: "up --secret-dor", err: `unknown flag --secret-dor for "envflow up"`, hint: "run `envflow help up` to see its flags", reason: "hidden"},
		{line: "up -x", err: `unknown flag -x for "envflow up"`, hint: "run `envflow help up` to see its flags"},
		{line: "up -qx", err: `unknown flag -x for "envflow up"`, hint: "run `envflow help up` to see its flags"},
		{line: "up --f x", err: `unknown flag --f for "envflow up"`, hint: "did you mean -f?"},
		{line: "up -file x", err: `unknown flag -file for "envflow up"`, hint: "did you mean --file?"},
		{line: "up -quite", err: `unknown flag -quite for "envflow up"`, hint: "did you mean --quiet?"},
		{line: "up ---file x", err: `unknown flag ---file for "envflow up"`, hint: "did you mean --file?"},
		{line: "up --=x", err: `unknown flag -- for "envflow up"`, hint: "run `envflow help up` to see its flags"},
		{line: "up --nosuch x --bad", err: `unknown flag --nosuch for "envflow up"`, hint: "run `envflow help up` to see its flags", reason: "the first one"},
		{line: "-f x up", err: "-f means different things to different commands", hint: "put it after the command"},

		// Values.
		{line: "up --file", err: "--file needs a value", hint: "run `envflow help up`"},
		{line: "up -q -f", err: "-f needs a value", hint: "run `envflow help up`"},
		{line: "up --file -- x", err: "--file needs a value", hint: "run `envflow help up`"},
		{line: "server status -o", err: "-o needs a value: text or json", hint: "run `envflow help server status`"},
		{line: "server status -o yaml", err: `-o must be text or json, not "yaml"`},
		{line: "server status --output=JSN", err: `--output must be text or json, not "JSN"`, hint: "did you mean json?"},
		{line: "-o yaml server status", err: `-o must be text or json, not "yaml"`},
		{line: "up --port abc", err: `--port must be a whole number, not "abc"`},
		{line: "up -p 1.5", err: `-p must be a whole number, not "1.5"`},
		{line: "up -p 99999999999999999999", err: `-p is out of range: "99999999999999999999"`},
		{line: "up --codes x", err: `--codes must be a whole number, not "x"`},
		{line: "up --jobs -1", err: `--jobs must be a whole number, zero or more, not "-1"`},
		{line: "up --factor x", err: `--factor must be a number, not "x"`},
		{line: "up --timeout 5", err: `--timeout must be a duration such as 30s or 5m, not "5"`},
		{line: "up --quiet=maybe", err: `--quiet must be true or false, not "maybe"`},
		{line: "up -q=", err: `-q must be true or false, not ""`},
		{
			line: "up", env: []string{"DEMO_PORT=no"}, code: 4,
			err: `the environment variable DEMO_PORT must be a whole number, not "no"`, hint: "it stands for the flag --port",
		},

		// Arguments.
		{line: "version x", err: `"envflow version" takes no arguments, but there is "x"`, hint: "run `envflow help version`"},
		{line: "version -- x", err: `"envflow version" takes no arguments, but there is "x"`, hint: "run `envflow help version`"},
		{
			line: "server status a b c d e", err: `"envflow server status" takes no arguments, but there is "a", "b", "c" and 2 more`,
			hint: "run `envflow help server status`",
		},
		{line: "scale --reason x", err: `"envflow scale" needs SERVICE and COUNT`, hint: "usage: `envflow scale SERVICE COUNT [NOTE] [FLAGS]`"},
		{line: "scale --reason x s", err: `"envflow scale" needs COUNT`, hint: "usage: `envflow scale SERVICE COUNT [NOTE] [FLAGS]`"},
		{
			line: "scale --reason x s 1 n y", err: `"envflow scale" takes 3 arguments at most, but there is also "y"`,
			hint: "usage: `envflow scale SERVICE COUNT [NOTE] [FLAGS]`",
		},
		{line: "scale s 1", err: `"envflow scale" needs --reason`, hint: "run `envflow help scale`"},
		{line: "intercept -- cmd", err: `"envflow intercept" needs SERVICE`, hint: "usage: `envflow intercept SERVICE [FLAGS] [-- COMMAND...]`"},
		{
			line: "intercept s cmd", err: `"envflow intercept" takes 1 argument at most, but there is also "cmd"`,
			hint: "usage: `envflow intercept SERVICE [FLAGS] [-- COMMAND...]`",
		},
		{line: "exec s", err: `"envflow exec" needs a command after --`, hint: "usage: `envflow exec SERVICE [FLAGS] -- COMMAND...`"},

		// help.
		{line: "help lgos", err: `unknown command "lgos"`, hint: "did you mean `envflow logs`?"},
		{line: "help server stauts", err: `unknown command "stauts" for "envflow server"`, hint: "did you mean `envflow server status`?"},
		{line: "help up x", err: `"envflow up" has no commands, so there is no help for "x"`, hint: "run `envflow help up`"},

		// Secrets stay secret.
		{line: "--temporal-api-kye=hunter2 up", err: `unknown flag --temporal-api-kye for "envflow"`, hint: "did you mean --temporal-api-key?"},
		{line: "--temporal-api-kye hunter2 up", err: `unknown flag --temporal-api-kye for "envflow"`, hint: "did you mean --temporal-api-key?"},
		{line: "up -temporal-api-key=hunter2", err: `unknown flag -temporal-api-key for "envflow up"`, hint: "did you mean --temporal-api-key?"},
		{line: "temporal-api-key=hunter2 up", err: `unknown command "temporal-api-key=..."`, hint: "flags start with two dashes: --temporal-api-key"},
		{
			line: "up -p hunter2 --temporal-api-key hunter2", err: `-p must be a whole number, not "[secret]"`,
			reason: "given twice, once in the wrong place",
		},
		{
			line: "up -p hunter2", env: []string{"ENVFLOW_TEMPORAL_API_KEY=hunter2"},
			err: `-p must be a whole number, not "[secret]"`,
		},
	}
	for _, tt := range tests {
		t.Run(strings.ReplaceAll(tt.line, "/", "_"), func(t *testing.T) {
			t.Parallel()
			want := outcome{Code: 2, Stderr: "Error: " + tt.err + "\n"}
			if tt.code != 0 {
				want.Code = tt.code
			}
			if tt.hint != "" {
				want.Stderr += "Hint: " + tt.hint + "\n"
			}
			got, called := runDemo(t, words(tt.line), tt.env...)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
			}
			if called.Command != "" {
				t.Errorf("the Action of %q ran", called.Command)
			}
		})
	}
}
