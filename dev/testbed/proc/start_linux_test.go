package proc

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// sleeper starts a daemon that does nothing, and ends it after the test.
func sleeper(t *testing.T) (Record, Command) {
	t.Helper()
	dir := t.TempDir()
	c := Command{
		Path: "/bin/sh", Args: []string{"-c", "trap '' TERM; echo up; while :; do sleep 60; done"}, Env: []string{"PATH=/bin:/usr/bin", "MARK=sleeper"},
		Log: filepath.Join(dir, "log"), PIDFile: filepath.Join(dir, "pid"), Spec: "spec",
	}
	r, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-r.PID, syscall.SIGKILL) }) // also its sleep
	return r, c
}

func TestRecord_IsNotAliveForAnotherProcessOfTheSameNumber(t *testing.T) {
	t.Parallel()
	r, _ := sleeper(t)
	if !r.Alive() {
		t.Fatal("a running daemon is not alive")
	}
	later, otherBoot := r, r
	later.Start++
	otherBoot.Boot = "another"
	if later.Alive() || otherBoot.Alive() || (Record{}).Alive() {
		t.Error("a record of another process, another boot or none is alive")
	}
	if err := later.Signal(syscall.SIGKILL); err != nil || !r.Alive() {
		t.Errorf("a stale record's signal reached the process that has its number now: %v", err)
	}
}

func TestStop_KillsADaemonThatIgnoresTheGrace(t *testing.T) {
	t.Parallel()
	r, c := sleeper(t)
	if err := Stop(t.Context(), r, 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if r.Alive() {
		t.Error("the daemon is still alive")
	}
	if stored, err := Read(c.PIDFile); err != nil || stored != r {
		t.Errorf("pid file holds %+v, %v, want %+v", stored, err, r)
	}
}

func TestStart_LeavesTheCallersFilesAlone(t *testing.T) {
	t.Parallel()
	var ends [2]int
	// Not opened by Go, so not marked to be closed on exec: as a pipe that CI waits on.
	if err := syscall.Pipe(ends[:]); err != nil {
		t.Fatal(err)
	}
	read := os.NewFile(uintptr(ends[0]), "pipe")
	defer read.Close()
	r, _ := sleeper(t)
	if err := syscall.Close(ends[1]); err != nil {
		t.Fatal(err)
	}
	if err := read.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(read); err != nil || len(rest) > 0 {
		t.Errorf("the daemon holds the caller's pipe: %v", err)
	}
	if !r.Alive() {
		t.Error("the daemon ended")
	}
}

func TestFind_KnowsADaemonByItsEnvironment(t *testing.T) {
	t.Parallel()
	r, _ := sleeper(t)
	found := Find(func(p Process) bool {
		environment := p.Environment()
		return p.PID == r.PID && len(environment) == 2 && environment[1] == "MARK=sleeper"
	})
	if len(found) != 1 || found[0].Args[0] != "/bin/sh" || !found[0].SharesNetwork() {
		t.Errorf("Find = %+v, want the daemon", found)
	}
}
