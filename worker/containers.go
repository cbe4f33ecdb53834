package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/envflow/envflow/activities/liveupdate"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/kube/observe"
	"github.com/envflow/envflow/internal/kube/stream"
)

const (
	// knownLimit is how long a comparison waits for the first sight of a namespace.
	knownLimit = 20 * time.Second
	// suspectAfter is when it asks whether the cluster answers at all.
	suspectAfter = 3 * time.Second
)

// crashLoop is the kubelet's word for a container that ends again and again.
const crashLoop = "CrashLoopBackOff"

// containers are what live updates see of the cluster.
type containers struct{ h *Host }

// OfResource returns the containers of the newest pods, once they are known for sure.
func (c containers) OfResource(ctx context.Context, resource string) (all []liveupdate.Container, err error) {
	r := c.h.currentRuntime()
	if r == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, knownLimit)
	defer cancel()
	soon, enough := context.WithTimeout(ctx, suspectAfter)
	defer enough()
	if r.observer.WaitKnown(soon, resource) != nil && ctx.Err() == nil {
		if err := c.h.clients.pingCluster(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.observer.WaitKnown(ctx, resource); err != nil {
		if ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			_, _, why := r.observer.Connected()
			return nil, failure.Missing(fmt.Errorf("the pods of %s are not known: %s", resource, why), failure.Cluster, "the cluster does not answer")
		}
		return nil, err
	}
	s, _ := r.observer.Status(resource)
	for _, pod := range s.Pods {
		if pod.Deleting || !pod.Current {
			continue
		}
		for _, each := range pod.Containers {
			if each.Init {
				continue
			}
			all = append(all, liveupdate.Container{
				Namespace: pod.Namespace, Pod: pod.Name, Name: each.Name, ID: each.ID, Image: each.Image,
				Running: each.State == observe.StateRunning && each.ID != "", Crashed: each.Reason == crashLoop,
			})
		}
	}
	return all, nil
}

// Compared remembers which containers hold what is on disk.
func (c containers) Compared(resource string, ids []string) {
	r := c.h.currentRuntime()
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.compared[resource] == nil {
		r.compared[resource] = map[string]bool{}
	}
	for _, id := range ids {
		r.compared[resource][id] = true
	}
}

// compareNew has containers compared that run since the last comparison: they hold their image, but not what was synced
// into those before them. If files wait for a container to run, one that crashes is worth a comparison too.
func (r *runtime) compareNew(s observe.Status) {
	r.mu.Lock()
	known, compared, waiting := maps.Clone(r.compared[s.Resource]), r.compared[s.Resource] != nil, r.waiting[s.Resource]
	r.mu.Unlock()
	if !compared {
		return // the first comparison is still to come, and looks at them all
	}
	for _, pod := range s.Pods {
		if pod.Deleting || !pod.Current {
			continue
		}
		for _, c := range pod.Containers {
			worth := c.State == observe.StateRunning && c.ID != "" && !known[c.ID] || waiting && c.Reason == crashLoop
			if !c.Init && worth && slices.Contains(r.ours(s.Resource), c.Image) { // ours asks the database: last
				r.host.containersChanged(s.Resource)
				return
			}
		}
	}
}

// comparedOnce: from now on, containers that appear have to be compared. Some may have appeared during the comparison.
// waiting says that it found files for which no container ran.
func (r *runtime) comparedOnce(resource string, waiting bool) {
	s, ok := r.observer.Status(resource)
	r.mu.Lock()
	known := map[string]bool{} // without those that are gone
	for _, pod := range s.Pods {
		for _, c := range pod.Containers {
			if r.compared[resource][c.ID] {
				known[c.ID] = true
			}
		}
	}
	r.compared[resource], r.waiting[resource] = known, waiting
	r.mu.Unlock()
	if ok {
		r.compareNew(s)
	}
}

// Records of containers that nobody sees any more are forgotten, so it has to be told of those that are there.
const (
	keepContainersSoon  = time.Minute
	keepContainersEvery = 6 * time.Hour
)

func (h *Host) keepContainers(ctx context.Context) {
	for wait := keepContainersSoon; pause(ctx, wait); wait = keepContainersEvery {
		r := h.currentRuntime()
		if r == nil {
			continue
		}
		if connected, _, _ := r.observer.Connected(); !connected {
			continue // what is not seen may be there all the same
		}
		if err := h.records.TouchContainers(ctx, r.containerIDs()); err != nil && ctx.Err() == nil {
			h.o.Log.Warn("record which containers are there", "error", err)
		}
	}
}

func (r *runtime) containerIDs() (ids []string) {
	for _, status := range r.observer.Statuses() {
		for _, pod := range status.Pods {
			for _, c := range pod.Containers {
				ids = append(ids, c.ID)
			}
		}
	}
	return ids
}

// ours are the images of a resource's containers that live updates go to, as objects name them.
func (r *runtime) ours(resource string) (refs []string) {
	p := r.host.plans.Now()
	if p == nil || !liveUpdated(p, resource) {
		return nil
	}
	deployed, ok, err := r.host.records.Deployment(r.host.runCtx, resource)
	if err != nil || !ok {
		return nil
	}
	for ref, key := range deployed.Images {
		if image := p.Image(ref); image != nil && len(image.LiveUpdate) > 0 {
			refs = append(refs, key.ClusterRef)
		}
	}
	return refs
}

// streams are how live updates reach into containers.
type streams struct{ h *Host }

func (s streams) pool() (*stream.Pool, error) {
	if r := s.h.currentRuntime(); r != nil {
		return r.streams, nil
	}
	return nil, failure.TransientError(nil, "nothing of this environment runs in a cluster")
}

func (s streams) Sync(ctx context.Context, c liveupdate.Container, b liveupdate.Batch) error {
	pool, err := s.pool()
	if err != nil {
		return err
	}
	return streamError(pool.Sync(ctx, streamContainer(c), stream.Batch{Tar: b.Tar, Deletes: b.Deletes}))
}

func (s streams) Exec(ctx context.Context, c liveupdate.Container, command []string, stdin []byte, output func(line string)) (exitCode int, err error) {
	pool, err := s.pool()
	if err != nil {
		return 0, err
	}
	exitCode, err = pool.Exec(ctx, streamContainer(c), command, stdin, output)
	return exitCode, streamError(err)
}

func streamContainer(c liveupdate.Container) stream.Container {
	return stream.Container{Namespace: c.Namespace, Pod: c.Pod, Container: c.Name, ID: c.ID}
}

// streamError says in the words of live updates what became of a container.
func streamError(err error) error {
	switch {
	case errors.Is(err, stream.ErrGone):
		return fmt.Errorf("%w: %w", liveupdate.ErrGone, err)
	case errors.Is(err, stream.ErrNoTools):
		return fmt.Errorf("%w: %w", liveupdate.ErrNoTools, err)
	}
	return err
}
