package observe

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// How often things are done.
const (
	coalesce = 5 * time.Millisecond // how long changes are collected before they are judged
	quiet    = 5 * time.Second      // without a sign of life of the server: it is asked for one
	askLimit = 3 * time.Second      // for the answer
	askAgain = time.Second          // while the server does not answer
	settle   = 2 * time.Second      // how long watches may take to recover by themselves when the server answers
)

var errNeverAnswered = errors.New("the cluster has not answered yet")

// Observer watches the objects of targets. Its methods may be called from any goroutine.
type Observer struct {
	// CloseConnections, if set before Run, closes the connections of the client. It is called before watches are started
	// again because the server was silent: a connection that died without a word would be used again. If it is nil, those
	// are closed that nobody uses.
	CloseConnections func()

	cs       kubernetes.Interface
	onChange func(Status)
	kick     chan struct{} // Run judges again
	redial   chan struct{}

	mu        sync.Mutex // guards all below
	ctx       context.Context
	targets   []Target
	watches   map[string]*namespaceWatch // by namespace
	next      map[string]*namespaceWatch // started again, not yet synced
	doneJobs  map[types.UID]bool
	statuses  map[string]Status // by resource
	told      map[string]Status // as onChange knows them
	seen      time.Time         // last sign of life of the server; zero before the first
	silent    error             // why asking for one failed
	connected bool
	since     time.Time
	why       string
}

// New returns an observer that does nothing yet. onChange is called from one goroutine, that of Run, after each change of the
// status of a resource; it should return soon.
func New(cs kubernetes.Interface, onChange func(Status)) *Observer {
	return &Observer{
		cs: cs, onChange: onChange,
		kick: make(chan struct{}, 1), redial: make(chan struct{}, 1),
		watches: map[string]*namespaceWatch{}, next: map[string]*namespaceWatch{},
		doneJobs: map[types.UID]bool{}, statuses: map[string]Status{}, told: map[string]Status{},
		since: time.Now(), why: errNeverAnswered.Error(),
	}
}

// Set says what is to be observed: these targets and no others.
func (o *Observer) Set(targets []Target) {
	o.mu.Lock()
	o.targets = slices.Clone(targets)
	o.prune()
	o.reconcile()
	o.mu.Unlock()
	o.poke()
}

// Update replaces the target of a resource, or adds it, and returns its status by what is known now. A rollout that the
// cluster has not taken up yet is pending.
func (o *Observer) Update(t Target) Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.poke()
	if i := slices.IndexFunc(o.targets, func(other Target) bool { return other.Resource == t.Resource }); i >= 0 {
		o.targets[i] = t
	} else {
		o.targets = append(o.targets, t)
	}
	o.reconcile()
	s := newView(o.watches, o.doneJobs).status(t)
	o.statuses[t.Resource] = s
	return s
}

// Redial starts all watches again at once, because the machine slept or the network changed. Statuses stay until they are
// known anew.
func (o *Observer) Redial() { notify(o.redial) }

// Statuses returns the status of each resource.
func (o *Observer) Statuses() map[string]Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make(map[string]Status, len(o.statuses))
	for name, s := range o.statuses {
		all[name] = s
	}
	return all
}

// Connected reports whether statuses are up to date, since when that is so or not, and if not why: an error's text.
func (o *Observer) Connected() (ok bool, since time.Time, why string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.connected, o.since, o.why
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (o *Observer) poke() { notify(o.kick) }

func (o *Observer) alive() {
	o.mu.Lock()
	o.seen = time.Now()
	o.mu.Unlock()
}

// Run observes until ctx is done, and returns when all watches have ended.
func (o *Observer) Run(ctx context.Context) {
	o.mu.Lock()
	o.ctx = ctx
	o.reconcile()
	o.mu.Unlock()
	o.poke()
	var wg sync.WaitGroup
	wg.Go(func() { o.supervise(ctx) })
	defer func() {
		wg.Wait()
		o.mu.Lock()
		defer o.mu.Unlock()
		o.ctx = nil
		o.stop(o.watches)
		o.stop(o.next)
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.kick:
		}
		timer.Reset(coalesce)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		for _, s := range o.judge() {
			o.onChange(s)
		}
	}
}

// judge returns the statuses that have changed.
func (o *Observer) judge() []Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	for namespace, w := range o.next {
		if w.usable() && w.problem() == nil {
			go o.watches[namespace].stop() // if it still runs
			o.watches[namespace] = w
			delete(o.next, namespace)
		}
	}
	o.assess()
	v := newView(o.watches, o.doneJobs)
	var changed []Status
	for _, t := range o.targets {
		s := v.status(t)
		o.statuses[t.Resource] = s
		if old, ok := o.told[t.Resource]; !ok || !reflect.DeepEqual(old, s) {
			o.told[t.Resource] = s
			changed = append(changed, s)
		}
	}
	return changed
}

// assess decides whether statuses are up to date. o.mu is held.
func (o *Observer) assess() {
	err := o.silent
	if err == nil && o.seen.IsZero() {
		err = errNeverAnswered
	}
	for namespace := range o.used() {
		if err != nil {
			break
		}
		switch w, next := o.watches[namespace], o.next[namespace]; {
		case next != nil && next.problem() != nil:
			err = next.problem()
		case w == nil, next != nil, !w.usable():
			err = fmt.Errorf("the state of namespace %s is being read", namespace)
		default:
			err = w.problem()
		}
		if w := o.watches[namespace]; w != nil && err != nil && w.problem() != nil {
			err = w.problem()
		}
	}
	connected, why := err == nil, ""
	if err != nil {
		why = err.Error()
	}
	if connected != o.connected {
		o.since = time.Now()
	}
	o.connected, o.why = connected, why
}

// used returns the namespaces of the targets. o.mu is held.
func (o *Observer) used() map[string]bool {
	used := map[string]bool{}
	for _, t := range o.targets {
		for _, object := range t.Objects {
			if object.Namespace != "" {
				used[object.Namespace] = true
			}
		}
	}
	return used
}

// prune forgets what belongs to no target. o.mu is held.
func (o *Observer) prune() {
	resources, uids := map[string]bool{}, map[types.UID]bool{}
	for _, t := range o.targets {
		resources[t.Resource] = true
		for _, object := range t.Objects {
			uids[types.UID(object.UID)] = true
		}
	}
	for name := range o.statuses {
		if !resources[name] {
			delete(o.statuses, name)
			delete(o.told, name)
		}
	}
	for uid := range o.doneJobs {
		if !uids[uid] {
			delete(o.doneJobs, uid)
		}
	}
}

// reconcile watches the namespaces in use and no others. o.mu is held.
func (o *Observer) reconcile() {
	if o.ctx == nil || o.ctx.Err() != nil {
		return
	}
	used := o.used()
	for namespace := range used {
		if o.watches[namespace] == nil {
			o.watches[namespace] = watchNamespace(o.ctx, o.cs, namespace, o.poke, o.alive)
		}
	}
	for _, set := range []map[string]*namespaceWatch{o.watches, o.next} {
		for namespace, w := range set {
			if !used[namespace] {
				delete(set, namespace)
				go w.stop() // it calls alive, which takes o.mu
			}
		}
	}
}

// stop ends watches. o.mu is held, and released meanwhile.
func (o *Observer) stop(set map[string]*namespaceWatch) {
	list := make([]*namespaceWatch, 0, len(set))
	for _, w := range set {
		list = append(list, w)
	}
	o.mu.Unlock()
	for _, w := range list {
		w.cancel()
	}
	for _, w := range list {
		w.stop()
	}
	o.mu.Lock()
}

// supervise asks for signs of life and starts watches again.
func (o *Observer) supervise(ctx context.Context) {
	var answered time.Time // when the server began to answer while watches had failed
	wait := time.Millisecond
	for {
		timer := time.NewTimer(wait + rand.N(wait/5+1)) //nolint:gosec // jitter
		redial := false
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-o.redial:
			redial = true
		case <-timer.C:
		}
		timer.Stop()
		o.mu.Lock()
		calm := o.connected && time.Since(o.seen) < quiet
		o.mu.Unlock()
		if redial {
			o.restart(ctx)
			answered, wait = time.Time{}, askAgain
			continue
		}
		if calm {
			answered, wait = time.Time{}, quiet
			continue
		}
		err := o.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		o.mu.Lock()
		was := o.silent
		o.silent = err
		o.assess()
		failed := !o.connected && o.failing()
		o.mu.Unlock()
		o.poke()
		wait = askAgain
		switch {
		case err == nil && !failed:
			answered, wait = time.Time{}, quiet
		case err != nil && was == nil && errors.Is(err, context.DeadlineExceeded):
			o.closeConnections() // the next question gets a new one
			answered = time.Time{}
		case err != nil:
			answered = time.Time{}
		case was != nil:
			o.restart(ctx)
			answered = time.Now()
		case answered.IsZero():
			answered = time.Now()
		case time.Since(answered) > settle:
			o.restart(ctx)
			answered = time.Now()
		}
	}
}

// failing reports whether a watch has failed and not recovered. o.mu is held.
func (o *Observer) failing() bool {
	for namespace, w := range o.watches {
		if next := o.next[namespace]; next != nil {
			w = next
		}
		if w.problem() != nil {
			return true
		}
	}
	return false
}

// ask returns nil if the server answers anything at all.
func (o *Observer) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	err := o.cs.Discovery().RESTClient().Get().AbsPath("/livez").Do(ctx).Error()
	if _, ok := errors.AsType[*apierrors.StatusError](err); ok && !apierrors.IsServiceUnavailable(err) && !apierrors.IsInternalError(err) {
		err = nil // forbidden, say
	}
	if err == nil {
		o.alive()
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the cluster does not answer: %w", context.DeadlineExceeded)
	}
	return fmt.Errorf("the cluster does not answer: %w", err)
}

// restart starts all watches again. The old ones are read until the new ones know more.
func (o *Observer) restart(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	o.stop(o.watches)
	o.stop(o.next)
	o.mu.Unlock()
	o.closeConnections()
	o.mu.Lock()
	clear(o.next)
	for namespace := range o.used() {
		o.next[namespace] = watchNamespace(o.ctx, o.cs, namespace, o.poke, o.alive) //nolint:contextcheck // it is that of Run as well
		if o.watches[namespace] == nil {
			o.watches[namespace] = o.next[namespace]
			delete(o.next, namespace)
		}
	}
	for namespace := range o.watches {
		if !o.used()[namespace] {
			delete(o.watches, namespace)
		}
	}
}

func (o *Observer) closeConnections() {
	if o.CloseConnections != nil {
		o.CloseConnections()
		return
	}
	if client, ok := o.cs.CoreV1().RESTClient().(*rest.RESTClient); ok && client.Client != nil {
		utilnet.CloseIdleConnectionsFor(client.Client.Transport)
	}
}
