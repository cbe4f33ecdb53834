package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/state"
	"github.com/envflow/envflow/internal/supervise"
)

// maxLog is the size beyond which the log of earlier servers is moved aside before another one writes to it.
const maxLog = 10 << 20

// Report is the one line of JSON that a starting server prints on its standard output, which is a pipe to whoever
// started it: the record once it answers, or why it cannot.
type Report struct {
	Record *Record    `json:"record,omitempty"`
	Kind   fault.Kind `json:"kind,omitempty"`
	Msg    string     `json:"msg,omitempty"`
	Hint   string     `json:"hint,omitempty"`
	Cause  string     `json:"cause,omitempty"`
}

// start runs `envflow server run` in the background and waits until it answers.
func (h *Handle) start(ctx context.Context) (Record, error) {
	executable := h.executable
	if executable == "" {
		var err error
		if executable, err = os.Executable(); err != nil {
			return Record{}, fmt.Errorf("find the envflow binary: %w", err)
		}
	}
	log, err := h.openLog()
	if err != nil {
		return Record{}, err
	}
	defer func() { _ = log.Close() }()

	// Not CommandContext: the server outlives this command, and a start that times out is looked at, not killed.
	cmd := exec.Command(executable, append([]string{"server", "run"}, h.startArgs...)...) //nolint:noctx // detached on purpose
	cmd.Dir = h.files.Dir
	cmd.Env = append(environment(os.Environ()), "ENVFLOW_STATE_DIR="+h.stateDir, state.NameVariable+"=envflow")
	cmd.Stderr = log
	supervise.Detach(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return Record{}, fmt.Errorf("start the server: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return Record{}, fmt.Errorf("start the server: %w", err)
	}
	reports := make(chan reportOrError, 1)
	go func() { reports <- readReport(out) }()
	select {
	case <-ctx.Done():
		return Record{}, fault.Wrap(ctx.Err(), fault.Missing, "see `envflow server logs`", "the server (process %d) did not start in time", cmd.Process.Pid)
	case r := <-reports:
		_ = out.Close()
		if r.err != nil {
			// It ended without a word: its last words are in the log.
			waitErr := cmd.Wait()
			return Record{}, fault.Wrap(errors.Join(r.err, waitErr), fault.Failure, "see `envflow server logs`", "the server ended while it was starting")
		}
		if r.report.Record == nil {
			_ = cmd.Wait()
			return Record{}, r.report.fault()
		}
		// A worker may live longer than the server that it started, and would keep it as a zombie.
		go func() { _ = cmd.Wait() }()
		return *r.report.Record, nil
	}
}

type reportOrError struct {
	report Report
	err    error
}

func readReport(r io.Reader) (out reportOrError) {
	line, err := bufio.NewReader(r).ReadBytes('\n')
	if err != nil {
		return reportOrError{err: fmt.Errorf("read the server's report: %w", err)}
	}
	out.err = json.Unmarshal(line, &out.report)
	return out
}

func (r Report) fault() error {
	e := fault.New(r.Kind, r.Hint, "%s", r.Msg)
	if r.Cause != "" {
		e.Err = errors.New(r.Cause)
	}
	return e
}

// ReportOf returns the report of a start that failed with err.
func ReportOf(err error) Report {
	var f *fault.Error
	if !errors.As(err, &f) {
		return Report{Msg: "the server cannot start: " + err.Error(), Hint: "see `envflow server logs`"}
	}
	r := Report{Kind: f.Kind, Msg: f.Msg, Hint: f.Hint}
	if f.Err != nil {
		r.Cause = f.Err.Error()
	}
	return r
}

func (h *Handle) openLog() (*os.File, error) {
	if info, err := os.Stat(h.files.Log); err == nil && info.Size() > maxLog {
		if err := os.Rename(h.files.Log, h.files.Log+".1"); err != nil {
			return nil, fmt.Errorf("move the old log aside: %w", err)
		}
	}
	f, err := os.OpenFile(h.files.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, state.WriteFault(err, h.files.Log)
	}
	return f, nil
}

// passed are the names of the environment variables that the server gets. It serves many terminals and outlives all of
// them, so it must not depend on what one happened to have set; above all, OTEL_* and TEMPORAL_* variables that people
// have for their own product must not redirect or export anything.
var passed = []string{
	"HOME", "LANG", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER", "XDG_RUNTIME_DIR", "XDG_STATE_HOME",
	"APPDATA", "LOCALAPPDATA", "SystemDrive", "SystemRoot", "TEMP", "TMP", "USERNAME", "USERPROFILE", // Windows
}

func environment(all []string) []string {
	var kept []string
	for _, pair := range all {
		if name, _, _ := strings.Cut(pair, "="); slices.Contains(passed, name) {
			kept = append(kept, pair)
		}
	}
	return kept
}
