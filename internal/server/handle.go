package server

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/state"
	"github.com/envflow/envflow/internal/supervise"
)

const (
	// answerTimeout is how long a living server may take to answer on its socket, on a machine that is busy compiling.
	answerTimeout = 5 * time.Second
	// startTimeout covers a first start with a cold disk cache: the binary has 200 MB, the database is made new.
	startTimeout = 60 * time.Second
	// stopTimeout is how long a graceful end may take before the process is killed. Nothing is lost either way.
	stopTimeout = 15 * time.Second
	// pollInterval is how often a lock or socket is looked at while waiting for it.
	pollInterval = 20 * time.Millisecond
)

// Handle is this user's server, running or not.
type Handle struct {
	files      Files
	stateDir   string
	executable string
	startArgs  []string
}

// Options say how a server is started where none runs.
type Options struct {
	Executable string   // the envflow binary; empty means the running one
	StartArgs  []string // further flags of `envflow server run`
}

// New returns the handle on the server whose state folder is stateDir. It touches nothing.
func New(stateDir string, o Options) *Handle {
	return &Handle{files: FilesIn(stateDir), stateDir: stateDir, executable: o.Executable, startArgs: o.StartArgs}
}

// Files returns the server's paths.
func (h *Handle) Files() Files { return h.files }

// Alive reports whether a server process exists, answering or not. It is cheap: it looks at a lock. A lock that cannot be
// looked at counts as none.
func (h *Handle) Alive() bool {
	alive, err := h.alive()
	return alive && err == nil
}

func (h *Handle) alive() (bool, error) {
	held, err := supervise.Held(h.files.Lock)
	if err != nil {
		return false, readFault(err, h.files.Dir)
	}
	return held, nil
}

func readFault(err error, dir string) error {
	return fault.Wrap(err, fault.Missing, "run envflow as the user whose server it is, or set ENVFLOW_STATE_DIR to a folder of your own", "the server's files in %s cannot be read", dir)
}

// Status returns where the running server listens; ok is false if none runs. A server that lives but does not answer is
// an error.
func (h *Handle) Status(ctx context.Context) (r Record, ok bool, err error) {
	if alive, err := h.alive(); err != nil || !alive {
		return Record{}, false, err
	}
	r, err = h.ask(ctx)
	if err == nil {
		return r, true, nil
	}
	if !h.Alive() { // it ended while it was asked
		return Record{}, false, nil
	}
	if known, _ := h.files.ReadRecord(); known.PID != h.pid() { // it writes its record when it is ready
		return Record{}, false, fault.Wrap(err, fault.Missing, "try again in a moment", "the server (process %d) is starting", h.pid())
	}
	return Record{}, false, fault.Wrap(err, fault.Missing, "run `envflow server stop`, then try again; `envflow server logs` may say more",
		"the server (process %d) does not answer", h.pid())
}

// ask returns what the server that the record names says of itself.
func (h *Handle) ask(ctx context.Context) (Record, error) {
	known, err := h.files.ReadRecord()
	if err != nil {
		return Record{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	var r Record
	return r, call(ctx, known.Socket, http.MethodGet, PathStatus, nil, &r)
}

// Login returns a link into the server's web pages that works once.
func (h *Handle) Login(ctx context.Context, in LoginRequest) (LoginLink, error) {
	known, err := h.files.ReadRecord()
	if err != nil {
		return LoginLink{}, fault.Wrap(err, fault.Missing, "run `envflow server start`", "the server does not run")
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	var link LoginLink
	if err := call(ctx, known.Socket, http.MethodPost, PathLogin, in, &link); err != nil {
		return LoginLink{}, fault.Wrap(err, fault.Missing, "see `envflow server status`", "the server gives no login link")
	}
	return link, nil
}

// Token returns the secret that the Temporal frontend of the running server demands.
func (h *Handle) Token() (string, error) {
	data, err := os.ReadFile(h.files.Token)
	if err != nil {
		return "", fmt.Errorf("read the server's token: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// lowSpace is what a disk must have left for SQLite to go on: some pages of the database and its log.
const lowSpace = 1 << 20

// Diagnose returns a fault if something is wrong with what the server stands on that explains why a call to it failed:
// Temporal itself only says that it is not available. It returns nil if nothing is.
func (h *Handle) Diagnose() error {
	if free, err := state.FreeSpace(h.files.Dir); err == nil && free < lowSpace {
		return fault.New(fault.Missing, "free some space; the server goes on by itself", "the disk that holds %s is full", h.files.Dir)
	}
	if !h.Alive() {
		return fault.New(fault.Missing, "see `envflow server logs`, then try again: the next command starts it", "the envflow server has ended")
	}
	return nil
}

// pid returns the process ID of the living server, 0 if it is not known.
func (h *Handle) pid() int {
	data, err := os.ReadFile(h.files.PID)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	return pid
}

// Ensure returns where the server listens, and starts it first if none runs. started says whether it did.
func (h *Handle) Ensure(ctx context.Context) (r Record, started bool, err error) {
	if r, ok, err := h.Status(ctx); ok && err == nil {
		return r, false, nil
	}
	if err := state.EnsureRoot(h.stateDir); err != nil {
		return Record{}, false, err
	}
	if err := state.EnsureDir(h.files.Dir); err != nil {
		return Record{}, false, err
	}
	// One at a time: ten commands of a script that start together make one server.
	lock := flock.New(h.files.StartLock)
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if ok, err := lock.TryLockContext(ctx, pollInterval); err != nil || !ok {
		return Record{}, false, fault.Wrap(err, fault.Missing, "try again; `envflow server logs` may say what it waits for", "another command has been starting the server for a minute")
	}
	defer func() { _ = lock.Unlock() }()
	if r, ok, err := h.settled(ctx); ok || err != nil {
		return r, false, err
	}
	r, err = h.start(ctx)
	return r, err == nil, err
}

// settled is Status once a server that is just coming up or going down has done so.
func (h *Handle) settled(ctx context.Context) (r Record, ok bool, err error) {
	timeout := waitFor(ctx, stopTimeout, func() bool {
		r, ok, err = h.Status(ctx)
		return err == nil
	})
	if timeout != nil && err == nil {
		err = timeout
	}
	return r, ok, err
}
