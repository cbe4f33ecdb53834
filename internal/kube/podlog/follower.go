package podlog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// How long things may take.
const (
	openLimit    = 10 * time.Second       // for a log to be opened
	checkLimit   = 5 * time.Second        // for a silent one to be looked at
	firstCheck   = 15 * time.Second       // of silence before it is; the next checks come later and later, up to
	lastCheck    = 2 * time.Minute        // this
	firstBackoff = 200 * time.Millisecond // before a log is opened again; doubles up to
	lastBackoff  = 5 * time.Second        // this
)

// maxText is the longest text of a Line, in bytes.
const maxText = 64 << 10

// errEnded is that a container has ended and its log is read.
var errEnded = errors.New("the container has ended")

// follower follows the log of one container.
type follower struct {
	cs     kubernetes.Interface
	source Source
	onLine func(Line)
	cancel context.CancelFunc
	again  chan struct{} // open anew now
	seen   *seen

	firstCheck time.Duration

	mu      sync.Mutex  // guards all below
	goodbye *time.Timer // until the follower is forgotten; nil if it is wanted
	done    bool        // the log is read to its end
	hangUp  context.CancelFunc
}

// leave has forget called in a while, once.
func (f *follower) leave(forget func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.goodbye == nil {
		f.goodbye = time.AfterFunc(readOut, forget)
	}
}

// stay takes back leave.
func (f *follower) stay() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.goodbye != nil {
		f.goodbye.Stop()
		f.goodbye = nil
	}
}

// finished reports whether the log is read to its end.
func (f *follower) finished() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.done
}

func (f *follower) left() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.goodbye != nil
}

// reopen opens the log anew.
func (f *follower) reopen() {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case f.again <- struct{}{}:
	default:
	}
	if f.hangUp != nil {
		f.hangUp()
	}
}

// run reads until the container's log is at its end or ctx is done.
func (f *follower) run(ctx context.Context) {
	backoff := firstBackoff
	for ctx.Err() == nil {
		started := time.Now()
		lines, err := f.follow(ctx)
		if errors.Is(err, errEnded) {
			f.mu.Lock()
			f.done = true
			f.mu.Unlock()
			return
		}
		if lines > 0 || time.Since(started) > lastBackoff {
			backoff = firstBackoff
		}
		timer := time.NewTimer(backoff/2 + rand.N(backoff)) //nolint:gosec // jitter
		select {
		case <-ctx.Done():
		case <-f.again:
			backoff = firstBackoff
		case <-timer.C:
			backoff = min(2*backoff, lastBackoff)
		}
		timer.Stop()
	}
}

// follow reads the log until the stream ends and returns how many lines it handed out. The error is never nil.
func (f *follower) follow(ctx context.Context) (int, error) {
	previous, err := f.state(ctx)
	if err != nil {
		return 0, err
	}
	if previous {
		lines, err := f.readAll(ctx)
		if err != nil {
			return lines, err
		}
		return lines, errEnded
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f.mu.Lock()
	f.hangUp = cancel
	f.mu.Unlock()
	w := &watchdog{f: f, last: time.Now()}
	stream, err := f.open(ctx, false, true)
	if err != nil {
		return 0, err
	}
	defer func() { _ = stream.Close() }()
	var wg sync.WaitGroup
	wg.Go(func() { w.watch(ctx, cancel) })
	defer wg.Wait()
	defer cancel()
	lines, err := f.read(ctx, stream, w, nil)
	switch {
	case ctx.Err() != nil:
		return lines, ctx.Err()
	case err != nil:
		return lines, fmt.Errorf("read the log of container %s of pod %s: %w", f.source.Container, f.source.Pod, err)
	}
	if f.ended(ctx) {
		// The kubelet ends a stream only when it has sent all; but the end may also be that of a connection.
		more, err := f.readAll(ctx)
		if err != nil {
			return lines + more, err
		}
		return lines + more, errEnded
	}
	return lines, io.EOF
}

// state says whether the container is the previous one of its name by now. It returns errEnded if it is older than that, or
// the pod is gone.
func (f *follower) state(ctx context.Context) (previous bool, err error) {
	if f.source.ContainerID == "" {
		return false, nil
	}
	status, err := f.status(ctx)
	if err != nil || status == nil {
		return false, err
	}
	switch f.source.ContainerID {
	case id(status.ContainerID):
		return false, nil
	case lastID(status):
		return true, nil
	}
	if status.ContainerID == "" {
		return false, errors.New("the container is not known to the cluster yet")
	}
	return false, errEnded
}

// ended reports whether the container has ended, as far as the cluster knows.
func (f *follower) ended(ctx context.Context) bool {
	status, err := f.status(ctx)
	if err != nil {
		return errors.Is(err, errEnded)
	}
	if status == nil {
		return false
	}
	if f.source.ContainerID != "" && id(status.ContainerID) != f.source.ContainerID {
		return true
	}
	return status.State.Terminated != nil
}

// readAll reads what there is of the log of a container that has ended and hands out what is new.
func (f *follower) readAll(ctx context.Context) (int, error) {
	previous, err := f.state(ctx)
	if err != nil {
		return 0, err
	}
	stream, err := f.open(ctx, previous, false)
	if apierrors.IsNotFound(err) || apierrors.IsBadRequest(err) {
		return 0, errEnded
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = stream.Close() }()
	return f.read(ctx, stream, nil, nil)
}

// status returns the state of the container, nil if the pod has none of that name yet. The error is errEnded if the pod is
// gone.
func (f *follower) status(ctx context.Context) (*corev1.ContainerStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	pod, err := f.cs.CoreV1().Pods(f.source.Namespace).Get(ctx, f.source.Pod, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, errEnded
	case err != nil:
		return nil, fmt.Errorf("look at pod %s: %w", f.source.Pod, err)
	case f.source.PodUID != "" && string(pod.UID) != f.source.PodUID:
		return nil, errEnded
	}
	all := slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses, pod.Status.EphemeralContainerStatuses)
	for i := range all {
		if all[i].Name == f.source.Container {
			return &all[i], nil
		}
	}
	return nil, nil //nolint:nilnil // no status is no error
}

func id(containerID string) string {
	_, short, _ := strings.Cut(containerID, "://")
	return short
}

func lastID(s *corev1.ContainerStatus) string {
	if s.LastTerminationState.Terminated == nil {
		return ""
	}
	return id(s.LastTerminationState.Terminated.ContainerID)
}

// open opens the log from where it was read last.
func (f *follower) open(ctx context.Context, previous, follow bool) (io.ReadCloser, error) {
	since := f.seen.since()
	if since.IsZero() {
		since = f.source.Since.Truncate(time.Second)
	}
	options := &corev1.PodLogOptions{Container: f.source.Container, Follow: follow, Previous: previous, Timestamps: true}
	if !since.IsZero() {
		options.SinceTime = &metav1.Time{Time: since}
	}
	ctx, cancel := context.WithCancel(ctx)
	limit := time.AfterFunc(openLimit, cancel)
	stream, err := f.cs.CoreV1().Pods(f.source.Namespace).GetLogs(f.source.Pod, options).Stream(ctx)
	if !limit.Stop() && err == nil {
		_ = stream.Close()
		err = context.DeadlineExceeded
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("open the log of container %s of pod %s: %w", f.source.Container, f.source.Pod, err)
	}
	return &cancelCloser{stream, cancel}, nil
}

// cancelCloser ends the request with the stream.
type cancelCloser struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (c *cancelCloser) Close() error {
	c.cancel()
	return c.ReadCloser.Close()
}

// read hands out the lines of a stream until its end, which is no error. If probe is not nil it hands out none, and calls
// probe for each that is new. w may be nil.
func (f *follower) read(ctx context.Context, stream io.Reader, w *watchdog, probe func()) (int, error) {
	in := bufio.NewReaderSize(stream, 4<<10) // a line may be longer; many containers print little
	replay := f.seen.replay()
	n := 0
	var at time.Time
	var line []byte  // what is read of the line
	stamped := false // its time is read
	emit := func() {
		if !at.IsZero() && !at.Before(f.source.Since) && !replay.known(at, line) && ctx.Err() == nil {
			n++
			if probe != nil {
				probe()
			} else {
				f.seen.add(at, line)
				f.onLine(Line{f.source.Resource, f.source.Pod, f.source.Container, at, string(line)})
			}
		}
		line = line[:0]
	}
	for {
		part, err := in.ReadSlice('\n')
		if w != nil && len(part) > 0 {
			w.heard()
		}
		whole := len(part) > 0 && part[len(part)-1] == '\n'
		if whole {
			part = part[:len(part)-1]
		}
		line = append(line, part...)
		if !stamped {
			if stamp, text, ok := bytes.Cut(line, []byte(" ")); ok || whole {
				var bad error
				if at, bad = time.Parse(time.RFC3339Nano, string(stamp)); bad == nil {
					line = append(line[:0], text...)
				} // else it is the kubelet that speaks, and emit passes the line over
				stamped = true
			}
		}
		for stamped && len(line) > maxText {
			rest := slices.Clone(line[maxText:])
			line = line[:maxText]
			emit()
			line = append(line, rest...)
		}
		if whole {
			line = bytes.TrimSuffix(line, []byte("\r"))
			emit()
			stamped = false
		}
		switch {
		case err == nil, errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			if len(line) > 0 && stamped && w == nil {
				emit() // the last line of a container that ended without a newline
			}
			return n, nil
		default:
			return n, err
		}
	}
}

// watchdog looks after a stream that is silent.
type watchdog struct {
	f *follower

	mu   sync.Mutex // guards last
	last time.Time
}

func (w *watchdog) heard() {
	w.mu.Lock()
	w.last = time.Now()
	w.mu.Unlock()
}

func (w *watchdog) silence() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Since(w.last)
}

// watch cancels the stream when the log has lines that it did not bring, or cannot be looked at.
func (w *watchdog) watch(ctx context.Context, hangUp context.CancelFunc) {
	interval, checked := w.f.firstCheck, time.Now()
	for {
		wait := interval - min(w.silence(), time.Since(checked))
		if wait > 0 {
			timer := time.NewTimer(wait + rand.N(interval/10)) //nolint:gosec // jitter
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-timer.C:
			}
			continue
		}
		if !w.sound(ctx) {
			hangUp()
			return
		}
		if w.silence() < time.Since(checked) {
			interval = w.f.firstCheck
		} else {
			interval = min(2*interval, lastCheck)
		}
		checked = time.Now()
	}
}

// sound reports whether the stream has brought all there is.
func (w *watchdog) sound(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	stream, err := w.f.open(ctx, false, false)
	if err != nil {
		return false
	}
	defer func() { _ = stream.Close() }()
	missed, err := w.f.read(ctx, stream, nil, func() {})
	return (err == nil && missed == 0) || w.silence() < w.f.firstCheck
}
