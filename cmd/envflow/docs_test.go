package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/server"
	"github.com/envflow/envflow/internal/version"
	"github.com/envflow/envflow/worker"
)

const docsHead = `# Command line

Every command and flag, as ` + "`envflow help`" + ` prints them. This file is generated: change the commands, then run
` + "`go test ./cmd/envflow -run TestDocs -update`" + `.

Stdout is the answer and nothing else; progress, notes and errors go to stderr. With ` + "`-o json`" + ` the answer is exactly
one JSON document. Fields are only ever added, so a program that reads them should pass over those it does not know.

| Exit code | |
| --- | --- |
| 0 | done |
| 1 | failed |
| 2 | the command line is wrong |
| 3 | something envflow needs is missing: a docker engine, a cluster, a disk with room |
| 4 | the configuration is wrong: a Tiltfile, a file, an environment variable |
| 130 | interrupted |

An environment is named by ` + "`--env ID`" + `, by ` + "`--file PATH`" + ` of its Tiltfile, or by the Tiltfile in the current folder.

`

// answer is what docs/cli.md says of the JSON that a command prints.
type answer struct {
	example any
	notes   string
}

// answers have a value of every type that commands print as JSON, so that the document cannot differ from it.
func answers() map[string]answer {
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	process := workerPart{PID: 4711, Version: "1.0.0", Started: "2026-03-04T11:58:00Z"}
	record := serverStatus{PID: 4242, Address: "127.0.0.1:7233", UI: "http://127.0.0.1:8233", Database: "/home/me/.local/state/envflow/server/temporal.db", Version: "1.0.0"}
	return map[string]answer{
		"envflow status": {
			statusDocument{
				Environment: "shop-01234567", State: api.EnvironmentRunning, Worker: process,
				Server: serverPart{Address: record.Address, UI: record.UI, PID: record.PID},
				Resources: []resourceStatus{
					{
						Name: "web", Type: plan.TypeKubernetes, Update: api.StateOK, Runtime: api.StateOK, Ready: true, Endpoints: []string{"http://localhost:8080/"},
						LastUpdate: &api.LastUpdate{Started: at, Seconds: 0.043, Kind: api.KindLiveUpdate},
					},
					{
						Name: "db", Type: plan.TypeKubernetes, Update: api.StatePending, Runtime: api.StateNone, Endpoints: []string{},
						Reason: "waiting for the cluster since 12:03",
					},
				},
			},
			"`state` is `running` while there is a worker, `down` after `envflow down`, else `paused`. Without a worker the pid of `worker` is 0 and its " +
				"other fields are empty, nothing is `ready`, and `reason` says since when; the same goes for `server`. Of a Temporal of your own `server` has the address only.\n\n" +
				"`update` is `none`, `pending`, `in_progress`, `ok` or `error`; `runtime` is `none`, `pending`, `ok` or `error`. `last_update` is the newest update that " +
				"finished, null if there was none; its `kind` is `build`, `live_update` or `command`. `reason` says why a resource is not ready, and is the whole error of an " +
				"update that failed. A field `error` at the end has the whole error of a Tiltfile that could not be evaluated; without one it is left out. A field " +
				"`not_run` lists what this version of envflow evaluates and does not run, beside resources: objects of v1alpha1, and `restart_container()`.\n\n" +
				"With `--watch` each change is one document in a line.",
		},
		"envflow ls": {
			[]listedEnvironment{{ID: "shop-01234567", Project: "shop", Path: "/home/me/src/shop/Tiltfile", State: api.EnvironmentRunning, Worker: process}},
			"`state` and `worker` are those of `envflow status`.",
		},
		"envflow logs": {
			loggedLine{Time: at, Resource: "web", Source: "runtime", Pod: "web-7d4b9c-x2x1p", Container: "web", Text: "listening on :8080"},
			"With `--json` each line of the log is one document in a line. `source` is `build`, `runtime`, `event` or `engine`; `resource` is empty for what concerns the environment as a whole.",
		},
		"envflow eval": {
			evaluationOf(&worker.Evaluation{
				Plan:    &plan.Plan{Settings: plan.Settings{MaxParallelUpdates: 3, UpsertTimeoutSeconds: 30, ServerSideApply: "auto"}},
				Timings: map[string]time.Duration{"local": 8 * time.Millisecond, "total": 12 * time.Millisecond},
				Calls:   map[string]int{"local": 2},
			}),
			"`resources` and `images` are in the order of the Tiltfile. `timings` are seconds, by builtin and in total; `calls` says how often each builtin " +
				"was called. With `--timings` these two are all there is.\n\n" +
				"With `--diff` it is `{\"environment\": ID, \"changes\": [...]}`. Of a change, `kind` is `resource`, `settings`, `compose_project` or `object` (of v1alpha1); " +
				"`change` is `added`, `removed` or `changed`; `update` says whether a resource has something to be carried out rather than only shown; `parts` are what has " +
				"changed, each an `image`, an `object` of Kubernetes, a `field` or, where nothing of the resource itself did, the `settings`, with its whole `before` and `after`, secrets too.",
		},
		"envflow lint": {
			lintDocument{
				Files: []string{"Tiltfile", "lib/web.star"},
				Findings: []lintFinding{{
					File: "Tiltfile", Line: 3, Column: 1, Builtin: "docker_build", Rule: "unused-image", Message: "the image web is not built: no resource uses it",
					Hint: "update_settings(suppress_unused_image_warnings=[\"web\"]) hides this",
				}},
			},
			"Paths start from the current folder. `line` and `column` are from 1; 0 is the file as a whole. `builtin` and `hint` may be empty, and `message` may have several lines.\n\n" +
				"`rule` is, found by reading, `syntax`, `undefined`, `missing-file`, `shadowed-name` (a name that hides a builtin or a loaded name), `unused-load`, `no-effect` (a " +
				"value that nothing is done with) or `unreachable`; found by evaluating, `error`, `warning`, `unused-image`, `unknown-dependency`, `does-nothing` (what Tilt has and " +
				"envflow passes over), `no-resources` or `port-clash`.",
		},
		"envflow help": {
			[]builtinDocument{{
				Name: "os.getenv", Family: "System", Signature: "os.getenv(key, default=None)", Summary: "Returns the value of an environment variable.",
				Text: "Returns the value of an environment variable.",
				Arguments: []argumentDocument{
					{Name: "key", Type: "string", Text: "its name"},
					{Name: "default", Type: "any", Optional: true, Default: "None", Text: "returned if it is not set"},
				},
				Returns: "string: the value, or `default`",
			}},
			"Only of builtins; with a name it is a list of one, or of the members of a module. Texts are Markdown.",
		},
		"envflow version":       {version.Info{Version: "1.0.0", Commit: "0123456789abcdef0123456789abcdef01234567", Date: "2026-03-04T12:00:00Z", Go: "go1.26.8", OS: "linux", Arch: "amd64"}, ""},
		"envflow selftest":      {selftestResult{WorkflowID: "envflow/selftest/0123456789abcdef", RunID: "...", Namespace: api.Namespace, Address: record.Address, Duration: "35ms", UI: "http://127.0.0.1:8233/envflow/login?code=..."}, ""},
		"envflow server status": {record, "Without a server the pid is 0 and the rest empty."},
		"envflow server start":  {record, ""},
		"envflow server ui":     {server.LoginLink{URL: "http://127.0.0.1:8233/envflow/login?code=...", Expires: "2026-03-04T12:10:00Z"}, ""},
	}
}

// TestDocs compares docs/cli.md with the commands; -update writes it.
func TestDocs(t *testing.T) {
	t.Parallel()
	e, _, _ := testEnviron(nil)
	known := answers()
	var doc bytes.Buffer
	doc.WriteString(docsHead)
	eachCommand([]*cli.Command{rootOf(newApp(e, commands(e)))}, func(path []*cli.Command) {
		cmd := path[len(path)-1]
		for _, c := range path {
			if c.Hidden {
				return
			}
		}
		name := fullName(path)
		var help bytes.Buffer
		e.writeHelp(&styledWriter{Writer: &help}, path)
		fmt.Fprintf(&doc, "%s %s\n\n```text\n%s```\n\n", strings.Repeat("#", min(len(path)+1, 3)), name, help.String())
		printsJSON := findFlag(cmd, "json") != nil || findFlag(cmd, "output") != nil
		answer, ok := known[name]
		delete(known, name)
		if printsJSON != ok {
			t.Errorf("%s prints JSON: %v; there is an example: %v", name, printsJSON, ok)
		}
		if ok {
			doc.WriteString(answer.markdown(t))
		}
	})
	for name := range known {
		t.Errorf("there is no command %s", name)
	}
	golden(t, filepath.Join("..", "..", "docs", "cli.md"), strings.TrimRight(doc.String(), "\n")+"\n")
}

func (a answer) markdown(t *testing.T) string {
	t.Helper()
	var example bytes.Buffer
	enc := json.NewEncoder(&example)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(a.example); err != nil {
		t.Fatal(err)
	}
	text := "As JSON:\n\n```json\n" + example.String() + "```\n\n"
	if a.notes != "" {
		text += wrapText(a.notes, 120) + "\n\n"
	}
	return text
}
