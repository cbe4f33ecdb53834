package forward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// How long things may take.
const (
	bindAgain = 2 * time.Second        // between tries to get a port that another program has
	podLimit  = 10 * time.Second       // for a pod to appear after a connection was accepted
	podAgain  = 100 * time.Millisecond // between looks for it
	dialLimit = 5 * time.Second        // for a connection to a pod
)

// perPod is how many connections to a pod are made before streams share one.
const perPod = 8

// aheadAtOnce is how many connections are made at a time that nobody waits for.
const aheadAtOnce = 4

// Forward is one port of this machine that leads to a port of a resource's pod.
type Forward struct {
	Resource, Host           string // Host "" or "localhost" is 127.0.0.1
	LocalPort, ContainerPort int    // ContainerPort as in plan.PortForward
	Namespace                string // for people; the pod's is that of pick
}

// Pick returns the pod that connections to a resource go to now.
type Pick func(resource string) (namespace, pod string, containerPorts []int32, ok bool)

// Forwarder holds the forwards. Its methods may be called from any goroutine.
type Forwarder struct {
	dialer  *dialer
	slots   chan struct{} // taken while a connection is made that nobody waits for
	pick    Pick
	onState func(resource string, f Forward, err error)

	mu        sync.Mutex // guards all below
	ctx       context.Context
	wanted    []Forward
	listeners map[Forward]*listener
	upstreams map[podName][]*upstream
	ahead     map[podName]bool // pods that were picked before
	changed   chan struct{}    // closed, and made anew, when pods may have changed
	wg        sync.WaitGroup
}

type podName struct{ namespace, name string }

// New returns a forwarder without forwards. config is that of cs. pick is called at every accept and must not block.
//
// onState is told of each forward when its listener is open (a nil error), and when it cannot be opened: the error names
// the port and, on Linux, the process that has it. It may be called from several goroutines.
func New(cs kubernetes.Interface, config *rest.Config, pick Pick, onState func(resource string, f Forward, err error)) *Forwarder {
	return &Forwarder{
		dialer: &dialer{cs: cs, config: config}, pick: pick, onState: onState,
		listeners: map[Forward]*listener{}, upstreams: map[podName][]*upstream{}, changed: make(chan struct{}),
		ahead: map[podName]bool{}, slots: make(chan struct{}, aheadAtOnce),
	}
}

// Set says which forwards there are: these and no others. Those that stay keep their listener and its connections.
func (f *Forwarder) Set(list []Forward) {
	f.mu.Lock()
	f.wanted = slices.Clone(list)
	gone := f.reconcile()
	f.mu.Unlock()
	for _, l := range gone {
		l.stop()
	}
}

// Redial drops all connections to pods, because the machine slept or the network changed. Listeners stay; the next accept
// dials anew.
func (f *Forwarder) Redial() {
	f.mu.Lock()
	dropped := f.upstreams
	f.upstreams = map[podName][]*upstream{}
	f.mu.Unlock()
	for _, list := range dropped {
		for _, u := range list {
			u.close(errors.New("redialled"))
		}
	}
	f.Refresh()
}

// Refresh says that pods may have changed: those who wait for one look again, and connections to pods that are no longer
// picked end as soon as they are idle. To a pod that is picked for the first time a connection is made, so that the first
// request need not wait for it.
func (f *Forwarder) Refresh() {
	f.mu.Lock()
	close(f.changed)
	f.changed = make(chan struct{})
	picked := map[podName]bool{}
	resources := map[string]bool{}
	for _, w := range f.wanted {
		resources[w.Resource] = true
	}
	f.mu.Unlock()
	for resource := range resources {
		if namespace, name, _, ok := f.pick(resource); ok {
			picked[podName{namespace, name}] = true
		}
	}
	f.mu.Lock()
	var old []*upstream
	for name, list := range f.upstreams {
		if !picked[name] {
			old = append(old, list...)
			delete(f.upstreams, name)
		}
	}
	for name := range picked {
		if !f.ahead[name] && f.ctx != nil && f.ctx.Err() == nil {
			ctx := f.ctx
			f.wg.Go(func() { f.dialAhead(ctx, name) })
		}
	}
	f.ahead = picked
	f.mu.Unlock()
	for _, u := range old {
		u.retire()
	}
}

// Run forwards until ctx is done, and returns when all is closed.
func (f *Forwarder) Run(ctx context.Context) {
	f.mu.Lock()
	f.ctx = ctx
	f.reconcile() //nolint:contextcheck // it uses f.ctx
	f.mu.Unlock()
	<-ctx.Done()
	f.mu.Lock()
	f.ctx = nil
	list := f.listeners
	f.listeners = map[Forward]*listener{}
	f.mu.Unlock()
	for _, l := range list {
		l.stop()
	}
	f.Redial() //nolint:contextcheck // nothing is dialled any more: f.ctx is gone
	f.wg.Wait()
	f.Redial() //nolint:contextcheck // as above; what was dialled meanwhile
}

// reconcile starts listeners and returns those to be stopped. f.mu is held.
func (f *Forwarder) reconcile() []*listener {
	if f.ctx == nil || f.ctx.Err() != nil {
		return nil
	}
	var gone []*listener
	for forward, l := range f.listeners {
		if !slices.Contains(f.wanted, forward) {
			gone = append(gone, l)
			delete(f.listeners, forward)
		}
	}
	for _, forward := range f.wanted {
		if f.listeners[forward] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(f.ctx)
		l := &listener{f: f, forward: forward, cancel: cancel, done: make(chan struct{})}
		f.listeners[forward] = l
		f.wg.Go(func() {
			defer close(l.done)
			l.run(ctx)
		})
	}
	return gone
}

// listener is the local end of a forward.
type listener struct {
	f       *Forwarder
	forward Forward
	cancel  context.CancelFunc
	done    chan struct{}
}

// stop closes the listener and its connections, so that the port is free afterwards.
func (l *listener) stop() {
	l.cancel()
	<-l.done
}

func (l *listener) run(ctx context.Context) {
	defer l.cancel()
	last := ""
	for ctx.Err() == nil {
		socket, err := l.bind(ctx)
		if err == nil {
			last = ""
			l.tell(nil)
			err = l.accept(ctx, socket)
		}
		if ctx.Err() != nil {
			return
		}
		if err.Error() != last {
			last = err.Error()
			l.tell(err)
		}
		timer := time.NewTimer(bindAgain)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (l *listener) tell(err error) {
	if l.f.onState != nil {
		l.f.onState(l.forward.Resource, l.forward, err)
	}
}

func (l *listener) bind(ctx context.Context) (net.Listener, error) {
	host := l.forward.Host
	if host == "" || host == "localhost" {
		host = "127.0.0.1"
	}
	address := net.JoinHostPort(host, strconv.Itoa(l.forward.LocalPort))
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return socket, nil
	case addressInUse(err):
		if owner := portOwner(l.forward.LocalPort); owner != "" {
			return nil, fmt.Errorf("port %d is in use by %s: %w", l.forward.LocalPort, owner, err)
		}
		return nil, fmt.Errorf("port %d is in use by another program: %w", l.forward.LocalPort, err)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("port %d may not be opened by this user: %w", l.forward.LocalPort, err)
	}
	return nil, fmt.Errorf("open port %d on %s: %w", l.forward.LocalPort, host, err)
}

// accept serves connections until the listener fails or ctx is done.
func (l *listener) accept(ctx context.Context, socket net.Listener) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	stop := context.AfterFunc(ctx, func() { _ = socket.Close() })
	defer stop()
	defer func() { _ = socket.Close() }()
	for {
		conn, err := socket.Accept()
		if err != nil {
			return fmt.Errorf("accept on port %d: %w", l.forward.LocalPort, err)
		}
		wg.Go(func() {
			defer func() { _ = conn.Close() }()
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer stop()
			l.serve(ctx, conn)
		})
	}
}

// serve carries one connection. Nothing has been read from it before a pod has taken it, so it may try two connections to
// the pod: one that exists may have died unseen.
func (l *listener) serve(ctx context.Context, conn net.Conn) {
	deadline := time.Now().Add(podLimit)
	local := &replay{Conn: conn}
	for range 3 {
		u, port, err := l.upstream(ctx, deadline)
		if err != nil {
			return
		}
		again := u.carry(ctx, local, port)
		u.release()
		if !again || ctx.Err() != nil {
			return
		}
		l.f.forget(u)
	}
}

// upstream returns a connection to the pod that is picked now, and the port of the container.
func (l *listener) upstream(ctx context.Context, deadline time.Time) (*upstream, int, error) {
	for {
		l.f.mu.Lock()
		changed := l.f.changed
		l.f.mu.Unlock()
		var err error
		if namespace, name, ports, ok := l.f.pick(l.forward.Resource); ok {
			var u *upstream
			if u, err = l.f.dial(ctx, podName{namespace, name}); err == nil {
				return u, containerPort(l.forward, ports), nil
			}
		}
		if time.Now().After(deadline) {
			return nil, 0, errors.Join(errors.New("no pod to forward to"), err)
		}
		timer := time.NewTimer(podAgain)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, 0, ctx.Err()
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// containerPort is the port as plan.PortForward says.
func containerPort(f Forward, exposed []int32) int {
	switch {
	case f.ContainerPort != 0:
		return f.ContainerPort
	case slices.Contains(exposed, int32(f.LocalPort)), len(exposed) == 0: //nolint:gosec // a port that could be opened fits
		return f.LocalPort
	}
	return int(exposed[0])
}

// dial returns a connection to a pod that carries nothing. It makes one if there is none, up to perPod of them; then it
// returns the one that carries least and is not held up. The caller says u.release when it is done.
//
// One connection would do for all, if SPDY streams did not hold each other up: what one client does not read blocks the
// frames of others behind it.
func (f *Forwarder) dial(ctx context.Context, name podName) (*upstream, error) {
	f.mu.Lock()
	if f.ctx == nil {
		f.mu.Unlock()
		return nil, errors.New("forwarding has ended")
	}
	list := slices.DeleteFunc(f.upstreams[name], func(u *upstream) bool {
		broken := !u.usable()
		if broken {
			u.supersede()
		}
		return broken
	})
	var best *upstream
	least := 0
	for _, u := range list {
		if users, shared := u.load(); users == 0 || shared && (best == nil || users < least) {
			best, least = u, users
			if users == 0 {
				break
			}
		}
	}
	if best == nil || least > 0 && len(list) < perPod {
		best = newUpstream(name)
		list = append(list, best)
		f.start(best) //nolint:contextcheck // it outlives the accept that is the first to need it
	}
	best.reserve()
	f.upstreams[name] = list
	f.mu.Unlock()
	if err := best.wait(ctx); err != nil {
		best.release()
		return nil, err
	}
	if !best.answers(ctx) {
		best.release()
		f.forget(best)
		return f.dial(ctx, name)
	}
	return best, nil
}

// dialAhead makes a connection that nobody waits for yet. If it fails, whoever needs it tries again.
func (f *Forwarder) dialAhead(ctx context.Context, name podName) {
	select {
	case f.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-f.slots }()
	if u, err := f.dial(ctx, name); err == nil {
		u.release()
	}
}

// start dials and watches u. f.mu is held.
func (f *Forwarder) start(u *upstream) {
	ctx := f.ctx
	f.wg.Go(func() {
		u.open(ctx, f.dialer)
		f.forget(u)
	})
}

// forget gives u no new connections.
func (f *Forwarder) forget(u *upstream) {
	f.mu.Lock()
	f.upstreams[u.name] = slices.DeleteFunc(f.upstreams[u.name], func(other *upstream) bool { return other == u })
	if len(f.upstreams[u.name]) == 0 {
		delete(f.upstreams, u.name)
	}
	f.mu.Unlock()
	u.supersede()
}
