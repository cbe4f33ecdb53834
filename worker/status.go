package worker

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/envflow/envflow/internal/api"
)

// statusKeeper holds the newest status of the environment.
type statusKeeper struct {
	kick chan struct{} // something may have changed
	down chan struct{} // closed once the environment that this worker serves is down

	mu       sync.Mutex
	known    bool
	failed   bool // the last question had no answer
	newest   api.Status
	saved    string
	watchers map[chan struct{}]bool
}

// When the status is asked for after something happened: soon, and once more when reports between workflows have arrived.
const (
	statusSoon  = 40 * time.Millisecond
	statusAgain = 250 * time.Millisecond
	// statusLater is when it is asked for although nothing happened, while it is not known or something is under way.
	statusLater = 2 * time.Second
	// statusLimit is how long a query may take.
	statusLimit = 3 * time.Second
)

// dirty says that the status may have changed.
func (h *Host) dirty() {
	select {
	case h.status.kick <- struct{}{}:
	default:
	}
}

// keepStatus asks for the status after each change, tells watchers, and keeps it in the records, where commands find it when
// there is no worker.
func (h *Host) keepStatus(ctx context.Context) {
	for {
		var again <-chan time.Time
		if !h.settled() {
			again = time.After(statusLater)
		}
		select {
		case <-ctx.Done():
			return
		case <-h.status.kick:
		case <-again:
		}
		for _, delay := range []time.Duration{statusSoon, statusAgain} {
			if !pause(ctx, delay) {
				return
			}
			h.refreshStatus(ctx)
		}
	}
}

// settled is true if the newest status is known and will not change by itself.
func (h *Host) settled() bool {
	h.status.mu.Lock()
	defer h.status.mu.Unlock()
	s := h.status.newest
	return h.status.known && !h.status.failed && s.Evaluated && !s.Evaluating && !slices.ContainsFunc(s.Resources, func(r api.ResourceStatus) bool {
		return r.Enabled && (r.Update == api.StatePending || r.Update == api.StateInProgress || r.Runtime == api.StatePending)
	})
}

func (h *Host) refreshStatus(ctx context.Context) {
	s, err := h.Status(ctx)
	h.status.mu.Lock()
	h.status.failed = err != nil
	h.status.mu.Unlock()
	if err != nil {
		return // it is asked for again
	}
	h.keepNewest(ctx, s)
}

// Status asks the workflow.
func (h *Host) Status(ctx context.Context) (s api.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, statusLimit)
	defer cancel()
	answer, err := h.o.Client.QueryWorkflow(ctx, h.workflowID(), "", api.StatusQuery)
	if err != nil {
		return s, err
	}
	return s, answer.Get(&s)
}

func (h *Host) keepNewest(ctx context.Context, s api.Status) {
	data, err := json.Marshal(s)
	if err != nil {
		return
	}
	h.status.mu.Lock()
	changed := string(data) != h.status.saved
	if s.State == api.EnvironmentDown && s.Epoch == h.epoch.Load() && h.status.newest.State != api.EnvironmentDown {
		close(h.status.down)
	}
	h.status.saved, h.status.newest, h.status.known = string(data), s, true
	if changed {
		for w := range h.status.watchers {
			select {
			case w <- struct{}{}:
			default:
			}
		}
	}
	h.status.mu.Unlock()
	if !changed {
		return
	}
	if err := h.records.PutSnapshot(context.WithoutCancel(ctx), data); err != nil {
		h.o.Log.Warn("keep the status", "error", err)
	}
}

// lastStatus returns the status that the last worker has kept.
func (h *Host) lastStatus(ctx context.Context) (s api.Status, ok bool) {
	data, _, ok, err := h.records.Snapshot(ctx)
	if err != nil || !ok {
		return s, false
	}
	return s, json.Unmarshal(data, &s) == nil
}

// Watch calls fn with the status now and after each change, until ctx ends.
func (h *Host) Watch(ctx context.Context, fn func(api.Status)) {
	changed := make(chan struct{}, 1)
	h.status.mu.Lock()
	if h.status.watchers == nil {
		h.status.watchers = map[chan struct{}]bool{}
	}
	h.status.watchers[changed] = true
	if h.status.known {
		changed <- struct{}{}
	}
	h.status.mu.Unlock()
	defer func() {
		h.status.mu.Lock()
		delete(h.status.watchers, changed)
		h.status.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		h.status.mu.Lock()
		s := h.status.newest
		h.status.mu.Unlock()
		fn(s)
	}
}
