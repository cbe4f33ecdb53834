package podlog

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
)

// meshContainers belong to service meshes; Tilt leaves them out as well.
var meshContainers = []string{"istio-init", "istio-proxy", "linkerd-init", "linkerd-proxy"}

// readOut is how long the log of a container that is no longer wanted is read on: it may just have ended.
const readOut = 5 * time.Second

// Source is a container whose log is followed. Another ContainerID is another source.
type Source struct {
	Resource, Namespace, Pod, PodUID, Container string
	ContainerID                                 string    // without "containerd://"
	Since                                       time.Time // older lines are left out; zero: none
	Init                                        bool
}

// key is what makes a source another one.
type key struct{ podUID, container, containerID string }

func (s Source) key() key { return key{s.PodUID, s.Container, s.ContainerID} }

// Line is one line of a log.
type Line struct {
	Resource, Pod, Container string
	Time                     time.Time // when the runtime got it
	Text                     string    // without newline; at most 64 KiB: a longer line comes in pieces of the same time
}

// Streamer follows logs. Its methods may be called from any goroutine.
type Streamer struct {
	cs         kubernetes.Interface
	onLine     func(Line)
	firstCheck time.Duration

	mu       sync.Mutex // guards all below
	ctx      context.Context
	wanted   []Source
	followed map[key]*follower
	wg       sync.WaitGroup
}

// New returns a streamer that follows nothing. onLine gets the lines of one container in their order and from one goroutine
// at a time; it is called for several containers at the same time.
func New(cs kubernetes.Interface, onLine func(Line)) *Streamer {
	return &Streamer{cs: cs, onLine: onLine, firstCheck: firstCheck, followed: map[key]*follower{}}
}

// Set says which logs are followed: these and no others. A container that has ended and was read to its end may stay in the
// list; it is not read again. The log of one that left the list is read for a few seconds more.
func (s *Streamer) Set(sources []Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = slices.DeleteFunc(slices.Clone(sources), func(source Source) bool {
		return slices.Contains(meshContainers, source.Container)
	})
	s.reconcile()
}

// Redial opens all streams again, because the machine slept or the network changed.
func (s *Streamer) Redial() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.followed {
		f.reopen()
	}
}

// Run follows logs until ctx is done, and returns when all streams are closed.
func (s *Streamer) Run(ctx context.Context) {
	s.mu.Lock()
	s.ctx = ctx
	s.reconcile() //nolint:contextcheck // it uses s.ctx
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	s.ctx = nil
	for _, f := range s.followed {
		f.stay()
	}
	clear(s.followed)
	s.mu.Unlock()
	s.wg.Wait()
}

// reconcile starts and stops followers. s.mu is held.
func (s *Streamer) reconcile() {
	if s.ctx == nil || s.ctx.Err() != nil {
		return
	}
	wanted := map[key]bool{}
	for _, source := range s.wanted {
		k := source.key()
		wanted[k] = true
		if f := s.followed[k]; f != nil {
			f.stay()
			continue
		}
		ctx, cancel := context.WithCancel(s.ctx)
		f := &follower{cs: s.cs, source: source, onLine: s.onLine, cancel: cancel, again: make(chan struct{}, 1), seen: newSeen(), firstCheck: s.firstCheck}
		s.followed[k] = f
		s.wg.Go(func() {
			defer cancel()
			f.run(ctx)
		})
	}
	for k, f := range s.followed {
		if !wanted[k] {
			f.leave(func() { s.forget(k, f) })
		}
	}
}

// forget ends a follower for good.
func (s *Streamer) forget(k key, f *follower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.followed[k] == f && f.left() {
		delete(s.followed, k)
		f.cancel()
	}
}
