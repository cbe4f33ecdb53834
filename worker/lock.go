package worker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/state"
	"github.com/envflow/envflow/internal/supervise"
)

// Files of an environment's state folder.
const (
	lockFile    = "worker.lock"
	holderFile  = "worker.json" // who has the lock
	dbFile      = "state.db"
	logFolder   = "log"
	watchFolder = "watch" // for files that the watcher makes to see itself
)

// lookLimit is longer than anybody needs to look at the lock.
const lookLimit = 200 * time.Millisecond

// lock is held by the one worker of an environment. It ends with the process, whatever ends that.
type lock struct{ file *flock.Flock }

func takeLock(ctx context.Context, folder string, me api.Worker) (*lock, error) {
	l := &lock{file: flock.New(filepath.Join(folder, lockFile), flock.SetPermissions(0o600))}
	// Whoever looks who holds it (see Holder) has it for an instant, so once is not enough.
	waiting, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	ok, err := l.file.TryLockContext(waiting, lookLimit/20)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("lock the environment: %w", state.WriteFault(err, folder))
	}
	if !ok {
		var holder api.Worker
		_ = state.ReadJSON(filepath.Join(folder, holderFile), &holder) // it may be about to write it
		return nil, &HeldError{Holder: holder}
	}
	if err := state.WriteJSON(filepath.Join(folder, holderFile), me); err != nil {
		_ = l.file.Unlock()
		return nil, fmt.Errorf("say who holds the environment: %w", state.WriteFault(err, folder))
	}
	return l, nil
}

func (l *lock) release() { _ = l.file.Unlock() } // the process ends soon, and the lock with it

// Holder tells who is the worker of the environment with that state folder.
func Holder(folder string) (w api.Worker, held bool, err error) {
	held, err = supervise.Held(filepath.Join(folder, lockFile))
	if err != nil {
		return w, false, fmt.Errorf("look whether the environment has a worker: %w", err)
	}
	_ = state.ReadJSON(filepath.Join(folder, holderFile), &w) // of the last one, if it is free
	return w, held, nil
}
