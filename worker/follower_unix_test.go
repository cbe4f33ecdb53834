//go:build unix

package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/supervise"
	"github.com/envflow/envflow/internal/testenv"
)

func TestMain(m *testing.M) {
	testenv.BeShim()
	os.Exit(m.Run())
}

// live is the state of a shim that is there.
func (w *followed) live() supervise.State {
	w.t.Helper()
	executable, err := os.Executable()
	w.check(err)
	dir := filepath.Join(w.t.TempDir(), "shim")
	state, err := supervise.Start(w.t.Context(), executable, supervise.Spec{Dir: dir, Argv: []string{"sleep", "1000"}}, os.Environ(), "/")
	w.check(err)
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(w.t.Context()), 20*time.Second)
		defer cancel()
		if err := supervise.Stop(ctx, dir); err != nil {
			w.t.Error(err)
		}
	})
	state.Started = began
	return state
}

func (w *followed) write(s supervise.State) {
	w.t.Helper()
	data, err := json.Marshal(s)
	w.check(err)
	w.check(os.WriteFile(filepath.Join(w.f.dir, "state.json"), data, 0o600))
	w.f.look(w.t.Context())
}

// toldOfLoss is true if the resource's workflow is to look at it again.
func (w *followed) toldOfLoss() bool {
	line := w.host.outbox.lines[outboxKey{api.ResourceWorkflowID("e", "web"), api.ContainersChangedSignal}]
	return line != nil && line.message != nil
}

func (w *followed) wantReport(state string, ready bool, reason string) { //nolint:revive // ready is compared
	w.t.Helper()
	got := w.host.processes.observe("web")
	if got.State != state || got.Ready != ready || got.Reason != reason {
		w.t.Errorf("the report is %+v, want %s %v %q", got, state, ready, reason)
	}
}

func TestFollower_NoticesAKilledShim(t *testing.T) {
	w := newFollowed(t)
	w.wantReport(api.StatePending, false, "starting")
	running := w.live()
	w.write(running)
	w.wantReport(api.StateOK, true, "")
	if w.toldOfLoss() {
		t.Error("it is said to be lost while it runs")
	}
	dead := running
	dead.Shim = supervise.Process{PID: dead.Shim.PID, Start: "before", Boot: dead.Shim.Boot}
	w.write(dead)
	w.wantReport(api.StatePending, false, "its shim was killed")
	if !w.toldOfLoss() {
		t.Error("nobody has it started again")
	}
	w.write(running)
	w.wantReport(api.StateOK, true, "")
}

func TestFollower_SaysWhoHasThePort(t *testing.T) {
	w := newFollowed(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	w.check(err)
	defer func() { _ = listener.Close() }()
	port := listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is one
	running := w.live()
	w.write(running)
	w.print(1, at(1, fmt.Sprintf("2026/11/23 06:48:39 listen tcp :%d: bind: address already in use", port)))
	ended := running
	ended.Phase, ended.Last = supervise.PhaseEnded, &supervise.Exit{Code: 1, At: began.Add(time.Second)}
	w.write(ended)
	testenv.Eventually(t, 10*time.Second, "the report", func() error {
		if got := w.host.processes.observe("web"); got.State != api.StateError || !strings.HasPrefix(got.Reason, fmt.Sprintf("exited with code 1: port %d is taken by ", port)) {
			return fmt.Errorf("it is %+v", got)
		}
		return nil
	})
}
