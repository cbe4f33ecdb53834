package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

// asEnvflow makes the test binary behave as envflow, for tests that need a real process.
const asEnvflow = "ENVFLOW_TEST_AS_ENVFLOW"

func TestMain(m *testing.M) {
	switch os.Getenv(asEnvflow) {
	case "":
		hear(endingSignals)
		os.Exit(m.Run())
	case "wait": // a command that waits for a signal, and then ignores that it is to end
		e := processEnviron()
		os.Exit(runTree(context.Background(), e, []*cli.Command{{Name: "wait", Usage: "wait", Action: func(c *cli.Context) error {
			io.WriteString(e.Stdout, "ready\n")
			<-c.Context.Done()
			io.WriteString(e.Stdout, context.Cause(c.Context).Error()+"\n")
			if e.env("STUBBORN") != "" {
				select {}
			}
			return c.Context.Err()
		}}}))
	default:
		main()
	}
}

// hear makes programs that the tests start hear signals that this process was started deaf to: a run under nohup, or in
// the background of a script, ignores some, and so would what it starts.
func hear(signals []os.Signal) {
	for _, sig := range signals {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig) // a handler is not inherited, unlike being ignored
		}
	}
}

// envflowProgram returns a folder with a program envflow in it that needs the environment asEnvflow=1.
func envflowProgram(t *testing.T) (folder string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	if err := os.Symlink(self, filepath.Join(folder, "envflow")); err != nil {
		t.Skipf("cannot make a link: %v", err)
	}
	return folder
}

func TestProcess(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), filepath.Join(envflowProgram(t), "envflow"), "version", "-o", "yaml")
	cmd.Env = append(os.Environ(), asEnvflow+"=1")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the exit code says more
	want := outcome{Code: 2, Stderr: "Error: -o must be text or json, not \"yaml\"\n"}
	if diff := cmp.Diff(want, outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
