package observe

import (
	"context"
	"time"
)

// knownEvery is how often WaitKnown looks.
const knownEvery = 10 * time.Millisecond

// Status returns the status of one resource.
func (o *Observer) Status(resource string) (s Status, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s, ok = o.statuses[resource]
	return s, ok
}

// WaitKnown waits until the status of a resource says what is in the cluster now: its namespaces are read, and the API server
// answers. For a resource that is no target it returns at once. The error is that of ctx.
func (o *Observer) WaitKnown(ctx context.Context, resource string) error {
	tick := time.NewTicker(knownEvery)
	defer tick.Stop()
	for !o.isKnown(resource) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

func (o *Observer) isKnown(resource string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, t := range o.targets {
		if t.Resource != resource {
			continue
		}
		for _, object := range t.Objects {
			w := o.watches[object.Namespace]
			if object.Namespace != "" && (w == nil || !w.usable() || w.problem() != nil || o.next[object.Namespace] != nil) {
				return false
			}
		}
		o.statuses[resource] = newView(o.watches, o.doneJobs).status(t) // the last one may be from before they were read
		return true
	}
	return true
}
