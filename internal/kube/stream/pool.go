package stream

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// How long things may take.
const (
	openLimit   = 10 * time.Second       // for a new exec to greet
	freshLimit  = 10 * time.Second       // for a new exec to take bytes or answer
	quickLimit  = 500 * time.Millisecond // for a held stream to do so, and
	perMegabyte = 100 * time.Millisecond // more for each MB of the batch
	pingLimit   = 3 * time.Second
	lookEvery   = 5 * time.Second  // how often streams are looked at
	maxBackoff  = 10 * time.Second // between tries to open one
)

// openers is how many streams are opened at a time.
const openers = 4

// Container is one container of a pod.
type Container struct {
	Namespace, Pod, Container string
	ID                        string // of the running container, without "containerd://"; "" if not known
}

// Options are what a Pool can be told. The zero value means the defaults.
type Options struct {
	Max       int           // how many streams are open at most; 128
	PingEvery time.Duration // how long a stream is idle before it is pinged; 20 s
}

// Pool holds the streams. Its methods may be called from any goroutine.
type Pool struct {
	cs     kubernetes.Interface
	config *rest.Config
	opts   Options

	kick chan struct{} // Run looks again

	mu      sync.Mutex // guards all below, and the fields of entries that say so
	running bool
	wanted  []Container
	entries map[Container]*entryState
}

// entryState is what is known of one container.
type entryState struct {
	lock chan struct{} // of capacity 1: whoever put something in uses the stream

	// Of whoever has the lock:
	shell  int     // index in shells of the one that the image has
	fences []fence // shells to be killed before the next batch

	// Guarded by Pool.mu. held is set by whoever has the lock.
	held    *held
	used    time.Time // when the stream last answered
	users   int       // how many have or wait for the lock
	final   error     // not nil: no use in opening a stream
	retryAt time.Time
	backoff time.Duration
}

// NewPool returns a pool without streams. config is that of cs.
func NewPool(cs kubernetes.Interface, config *rest.Config, opts Options) *Pool {
	if opts.Max <= 0 {
		opts.Max = 128
	}
	if opts.PingEvery <= 0 {
		opts.PingEvery = 20 * time.Second
	}
	return &Pool{cs: cs, config: config, opts: opts, kick: make(chan struct{}, 1), entries: map[Container]*entryState{}}
}

// Keep says which containers deserve an open stream, the most wanted first: all of them and no others.
func (p *Pool) Keep(list []Container) {
	p.mu.Lock()
	p.wanted = append([]Container(nil), list...)
	p.mu.Unlock()
	p.look()
}

// Redial drops all streams, because the machine slept or the network changed, and opens them again.
func (p *Pool) Redial() {
	p.mu.Lock()
	for _, e := range p.entries {
		if e.held != nil {
			e.held.drop()
		}
		e.retryAt, e.backoff = time.Time{}, 0
	}
	p.mu.Unlock()
	p.look()
}

// Open returns how many streams are open.
func (p *Pool) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, e := range p.entries {
		if e.held != nil && e.held.alive() {
			n++
		}
	}
	return n
}

func (p *Pool) look() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// Run opens, pings and closes streams until ctx is done. It returns when all are closed. Without it batches are sent by an
// exec of their own.
func (p *Pool) Run(ctx context.Context) {
	p.mu.Lock()
	p.running = true
	p.mu.Unlock()
	var wg sync.WaitGroup
	slots := make(chan struct{}, openers)
	for ctx.Err() == nil {
		wait := p.step(ctx, &wg, slots)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-p.kick:
		case <-timer.C:
		}
		timer.Stop()
	}
	wg.Wait()
	p.closeAll()
}

func (p *Pool) closeAll() {
	p.mu.Lock()
	p.running = false
	var open []*held
	for c, e := range p.entries {
		if e.held != nil {
			open = append(open, e.held)
		}
		if e.users == 0 {
			delete(p.entries, c)
		}
	}
	p.mu.Unlock()
	for _, h := range open {
		h.drop()
		<-h.done
	}
}

// step starts what is to be done now and returns when to look again.
func (p *Pool) step(ctx context.Context, wg *sync.WaitGroup, slots chan struct{}) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	wait := lookEvery
	wanted := map[Container]bool{}
	open := 0
	for _, c := range p.wanted {
		wanted[c] = true
	}
	for c, e := range p.entries {
		if e.users > 0 {
			open++
			continue
		}
		if e.held != nil && !e.held.alive() {
			e.held = nil
		}
		if !wanted[c] {
			if e.held != nil {
				e.held.close()
			}
			delete(p.entries, c)
			continue
		}
		if e.held == nil {
			continue
		}
		open++
		if idle := now.Sub(e.used); idle >= p.opts.PingEvery {
			p.spawn(ctx, wg, slots, c, p.ping)
		} else {
			wait = min(wait, p.opts.PingEvery-idle)
		}
	}
	for _, c := range p.wanted {
		if open >= p.opts.Max {
			break
		}
		e := p.entry(c)
		if e.held != nil || e.users > 0 || e.final != nil {
			continue
		}
		if left := e.retryAt.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		if !p.spawn(ctx, wg, slots, c, p.reopen) {
			break // one that ends looks again
		}
		open++
	}
	return max(wait, 10*time.Millisecond)
}

// spawn runs f with the container's lock, unless too many do so. p.mu is held.
func (p *Pool) spawn(ctx context.Context, wg *sync.WaitGroup, slots chan struct{}, c Container, f func(context.Context, Container, *entryState)) bool {
	select {
	case slots <- struct{}{}:
	default:
		return false
	}
	e := p.entry(c)
	e.users++
	wg.Go(func() {
		defer p.look()
		defer func() { <-slots }()
		defer p.leave(e)
		select {
		case e.lock <- struct{}{}:
			defer func() { <-e.lock }()
			f(ctx, c, e)
		case <-ctx.Done():
		}
	})
	return true
}

// entry returns the state of c. p.mu is held.
func (p *Pool) entry(c Container) *entryState {
	e := p.entries[c]
	if e == nil {
		e = &entryState{lock: make(chan struct{}, 1)}
		p.entries[c] = e
	}
	return e
}

func (p *Pool) leave(e *entryState) {
	p.mu.Lock()
	e.users--
	p.mu.Unlock()
}

// reopen opens the stream of c if it has none.
func (p *Pool) reopen(ctx context.Context, c Container, e *entryState) {
	if h := p.current(e); h != nil {
		return
	}
	h, err := p.open(ctx, c, e)
	if err == nil {
		p.set(e, h)
		return
	}
	if ctx.Err() != nil {
		return
	}
	p.failed(e, err)
}

// failed remembers that opening a stream failed.
func (p *Pool) failed(e *entryState, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(err, ErrNoTools) {
		e.final = err
	}
	e.backoff = min(max(2*e.backoff, 250*time.Millisecond), maxBackoff)
	if errors.Is(err, ErrGone) {
		e.backoff = maxBackoff // whoever calls Keep will see it, too
	}
	e.retryAt = time.Now().Add(e.backoff/2 + rand.N(e.backoff)) //nolint:gosec // jitter
}

// ping drops the stream of c if it does not answer.
func (p *Pool) ping(ctx context.Context, _ Container, e *entryState) {
	h := p.current(e)
	if h == nil {
		return
	}
	if _, _, err := h.do(ctx, request{script: "d 0"}, pingLimit); err != nil {
		h.drop()
		p.set(e, nil)
		return
	}
	p.set(e, h)
}

// current returns the stream of e if it has one that has not ended.
func (p *Pool) current(e *entryState) *held {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.held != nil && !e.held.alive() {
		e.held = nil
	}
	return e.held
}

// set remembers the stream of e, which has just answered, and looks again when it ends.
func (p *Pool) set(e *entryState, h *held) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h != nil && h != e.held {
		go func() {
			<-h.done
			p.look()
		}()
	}
	e.held, e.used = h, time.Now()
	if h != nil {
		e.backoff, e.retryAt, e.final = 0, time.Time{}, nil
	}
}
