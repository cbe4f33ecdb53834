package forward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moby/spdystream"
	corev1 "k8s.io/api/core/v1"
)

// When a connection to a pod is given up.
const (
	lookEvery    = 250 * time.Millisecond
	idleEvery    = 5 * time.Second         // while nothing is carried: idle services must not keep a laptop awake
	pingEvery    = 2 * time.Second         // that the container runtime is asked for a sign of life
	idlePing     = 30 * time.Second        // while nothing is carried: often enough for what lies between
	fresh        = 3 * time.Second         // since it was heard: it need not be asked before it is used again
	doubt        = 750 * time.Millisecond  // without an answer to a ping: new connections get another one
	silent       = 2500 * time.Millisecond // without: it is dead
	stalled      = time.Second             // that a write takes: one end does not read, which holds up answers to pings
	stalledLimit = 30 * time.Second        // without, while it is the pod that does not read
	hesitation   = 20 * time.Millisecond   // that a write takes: no other stream is put beside this one
	bulk         = 1 << 20                 // bytes of one stream: nor then
	unused       = 5 * time.Minute         // without a stream: it is closed
	lull         = 500 * time.Millisecond  // of a stream to a pod that is no longer picked: it is closed
	farewell     = 10 * time.Second        // after that whatever it does
)

var errBroken = errors.New("the connection to the pod is broken")

// upstream is one connection to a pod.
type upstream struct {
	name   podName
	opened chan struct{} // closed when dialled or failed
	closed chan struct{}
	kick   chan struct{} // there is something to look at from now on
	ids    atomic.Int64

	mu         sync.Mutex // guards all below
	conn       *spdystream.Connection
	raw        *watched
	asked      time.Time     // when the last ping was sent
	answered   chan struct{} // closed at its answer; nil: none is awaited
	err        error         // why it is closed
	flows      map[*flow]bool
	users      int // flows, and those that are about to be
	lastUsed   time.Time
	superseded bool      // no new streams
	retired    time.Time // its pod is no longer picked; zero if it is
}

func newUpstream(name podName) *upstream {
	return &upstream{name: name, opened: make(chan struct{}), closed: make(chan struct{}), kick: make(chan struct{}, 1), flows: map[*flow]bool{}, lastUsed: time.Now()}
}

// open dials, and watches the connection until it is closed.
func (u *upstream) open(ctx context.Context, d *dialer) {
	dialCtx, cancel := context.WithTimeout(ctx, dialLimit)
	conn, raw, err := d.dial(dialCtx, u.name)
	cancel()
	u.mu.Lock()
	switch {
	case err != nil && u.err == nil:
		u.err = err
		close(u.closed)
	case u.err != nil && conn != nil: // closed meanwhile
		defer func() { _ = conn.Close() }()
	case conn != nil:
		u.conn, u.raw, u.asked = conn, raw, time.Now()
	}
	close(u.opened)
	u.mu.Unlock()
	for {
		again, err := u.look()
		if err != nil {
			u.close(err)
			return
		}
		timer := time.NewTimer(again)
		select {
		case <-ctx.Done():
			u.close(ctx.Err())
		case <-u.closed:
		case <-u.lost():
			u.close(errBroken)
		case <-u.kick:
			timer.Stop()
			continue
		case <-timer.C:
			continue
		}
		timer.Stop()
		return
	}
}

// watch makes the connection be looked at often.
func (u *upstream) watch() {
	select {
	case u.kick <- struct{}{}:
	default:
	}
}

func (u *upstream) lost() <-chan bool {
	if u.conn == nil {
		return nil
	}
	return u.conn.CloseChan()
}

// wait waits until the connection is made.
func (u *upstream) wait(ctx context.Context) error {
	select {
	case <-u.opened:
	case <-u.closed:
	case <-ctx.Done():
		return ctx.Err()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// usable reports whether new streams should go over this connection.
func (u *upstream) usable() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil || u.superseded || !u.retired.IsZero() {
		return false
	}
	if u.conn == nil {
		return true // being dialled
	}
	local, remote := u.stalls()
	return !local && !remote && u.silence() < doubt
}

// silence is how long the answer to a ping has been missing, and anything else.
func (u *upstream) silence() time.Duration {
	if u.answered == nil {
		return 0
	}
	return min(time.Since(u.asked), u.raw.silence())
}

// ping asks for a sign of life. u.mu is held.
func (u *upstream) ping() (answered <-chan struct{}) {
	if u.answered != nil {
		return u.answered
	}
	conn, done := u.conn, make(chan struct{})
	u.asked, u.answered = time.Now(), done
	go func() { // it ends with the connection
		_, err := conn.Ping()
		u.mu.Lock()
		defer u.mu.Unlock()
		if err == nil { // else the connection has ended, or will be found dead
			close(done)
			u.answered = nil
		}
	}()
	return done
}

// answers reports whether the other end is there, of which an idle connection knows nothing.
func (u *upstream) answers(ctx context.Context) bool {
	u.mu.Lock()
	if u.err != nil || u.raw.silence() < fresh {
		defer u.mu.Unlock()
		return u.err == nil
	}
	answered := u.ping()
	u.mu.Unlock()
	timer := time.NewTimer(doubt)
	defer timer.Stop()
	select {
	case <-answered:
		return true
	case <-timer.C:
	case <-u.closed:
	case <-ctx.Done():
	}
	return false
}

// load returns how many use the connection, and whether another one may.
func (u *upstream) load() (users int, shared bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	for fl := range u.flows {
		if fl.carried.Load() > bulk || since(&fl.toLocal, now) > hesitation || since(&fl.toPod, now) > hesitation {
			return u.users, false
		}
	}
	return u.users, true
}

func (u *upstream) reserve() {
	u.mu.Lock()
	u.users++
	first := u.users == 1
	u.mu.Unlock()
	if first {
		u.watch()
	}
}

func (u *upstream) release() {
	u.mu.Lock()
	u.users--
	u.lastUsed = time.Now()
	u.mu.Unlock()
}

// stalls reports whether a client on this machine, or the pod, does not read what is sent to it. u.mu is held.
func (u *upstream) stalls() (local, remote bool) {
	now := time.Now()
	for fl := range u.flows {
		local = local || since(&fl.toLocal, now) > stalled
		remote = remote || since(&fl.toPod, now) > stalled
	}
	return local, remote
}

// look returns why the connection is to be closed, or when to look at it again.
func (u *upstream) look() (again time.Duration, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.conn == nil { // close is under way, or will not be needed
		return idleEvery, u.err
	}
	now := time.Now()
	local, remote := u.stalls()
	quiet := u.silence()
	switch {
	case u.users == 0 && (u.superseded || !u.retired.IsZero() || now.Sub(u.lastUsed) > unused):
		return 0, errors.New("not used any more")
	case !u.retired.IsZero() && now.Sub(u.retired) > farewell:
		return 0, errors.New("the pod was replaced")
	case local: // an answer to a ping may wait behind what nobody reads
	case remote && quiet < stalledLimit:
	case quiet > silent:
		return 0, fmt.Errorf("%w: no answer for %v", errBroken, quiet.Round(time.Millisecond))
	}
	if !u.retired.IsZero() {
		for fl := range u.flows {
			if since(&fl.active, now) > lull {
				fl.abort()
			}
		}
	}
	every, ping := idleEvery, idlePing
	if u.users > 0 {
		every, ping = lookEvery, pingEvery
	}
	if now.Sub(u.asked) > ping {
		u.ping()
	}
	if u.answered != nil {
		every = lookEvery
	}
	return every, nil
}

// supersede lets the streams end and takes no new ones.
func (u *upstream) supersede() {
	u.mu.Lock()
	u.superseded = true
	u.mu.Unlock()
	u.watch()
}

// retire ends the streams as soon as they are idle.
func (u *upstream) retire() {
	u.mu.Lock()
	if u.retired.IsZero() {
		u.retired = time.Now()
	}
	u.mu.Unlock()
	u.watch()
}

// close ends the connection and all its streams.
func (u *upstream) close(why error) {
	u.mu.Lock()
	if u.err != nil {
		u.mu.Unlock()
		return
	}
	u.err = why
	close(u.closed)
	conn, raw := u.conn, u.raw
	for fl := range u.flows {
		fl.abort()
	}
	u.mu.Unlock()
	if conn != nil {
		// The bare connection first: a reset of each stream would wait for a dead network.
		_ = raw.Close()
		_ = conn.Close()
	}
}

// flow is one accepted connection on its way to a pod.
type flow struct {
	local                  *replay
	data                   *spdystream.Stream
	active, toLocal, toPod atomic.Int64 // when something was carried; since when a write has not returned, 0 if none is
	carried                atomic.Int64 // bytes, both ways
	received               atomic.Bool  // something came from the pod
	aborted                chan struct{}
	once                   sync.Once
}

// since returns how long ago a time was, 0 if there is none.
func since(t *atomic.Int64, now time.Time) time.Duration {
	if at := t.Load(); at != 0 {
		return now.Sub(time.Unix(0, at))
	}
	return 0
}

func (fl *flow) abort() { fl.once.Do(func() { close(fl.aborted) }) }

// carry carries a connection until one side ends it. again says that the pod got nothing of it and that it may be carried by
// another upstream.
func (u *upstream) carry(ctx context.Context, local *replay, port int) (again bool) {
	errs, data, err := u.streams(ctx, port)
	if err != nil {
		u.supersede()
		return true
	}
	fl := &flow{local: local, data: data, aborted: make(chan struct{})}
	fl.active.Store(time.Now().UnixNano())
	u.mu.Lock()
	if u.err != nil {
		u.mu.Unlock()
		return true
	}
	u.flows[fl] = true
	u.mu.Unlock()
	defer func() {
		u.mu.Lock()
		delete(u.flows, fl)
		u.mu.Unlock()
	}()

	var wg sync.WaitGroup
	up, down, message := make(chan error, 1), make(chan struct{}), make(chan string, 1)
	wg.Go(func() {
		err := fl.pump(data, local, &fl.toPod, nil)
		_ = data.Close() // no more from here; the pod may still answer
		up <- err
	})
	wg.Go(func() {
		_ = fl.pump(local, data, &fl.toLocal, &fl.received)
		close(down)
	})
	wg.Go(func() {
		text, _ := io.ReadAll(io.LimitReader(errs, 4<<10))
		message <- string(text)
	})

	said, heard, ended := "", false, false
wait:
	for {
		select {
		case <-ctx.Done():
			break wait
		case <-fl.aborted:
			break wait
		case <-down: // however it ended: with the pod, or the client
			ended = true
			break wait
		case err := <-up:
			if err != nil {
				ended = true
				break wait
			}
			up = nil
		case said = <-message:
			heard, message = true, nil
			if said != "" {
				break wait
			}
		}
	}
	if !heard && !fl.received.Load() {
		// Why the pod hung up at once comes on the other stream.
		timer := time.NewTimer(lull)
		select {
		case said = <-message:
		case <-timer.C:
		case <-fl.aborted:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	again = !fl.received.Load() && ctx.Err() == nil && (podGone(said) && local.rewindable() || !ended && said == "" && local.untouched())
	if again {
		local.interrupt()
	} else {
		_ = local.Close()
	}
	_ = data.Reset()
	_ = errs.Reset()
	wg.Wait()
	if again {
		u.supersede()
		local.rewind()
	}
	return again
}

// podGone reports whether a message of the container runtime says that it did not even look for the port.
func podGone(said string) bool {
	said = strings.ToLower(said)
	return strings.Contains(said, "failed to find sandbox") || strings.Contains(said, "network namespace for sandbox") ||
		strings.Contains(said, "sandbox container") || strings.Contains(said, "pod does not exist") || strings.Contains(said, "is not running")
}

// streams opens the two streams of a connection.
func (u *upstream) streams(ctx context.Context, port int) (errs, data *spdystream.Stream, err error) {
	type pair struct {
		errs, data *spdystream.Stream
		err        error
	}
	made := make(chan pair, 1)
	go func() { // it ends with the connection
		headers := http.Header{}
		headers.Set(corev1.StreamType, corev1.StreamTypeError)
		headers.Set(corev1.PortHeader, strconv.Itoa(port))
		headers.Set(corev1.PortForwardRequestIDHeader, strconv.FormatInt(u.ids.Add(1), 10))
		var p pair
		if p.errs, p.err = u.stream(headers); p.err == nil {
			_ = p.errs.Close() // nothing is written to it
			headers.Set(corev1.StreamType, corev1.StreamTypeData)
			p.data, p.err = u.stream(headers)
		}
		made <- p
	}()
	timer := time.NewTimer(dialLimit)
	defer timer.Stop()
	select {
	case p := <-made:
		return p.errs, p.data, p.err
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case <-u.closed:
		return nil, nil, errBroken
	case <-timer.C:
		return nil, nil, errBroken
	}
}

func (u *upstream) stream(headers http.Header) (*spdystream.Stream, error) {
	s, err := u.conn.CreateStream(headers, nil, false)
	if err != nil {
		return nil, err
	}
	return s, s.WaitTimeout(dialLimit)
}

// pump copies until src ends, which is no error, or one of both fails.
func (fl *flow) pump(dst io.Writer, src io.Reader, writing *atomic.Int64, received *atomic.Bool) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			now := time.Now().UnixNano()
			if received != nil {
				received.Store(true)
			}
			fl.active.Store(now)
			fl.carried.Add(int64(n))
			writing.Store(now)
			_, writeErr := dst.Write(buf[:n])
			writing.Store(0)
			if writeErr != nil {
				return writeErr
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// maxReplay is how much of what a client sent is kept until the pod answers, in bytes.
const maxReplay = 64 << 10

// replay is an accepted connection, of which the beginning can be read once more.
type replay struct {
	net.Conn

	mu     sync.Mutex // guards all below
	kept   []byte
	next   int  // of kept, to be read
	dented bool // more was read than is kept
}

func (r *replay) Read(p []byte) (int, error) {
	r.mu.Lock()
	if r.next < len(r.kept) {
		n := copy(p, r.kept[r.next:])
		r.next += n
		r.mu.Unlock()
		return n, nil
	}
	r.mu.Unlock()
	n, err := r.Conn.Read(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	if n > 0 && !r.dented {
		if len(r.kept)+n > maxReplay {
			r.kept, r.next, r.dented = nil, 0, true
		} else {
			r.kept = append(r.kept, p[:n]...)
			r.next = len(r.kept)
		}
	}
	return n, err
}

// untouched reports whether the client has sent nothing.
func (r *replay) untouched() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.dented && len(r.kept) == 0
}

// rewindable reports whether all that the client sent is kept.
func (r *replay) rewindable() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.dented
}

// interrupt ends a Read that is under way.
func (r *replay) interrupt() { _ = r.SetReadDeadline(time.Unix(1, 0)) }

// rewind begins anew.
func (r *replay) rewind() {
	_ = r.SetReadDeadline(time.Time{})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = 0
}
