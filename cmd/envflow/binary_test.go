package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/testenv/devserver"
)

// These tests run bin/envflow as a user does, with a state folder of their own.

// user is somebody at a terminal.
type user struct {
	t      *testing.T
	binary string
	env    []string
}

func newUser(t *testing.T, env ...string) *user {
	t.Helper()
	h := devserver.New(t) // stops whatever server is left in its state folder
	return &user{
		t:      t,
		binary: devserver.Binary(t),
		env:    append([]string{"ENVFLOW_STATE_DIR=" + filepath.Dir(h.Files().Dir), "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}, env...),
	}
}

// run runs a command line to its end.
func (u *user) run(args ...string) outcome {
	u.t.Helper()
	cmd := u.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		u.t.Fatalf("envflow %v: %v", args, err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func (u *user) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(u.t.Context(), u.binary, args...)
	cmd.Env = u.env
	return cmd
}

// ok is run for a command that must succeed and print nothing on stderr; it returns what it printed.
func (u *user) ok(args ...string) string {
	u.t.Helper()
	got := u.run(args...)
	if got.Code != 0 || got.Stderr != "" {
		u.t.Fatalf("envflow %v: %+v", args, got)
	}
	return got.Stdout
}

func TestServer_FromStartToStop(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	notRunning := outcome{3, "", "Error: the server does not run\nHint: run `envflow server start`; other commands start it by themselves\n"}
	if diff := cmp.Diff(notRunning, u.run("server", "status")); diff != "" {
		t.Errorf("status before the start (-want +got):\n%s", diff)
	}
	if got := u.run("server", "logs"); got.Code != 3 || !strings.Contains(got.Stderr, "there is no log") {
		t.Errorf("logs before the start: %+v", got)
	}
	if got := u.ok("server", "start"); !strings.HasPrefix(got, "The server is started (process ") {
		t.Errorf("start: %s", got)
	}
	if got := u.ok("server", "start"); !strings.HasPrefix(got, "The server runs already (process ") {
		t.Errorf("second start: %s", got)
	}
	if got := u.ok("server", "logs", "--tail", "1"); strings.Count(got, "\n") != 1 || !strings.Contains(got, "server ready") {
		t.Errorf("logs: %q", got)
	}
	if got := u.ok("server", "stop"); got != "The server is stopped.\n" {
		t.Errorf("stop: %s", got)
	}
	if got := u.ok("server", "stop"); got != "The server did not run.\n" {
		t.Errorf("second stop: %s", got)
	}
}

// What the caller has open must not stay open with a server that outlives him: `flock lock envflow server start` would
// hold the lock, and a pipe would never end.
func TestServer_DoesNotKeepTheCallersFiles(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = read.Close() }()
	cmd := u.command("server", "start")
	cmd.ExtraFiles = []*os.File{write}
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	if err := read.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := read.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the pipe is still open after the command: read %d bytes, %v", n, err)
	}
}

func TestServer_IdleTimeout(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	if got := u.run("server", "start", "--idle-timeout=-5s"); got.Code != 2 || !strings.Contains(got.Stderr, "0 means never") {
		t.Errorf("negative: %+v", got)
	}
	u.ok("server", "start", "--idle-timeout", "10m")
	if got := u.run("server", "start", "--idle-timeout", "20m"); got.Code != 0 || !strings.Contains(got.Stderr, "keeps its own --idle-timeout") {
		t.Errorf("of a server that runs: %+v", got)
	}
}

// ctrl-C while a Temporal does not answer is no failure to tell of.
func TestSelftest_CtrlC(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	cmd := newUser(t).command("--temporal-address", silent.Addr().String(), "selftest")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := silent.Accept() // now it waits for an answer
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // looked at below
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || stderr.Len() > 0 {
		t.Errorf("exit code %d, stderr %q", code, &stderr)
	}
}

// Scripts read these fields.
func TestServer_StatusAsJSON(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	got := u.run("server", "status", "-o", "json")
	want := `{"pid":0,"address":"","ui":"","dashboard":"","database":"","version":""}`
	if got.Code != 3 || compact(t, got.Stdout) != want {
		t.Errorf("not running: %+v", got)
	}
	started := u.ok("server", "start", "-o", "json")
	running := u.ok("server", "status", "-o", "json")
	if started != running {
		t.Errorf("start says %s, status says %s", started, running)
	}
	pattern := `^\{"pid":\d+,"address":"127\.0\.0\.1:\d+","ui":"http://127\.0\.0\.1:\d+","dashboard":"","database":"[^"]+/server/temporal\.db","version":"[^"]+"\}$`
	if got := compact(t, running); !regexp.MustCompile(pattern).MatchString(got) {
		t.Errorf("status is %s", got)
	}
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return strings.TrimSpace(out.String())
}

func TestServer_UIPrintsALoginLink(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	link := regexp.MustCompile(`^http://127\.0\.0\.1:\d+/envflow/login\?code=[\w-]{43}\n$`)
	if got := u.ok("server", "ui"); !link.MatchString(got) { // starts the server
		t.Errorf("ui: %q", got)
	}
}

func TestSelftest(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	text := regexp.MustCompile(`^The selftest passed in \S+s: workflow envflow/selftest/\w{16} on 127\.0\.0\.1:\d+, namespace default\.\nSee it \(the link works once\): http://\S+\n$`)
	if got := u.ok("selftest"); !text.MatchString(got) { // starts the server
		t.Errorf("selftest: %q", got)
	}
	var result selftestResult
	if err := json.Unmarshal([]byte(u.ok("selftest", "-o", "json")), &result); err != nil || result.RunID == "" || result.UI == "" {
		t.Errorf("as JSON: %+v, %v", result, err)
	}
}

// People have TEMPORAL_ADDRESS set for their own product: envflow goes there only when asked.
func TestSelftest_OnAnotherTemporal(t *testing.T) {
	t.Parallel()
	_, h := devserver.Shared(t)
	there := devserver.Start(t, h).Address
	token, err := h.Token()
	if err != nil {
		t.Fatal(err)
	}
	config := t.TempDir()
	profile := fmt.Sprintf("[profile.here]\naddress = %q\napi_key = %q\n[profile.here.tls]\ndisabled = true\n", there, token)
	if err := os.MkdirAll(filepath.Join(config, "temporalio"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config, "temporalio", "temporal.toml"), []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"TEMPORAL_ADDRESS=" + there, "TEMPORAL_API_KEY=" + token, "TEMPORAL_TLS=false"}
	for name, test := range map[string]struct {
		env   []string
		args  []string
		there bool
	}{
		"variables alone":  {env: env, there: false},
		"variables, asked": {env: append(env, "ENVFLOW_TEMPORAL=env"), there: true},
		"flags":            {env: []string{"ENVFLOW_TEMPORAL_API_KEY=" + token}, args: []string{"--temporal-address", there, "--temporal-tls=false", "--temporal-namespace", "default"}, there: true},
		"profile":          {env: []string{"XDG_CONFIG_HOME=" + config}, args: []string{"--temporal-profile", "here"}, there: true},
		"flags over wrong variables": {
			env:  []string{"TEMPORAL_ADDRESS=127.0.0.1:1", "TEMPORAL_API_KEY=x", "ENVFLOW_TEMPORAL=env"},
			args: []string{"--temporal-address", there, "--temporal-api-key", token, "--temporal-tls=false"}, there: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUser(t, test.env...)
			var result selftestResult
			if err := json.Unmarshal([]byte(u.ok(append(test.args, "selftest", "-o", "json")...)), &result); err != nil {
				t.Fatal(err)
			}
			if (result.Address == there) != test.there || (result.UI == "") != test.there {
				t.Errorf("ran on %s, link %q; another Temporal is at %s", result.Address, result.UI, there)
			}
			if status := u.run("server", "status"); (status.Code == 3) != test.there {
				t.Errorf("the embedded server: %+v", status)
			}
		})
	}
}

func TestSelftest_AnotherTemporalThatDoesNotWork(t *testing.T) {
	t.Parallel()
	_, h := devserver.Shared(t)
	there := devserver.Start(t, h).Address
	missing := filepath.Join(t.TempDir(), "ca.pem")
	for name, test := range map[string]struct {
		args []string
		want outcome
	}{
		"a namespace of nothing": {
			[]string{"--temporal-namespace", "mine"},
			outcome{2, "", "Error: --temporal-namespace is for a Temporal of your own, and nothing says which\nHint: add --temporal-address HOST:PORT, --temporal-profile NAME or ENVFLOW_TEMPORAL=env\n"},
		},
		"no credentials": {
			[]string{"--temporal-address", there},
			outcome{3, "", "Error: Temporal at " + there + " refuses these credentials\nHint: check the API key or the client certificate\n"},
		},
		"nobody there": {
			[]string{"--temporal-address", "127.0.0.1:1"},
			outcome{3, "", "Error: Temporal at 127.0.0.1:1 does not answer\nHint: check the address, and whether it wants TLS\n"},
		},
		"TLS where there is none": {
			[]string{"--temporal-address", there, "--temporal-tls"},
			outcome{3, "", "Error: Temporal at " + there + " does not answer\nHint: check the address, and whether it wants TLS\n"},
		},
		"a file that is not there": {
			[]string{"--temporal-address", there, "--temporal-tls-ca-path", missing},
			outcome{4, "", "Error: the settings for Temporal at " + there + " are wrong\nHint: check the --temporal-tls flags, the profile and the TEMPORAL_* variables\n"},
		},
		"no such profile": {
			[]string{"--temporal-profile", "nix"},
			outcome{4, "", "Error: the Temporal profile \"nix\" cannot be read\nHint: run `temporal config list` to see the profiles\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, newUser(t).run(append(test.args, "selftest")...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A state folder that cannot be used gives a sentence, not a stack.
func TestServer_BadStateFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		got := newUser(t, "ENVFLOW_STATE_DIR="+dir).run("server", "start")
		if got.Code != 3 || strings.Count(got.Stderr, "\n") != 2 || !strings.Contains(got.Stderr, file) || !strings.Contains(got.Stderr, "Hint: ") {
			t.Errorf("%s: %+v", dir, got)
		}
	}
}

// ctrl-C ends following with nothing to complain about.
func TestServer_LogsFollow(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.ok("server", "start")
	cmd := u.command("server", "logs", "--follow")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make([]byte, 1<<16)
	seen := ""
	for !strings.Contains(seen, "server ends") {
		n, err := out.Read(read)
		seen += string(read[:n])
		if err != nil {
			t.Fatalf("%v after %q", err, seen)
		}
		if strings.Contains(seen, "server ready") {
			u.run("server", "stop") // logs that it ends
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
		t.Errorf("after ctrl-C: %v, stderr %s; exit code %s", err, &stderr, strconv.Itoa(cmd.ProcessState.ExitCode()))
	}
}
