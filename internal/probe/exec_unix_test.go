//go:build unix

package probe_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/probe"
	"github.com/envflow/envflow/internal/testenv"
)

func script(text string) *plan.Probe {
	return &plan.Probe{Timeout: int(limit.Seconds()), Period: 1, SuccessThreshold: 1, FailureThreshold: 1, Exec: []string{"sh", "-c", text}}
}

func TestTry_Exec(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := []string{"PATH=" + os.Getenv("PATH"), "OF_A_TEST=yes"}
	wantReady(t, "a success", probe.Try(t.Context(), script(`[ "$OF_A_TEST" = yes ] && [ -z "$HOME" ] && echo x > here`), dir, env))
	if _, err := os.Stat(filepath.Join(dir, "here")); err != nil {
		t.Error(err)
	}
	err := probe.Try(t.Context(), script(`echo first; echo secret >&2; exit 3`), dir, env)
	if err == nil || err.Why != "the probe's command: exit status 3" || err.Detail != "secret" {
		t.Errorf("a failure: %+v", err)
	}
	err = probe.Try(t.Context(), script(`exit 1`), dir, env)
	if err == nil || err.Detail != "" || err.Error() != "the probe's command: exit status 1" {
		t.Errorf("a failure without a word: %+v", err)
	}
	wantWhy(t, "no program", probe.Try(t.Context(), &plan.Probe{Timeout: 5, Exec: []string{"/no/such/program"}}, dir, env), "/no/such/program")
	wantWhy(t, "no folder", probe.Try(t.Context(), script("true"), "/no/such/folder", env), "no such file")
}

// A probe that hangs is ended with all that it has started.
func TestTry_ExecInTime(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pids")
	p := script(`trap '' TERM; sleep 1000 & echo $! > "` + file + `~"; echo $$ >> "` + file + `~"; mv "` + file + `~" "` + file + `"; echo secret; wait; sleep 1000`)
	p.Timeout = 2
	began := time.Now()
	err := probe.Try(t.Context(), p, "", os.Environ())
	if wantWhy(t, "one that hangs", err, "no answer within 2 s"); err != nil && err.Detail != "" {
		t.Errorf("it tells %q", err.Detail)
	}
	if took := time.Since(began); took > limit/2 {
		t.Errorf("it took %s", took)
	}
	data, readErr := os.ReadFile(file)
	if readErr != nil {
		t.Fatal(readErr)
	}
	for word := range strings.FieldsSeq(string(data)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		testenv.Eventually(t, limit, "process "+word+" is gone", func() error {
			if !lives(pid) {
				return nil
			}
			return errors.New("it is there")
		})
	}
}

// lives is true of a process that has not ended. Where nobody waits for an orphan, it stays as a zombie.
func lives(pid int) bool {
	if stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat")); err == nil {
		return !strings.Contains(string(stat), ") Z ")
	}
	return syscall.Kill(pid, 0) == nil
}

// What a probe leaves in the background does not make it hang.
func TestTry_ExecWithABackground(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	wantReady(t, "it", probe.Try(t.Context(), script(`sleep 1000 & echo $! > "`+file+`"`), "", os.Environ()))
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func TestRun_Exec(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "there")
	p := script(`[ -e "` + file + `" ] || { echo not yet; exit 1; }`)
	results := watch(t, p)
	want(t, "at first", results, probe.Result{Why: "the probe's command: exit status 1", Detail: "not yet"})
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, "ready", results, ready)
}
