//go:build unix

package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestProcess_Signals ends real processes.
func TestProcess_Signals(t *testing.T) {
	t.Parallel()
	program := filepath.Join(envflowProgram(t), "envflow")
	tests := []struct {
		name     string
		sig      syscall.Signal
		stubborn bool // the command does not end by itself, so it takes a second signal
		before   []string
		deaf     bool // the signal was ignored when the program started and must stay so
	}{
		{name: "ctrl-C", sig: syscall.SIGINT},
		{name: "kill", sig: syscall.SIGTERM},
		{name: "the terminal goes", sig: syscall.SIGHUP},
		{name: "twice", sig: syscall.SIGINT, stubborn: true},
		{name: "nohup", sig: syscall.SIGHUP, before: []string{"sh", "-c", `trap "" HUP; exec "$0" "$@"`}, deaf: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := append(append([]string{}, tt.before...), program, "wait")
			cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
			cmd.Env = append(os.Environ(), asEnvflow+"=wait")
			if tt.stubborn {
				cmd.Env = append(cmd.Env, "STUBBORN=1")
			}
			var stderr strings.Builder
			cmd.Stderr = &stderr
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(stdout)
			expect := func(want string) {
				t.Helper()
				if line, err := lines.ReadString('\n'); line != want+"\n" {
					t.Errorf("read %q, %v, want %q", line, err, want)
				}
			}
			send := func(sig syscall.Signal) {
				t.Helper()
				if err := cmd.Process.Signal(sig); err != nil {
					t.Error(err)
				}
			}

			expect("ready")
			send(tt.sig)
			last := tt.sig
			if tt.deaf {
				last = syscall.SIGTERM
				send(last)
			}
			expect("interrupted by " + last.String())
			if tt.stubborn {
				send(tt.sig)
			}
			_ = cmd.Wait() // the exit code says more
			if code := cmd.ProcessState.ExitCode(); code != 130 || stderr.Len() > 0 {
				t.Errorf("exit code %d, stderr %q", code, stderr.String())
			}
		})
	}
}
