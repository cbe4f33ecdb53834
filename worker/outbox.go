package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	sdkclient "go.temporal.io/sdk/client"

	"github.com/envflow/envflow/internal/api"
)

// outbox signals workflows of what the worker observes. For each workflow and signal at most one is under way; what comes
// meanwhile goes with the next.
type outbox struct {
	ctx    context.Context
	client sdkclient.Client
	sent   func() // is called after each signal

	mu    sync.Mutex
	lines map[outboxKey]*outboxLine
	wg    sync.WaitGroup
}

type outboxKey struct{ workflow, signal string }

type outboxLine struct {
	message func() any // made when it is sent, so that it says the newest; nil: nothing to send
	busy    bool
}

func newOutbox(ctx context.Context, client sdkclient.Client, sent func()) *outbox {
	return &outbox{ctx: ctx, client: client, sent: sent, lines: map[outboxKey]*outboxLine{}}
}

// send signals a workflow soon. message is called when it goes out, and returns nil if there is nothing to say any more.
func (o *outbox) send(workflow, signal string, message func() any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := outboxKey{workflow, signal}
	line := o.lines[key]
	if line == nil {
		line = &outboxLine{}
		o.lines[key] = line
	}
	line.message = message
	if line.busy || o.ctx.Err() != nil {
		return
	}
	line.busy = true
	o.wg.Add(1)
	go o.deliver(key, line)
}

// busy is true while a signal is under way.
func (o *outbox) busy(workflow, signal string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	line := o.lines[outboxKey{workflow, signal}]
	return line != nil && line.busy
}

func (o *outbox) deliver(key outboxKey, line *outboxLine) {
	defer o.wg.Done()
	for {
		o.mu.Lock()
		message := line.message
		line.message = nil
		if message == nil || o.ctx.Err() != nil {
			line.busy = false
			o.mu.Unlock()
			return
		}
		o.mu.Unlock()
		if m := message(); m != nil {
			o.signal(key, m)
		}
	}
}

// retryEvery is how often a signal is tried again while the server is away.
const retryEvery = 300 * time.Millisecond

func (o *outbox) signal(key outboxKey, message any) {
	for {
		err := o.client.SignalWorkflow(o.ctx, key.workflow, "", key.signal, message)
		if _, gone := errors.AsType[*serviceerror.NotFound](err); err == nil || gone {
			o.sent() // a workflow that is gone looks at everything when it comes back
			return
		}
		select {
		case <-o.ctx.Done():
			return
		case <-time.After(retryEvery):
		}
	}
}

// filesChanged tells a resource that its files have changed.
func (h *Host) filesChanged(resource string) {
	h.changed.mu.Lock()
	h.changed.seq++
	seq := h.changed.seq
	if h.changed.open == nil {
		h.changed.open = map[string]change{}
	}
	h.changed.open[resource] = change{seq: seq, at: time.Now()}
	h.changed.mu.Unlock()
	h.outbox.send(api.ResourceWorkflowID(h.o.ID, resource), api.FilesChangedSignal, func() any {
		epoch := h.epoch.Load()
		if epoch == 0 {
			return nil // not attached: everything is compared then
		}
		return api.FilesChanged{Epoch: epoch, Seq: seq}
	})
}

// configChanged tells the environment that the Tiltfile has to be evaluated.
func (h *Host) configChanged() {
	h.outbox.send(h.workflowID(), api.ConfigChangedSignal, func() any {
		if h.epoch.Load() == 0 {
			return nil
		}
		return api.ConfigChanged{Seq: time.Now().UnixNano()}
	})
}

// containersChanged tells a resource that a container runs whose files nobody has compared.
func (h *Host) containersChanged(resource string) {
	h.outbox.send(api.ResourceWorkflowID(h.o.ID, resource), api.ContainersChangedSignal, func() any {
		return api.ContainersChanged{Epoch: h.epoch.Load()}
	})
}
