package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/klog/v2"
)

// maxOutput is how much of the messages of one batch is kept.
const maxOutput = 64 << 10

// errStalled is why a stream without progress is dropped.
var errStalled = errors.New("no progress on the stream")

// held is one loop that runs in a container. Its methods but close are for whoever has the container's lock.
type held struct {
	token  string
	pid    int // of the shell, in the container
	cancel context.CancelFunc
	stdin  *io.PipeWriter
	out    *answers
	moved  *atomic.Int64 // when bytes were last taken or an answer came, as Unix nanoseconds
	done   chan struct{} // closed when the stream is at its end
	err    error         // why; read after done
}

// fence is a shell that may still be at work on a batch that its stream lost sight of.
type fence struct {
	pid   int
	token string
}

// startHeld runs the loop by executor. The stream outlives ctx; it lasts until close.
func startHeld(ctx context.Context, token string, executor remotecommand.Executor) *held {
	ctx, cancel := context.WithCancel(quiet(context.WithoutCancel(ctx)))
	reader, writer := io.Pipe()
	h := &held{
		token: token, cancel: cancel, stdin: writer,
		out: &answers{changed: make(chan struct{}, 1)}, moved: &atomic.Int64{}, done: make(chan struct{}),
	}
	h.touch()
	go func() {
		defer close(h.done)
		defer cancel()
		var stderr tail
		err := executor.StreamWithContext(ctx, remotecommand.StreamOptions{
			Stdin:  &counted{reader, h.touch},
			Stdout: &watched{h.out, h.touch},
			Stderr: &stderr,
		})
		if err == nil {
			err = errors.New("the shell in the container ended")
		}
		if text := stderr.text(); text != "" {
			err = fmt.Errorf("%w: %s", err, text)
		}
		h.err = err
		_ = reader.CloseWithError(err) // whoever writes must not wait for it
	}()
	return h
}

// quiet keeps what client-go has to say about the ends of streams out of the global log: the errors come back as well.
func quiet(ctx context.Context) context.Context { return klog.NewContext(ctx, klog.Logger{}) }

func (h *held) touch() { h.moved.Store(time.Now().UnixNano()) }

// alive reports whether the stream has not ended.
func (h *held) alive() bool {
	select {
	case <-h.done:
		return false
	default:
		return true
	}
}

// ready waits for the greeting of the loop and returns the tools that the image lacks.
func (h *held) ready(ctx context.Context, limit time.Duration) (lacks []string, err error) {
	answer, _, err := h.await(ctx, limit)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(answer)
	if len(words) < 2 || words[0] != "ready" {
		return nil, fmt.Errorf("the shell in the container answers %.100q", answer)
	}
	if h.pid, err = strconv.Atoi(words[1]); err != nil {
		return nil, fmt.Errorf("the shell in the container answers %.100q", answer)
	}
	return words[2:], nil
}

// do sends a request and returns its status and messages. The stream cannot be used after an error.
func (h *held) do(ctx context.Context, r request, limit time.Duration) (status int, output string, err error) {
	h.out.reset()
	h.touch()
	data := append([]byte(r.script+"\n"), r.payload...)
	go func() { _, _ = h.stdin.Write(data) }() // ends with the stream at the latest
	answer, output, err := h.await(ctx, limit)
	if err != nil {
		return 0, output, err
	}
	status, err = strconv.Atoi(answer)
	if err != nil {
		return 0, output, fmt.Errorf("the shell in the container answers %.100q", answer)
	}
	return status, output, nil
}

// await returns the next answer and what was printed before it. It gives up after limit without progress.
func (h *held) await(ctx context.Context, limit time.Duration) (answer, output string, err error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		if answer, output, ok := h.out.take(h.token); ok {
			return answer, output, nil
		}
		select {
		case <-h.out.changed:
		case <-h.done:
			if answer, output, ok := h.out.take(h.token); ok {
				return answer, output, nil
			}
			return "", h.out.all(), h.err
		case <-ctx.Done():
			return "", "", ctx.Err()
		case <-timer.C:
			idle := time.Since(time.Unix(0, h.moved.Load()))
			if idle >= limit {
				return "", "", errStalled
			}
			timer.Reset(limit - idle)
		}
	}
}

// drop cuts the connection.
func (h *held) drop() {
	h.cancel()
	_ = h.stdin.CloseWithError(errors.New("the stream was dropped"))
}

// close lets the shell end by itself, and cuts the connection if it does not soon.
func (h *held) close() {
	_ = h.stdin.Close()
	timer := time.AfterFunc(2*time.Second, h.cancel)
	go func() {
		<-h.done
		timer.Stop()
	}()
}

// counted tells when bytes are taken from the stream's input.
type counted struct {
	io.Reader
	touch func()
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.touch()
	return n, err
}

// watched tells when bytes come out of the stream.
type watched struct {
	io.Writer
	touch func()
}

func (w *watched) Write(p []byte) (int, error) {
	w.touch()
	return w.Writer.Write(p)
}

// answers collects what a loop prints. It never blocks the stream.
type answers struct {
	mu      sync.Mutex // guards buf
	buf     []byte
	changed chan struct{}
}

func (a *answers) Write(p []byte) (int, error) {
	a.mu.Lock()
	a.buf = append(a.buf, p...)
	if over := len(a.buf) - maxOutput; over > 0 {
		a.buf = append(a.buf[:0], a.buf[over:]...)
	}
	a.mu.Unlock()
	select {
	case a.changed <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (a *answers) reset() {
	a.mu.Lock()
	a.buf = a.buf[:0]
	a.mu.Unlock()
}

func (a *answers) all() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.TrimSpace(string(a.buf))
}

// take returns the line that begins with token, without it, and all before it.
func (a *answers) take(token string) (answer, output string, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := bytes.Index(a.buf, []byte(token+" "))
	if at < 0 {
		return "", "", false
	}
	line, _, whole := bytes.Cut(a.buf[at+len(token)+1:], []byte("\n"))
	if !whole {
		return "", "", false
	}
	answer, output = string(line), strings.TrimSpace(string(a.buf[:at]))
	a.buf = a.buf[:0]
	return answer, output, true
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex // guards buf
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - maxOutput; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.buf))
}
