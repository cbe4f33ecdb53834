package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/testenv"
)

// deployed is a user with a checkout whose Tiltfile deploys one busybox into a namespace of the test's own.
func deployed(t *testing.T) (u *user, tiltfile string) {
	t.Helper()
	cluster := testenv.Testbed(t)
	namespace := strings.ToLower(fmt.Sprintf("cli-%x", time.Now().UnixNano()))
	u = newUser(t, "KUBECONFIG="+cluster.Kubeconfig)
	tiltfile = filepath.Join(t.TempDir(), "Tiltfile")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
		defer cancel()
		down := exec.CommandContext(ctx, u.binary, "down", "--delete-namespaces", "-f", tiltfile)
		down.Env = u.env
		if out, err := down.CombinedOutput(); err != nil {
			t.Errorf("clean up: %v\n%s", err, out)
		}
	})
	manifest := fmt.Sprintf(`allow_k8s_contexts(k8s_context())
k8s_yaml(blob('''
apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %[1]s}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: c, image: busybox, command: [sh, -c, "echo hello from the pod; sleep 100000"]}]
'''))
`, namespace)
	writeFile(t, tiltfile, manifest)
	return u, tiltfile
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (u *user) status(args ...string) statusDocument {
	u.t.Helper()
	got := u.run(append([]string{"status", "-o", "json"}, args...)...)
	var d statusDocument
	if err := json.Unmarshal([]byte(got.Stdout), &d); err != nil || got.Code != 0 {
		u.t.Fatalf("%v: %+v", err, got)
	}
	return d
}

// TestUp_Detached is a day with the commands.
func TestUp_Detached(t *testing.T) {
	t.Parallel()
	u, tiltfile := deployed(t)
	file := []string{"-f", tiltfile}
	do := func(code int, want string, args ...string) {
		t.Helper()
		got := u.run(append(args, file...)...)
		if got.Code != code || !strings.Contains(got.Stdout+got.Stderr, want) {
			t.Fatalf("envflow %v: %+v, want exit code %d and %q", args, got, code, want)
		}
	}
	do(0, "The Tiltfile has 2 resources.", "up", "-d")
	do(0, "is up already: its worker is process ", "up", "-d")
	do(0, "", "wait", "--timeout", "2m")
	running := u.status(file...)
	if running.State != api.EnvironmentRunning || running.Worker.PID == 0 || running.Server.PID == 0 || len(running.Resources) != 2 {
		t.Errorf("status: %+v", running)
	}
	for _, r := range running.Resources {
		if !r.Ready || r.Reason != "" {
			t.Errorf("%+v", r)
		}
	}
	testenv.Eventually(t, 30*time.Second, "the pod's log", func() error {
		if got := u.run("logs", "--file", tiltfile, "web"); !strings.Contains(got.Stdout, "web │ hello from the pod\n") {
			return fmt.Errorf("logs: %+v", got)
		}
		return nil
	})
	do(2, "did you mean web?", "trigger", "wbe")
	do(0, "Triggered web.", "trigger", "web")
	do(0, "", "wait", "web")

	// A Tiltfile that is broken while nobody looks.
	good, err := os.ReadFile(tiltfile)
	if err != nil {
		t.Fatal(err)
	}
	do(0, "is paused.", "pause")
	if paused := u.status(file...); paused.State != api.EnvironmentPaused || paused.Worker.PID != 0 || paused.Resources[0].Ready {
		t.Errorf("paused: %+v", paused)
	}
	do(1, "is paused: it has no worker", "wait")
	writeFile(t, tiltfile, string(good)+"nothing()\n")
	do(4, "undefined: nothing", "up", "-d")
	if d := u.status(file...); !strings.Contains(d.Error, "undefined: nothing") {
		t.Errorf("error is %q", d.Error)
	}
	do(1, "the Tiltfile has an error", "wait", "--timeout", "1s")
	writeFile(t, tiltfile, string(good))
	do(0, "", "wait", "--timeout", "1m")

	do(0, "is down: 2 objects deleted", "down", "--delete-namespaces")
	if d := u.status(file...); d.State != api.EnvironmentDown || d.Worker.PID != 0 {
		t.Errorf("down: %+v", d)
	}
	do(0, "is down already", "down")
}

// TestUp_Foreground ends with ctrl-C, which is no failure once everything was ready; a second `up` beside it only looks.
func TestUp_Foreground(t *testing.T) {
	t.Parallel()
	u, tiltfile := deployed(t)
	first, firstOut := u.background("up", "-f", tiltfile)
	testenv.Eventually(t, time.Minute, "a worker", func() error {
		if got := u.run("wait", "-f", tiltfile, "--timeout", "30s"); got.Code != 0 {
			return fmt.Errorf("wait: %+v\n%s", got, firstOut)
		}
		return nil
	})
	second, secondOut := u.background("up", "-f", tiltfile)
	testenv.Eventually(t, 20*time.Second, "the view", func() error {
		if text := secondOut.String(); !strings.Contains(text, "This only shows it") || !strings.Contains(text, " ready") {
			return fmt.Errorf("it has printed %q", text)
		}
		return nil
	})
	for _, each := range []struct {
		cmd  *exec.Cmd
		out  fmt.Stringer
		want string
	}{{second, secondOut, "This only shows it"}, {first, firstOut, "Paused."}} {
		if err := each.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := each.cmd.Wait(); err != nil || !strings.Contains(each.out.String(), each.want) {
			t.Errorf("%v: %s", err, each.out)
		}
	}
}

// background starts a command; out is what it has printed so far.
func (u *user) background(args ...string) (cmd *exec.Cmd, out fmt.Stringer) {
	u.t.Helper()
	cmd = u.command(args...)
	file, err := os.Create(filepath.Join(u.t.TempDir(), "out"))
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { _ = file.Close() })
	cmd.Stdout, cmd.Stderr = file, file
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	return cmd, printed(file.Name())
}

// printed is the path of a file that a command writes to.
type printed string

func (p printed) String() string {
	data, err := os.ReadFile(string(p))
	if err != nil {
		return err.Error()
	}
	return string(bytes.ToValidUTF8(data, nil))
}
