package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/envflow/envflow/internal/failure"
)

// shells are the ways to a POSIX shell, in the order in which they are tried. The last are for images that keep busybox
// apart (distroless :debug).
var shells = [][]string{{"sh"}, {"/bin/sh"}, {"/busybox/sh"}, {"/bin/busybox", "sh"}}

// maxLine is the longest line that Exec hands out in one piece, in bytes.
const maxLine = 64 << 10

// open starts a loop in c and waits for its greeting. The caller has the lock of e.
func (p *Pool) open(ctx context.Context, c Container, e *entryState) (*held, error) {
	for ; e.shell < len(shells); e.shell++ {
		h, err := p.start(ctx, c, shells[e.shell])
		if !errors.Is(err, errNoShell) {
			return h, err
		}
	}
	e.shell = 0
	return nil, noTools(c, "sh")
}

func (p *Pool) start(ctx context.Context, c Container, shell []string) (*held, error) {
	token := newToken()
	executor, err := p.executor(c, append(append([]string(nil), shell...), "-c", loopFor(token)), stdio{in: true, err: true, pinged: true})
	if err != nil {
		return nil, err
	}
	h := startHeld(ctx, token, executor)
	lacks, err := h.ready(ctx, openLimit)
	switch {
	case err == nil && len(lacks) == 0:
		return h, nil
	case err == nil:
		h.close()
		return nil, noTools(c, lacks...)
	}
	h.drop()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if startFailed(err) {
		return nil, errNoShell
	}
	return nil, p.classify(ctx, c, fmt.Errorf("open a stream into container %s of pod %s/%s: %w", c.Container, c.Namespace, c.Pod, err))
}

// stdio says which streams an exec has beside its output, and whether it is one that the pool pings.
type stdio struct{ in, err, pinged bool }

// executor returns what runs a command in c: over a websocket, else SPDY, as kubectl does.
func (p *Pool) executor(c Container, command []string, has stdio) (_ remotecommand.Executor, err error) {
	url := p.cs.CoreV1().RESTClient().Post().Resource("pods").Namespace(c.Namespace).Name(c.Pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: c.Container, Command: command, Stdin: has.in, Stdout: true, Stderr: has.err,
		}, scheme.ParameterCodec).URL()
	var ws remotecommand.Executor
	if has.pinged {
		ws = &quietExecutor{p.config, url.String()}
	} else if ws, err = remotecommand.NewWebSocketExecutor(p.config, "GET", url.String()); err != nil {
		return nil, fmt.Errorf("prepare an exec: %w", err)
	}
	spdy, err := remotecommand.NewSPDYExecutor(p.config, "POST", url)
	if err != nil {
		return nil, fmt.Errorf("prepare an exec: %w", err)
	}
	return remotecommand.NewFallbackExecutor(ws, spdy, func(err error) bool {
		upgrade, failed := errors.AsType[*httpstream.UpgradeFailureError](err)
		if !failed {
			return httpstream.IsHTTPSProxyError(err)
		}
		// A pod that is not there is not there for SPDY either.
		return !apierrors.IsNotFound(upgrade.Cause)
	})
}

// Exec runs a command in c with stdin, nil for none, and returns its exit status. Each line that it prints on either stream
// goes to output, without its newline and at most 64 KiB long; calls do not overlap, and none comes after Exec has returned.
// The command is run by an exec of its own. When ctx ends the connection is cut, and the command gets to know by its next
// output at the latest.
//
// The error is nil whenever the command ran to its end. It wraps ErrGone if the container ended before, and ErrNoTools if
// the image has no such program.
func (p *Pool) Exec(ctx context.Context, c Container, cmd []string, stdin []byte, output func(line string)) (int, error) {
	executor, err := p.executor(c, cmd, stdio{in: stdin != nil, err: true})
	if err != nil {
		return 0, err
	}
	lines := &lineSplitter{mu: &sync.Mutex{}, out: output}
	errLines := &lineSplitter{mu: lines.mu, out: output}
	options := remotecommand.StreamOptions{Stdout: lines, Stderr: errLines}
	if stdin != nil {
		options.Stdin = io.Reader(bytes.NewReader(stdin))
	}
	err = executor.StreamWithContext(quiet(ctx), options)
	lines.end()
	errLines.end()
	if err == nil {
		return 0, nil
	}
	if ctx.Err() != nil {
		return 0, fmt.Errorf("run a command in container %s of pod %s: %w", c.Container, c.Pod, ctx.Err())
	}
	if status, ok := exitStatus(err); ok {
		if status == statusKilled {
			if err := p.classify(ctx, c, fmt.Errorf("run a command in container %s of pod %s: %w", c.Container, c.Pod, err)); errors.Is(err, ErrGone) {
				return status, err
			}
		}
		return status, nil
	}
	err = fmt.Errorf("run a command in container %s of pod %s: %w", c.Container, c.Pod, err)
	if startFailed(err) {
		return statusNotFound, failure.UserError(fmt.Errorf("%w: %w", ErrNoTools, err), "container %s cannot run the command: no such program", c.Container)
	}
	return 0, p.classify(ctx, c, err)
}

// lineSplitter hands out lines.
type lineSplitter struct {
	mu    *sync.Mutex // guards all; shared by the splitters of one command
	buf   []byte
	out   func(string)
	ended bool
}

func (l *lineSplitter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	for len(p) > 0 && !l.ended {
		line, rest, whole := bytes.Cut(p, []byte("\n"))
		p = rest
		l.buf = append(l.buf, line...)
		for len(l.buf) > maxLine {
			l.emit(l.buf[:maxLine])
			l.buf = append(l.buf[:0], l.buf[maxLine:]...)
		}
		if whole {
			l.emit(l.buf)
			l.buf = l.buf[:0]
		}
	}
	return n, nil
}

func (l *lineSplitter) emit(line []byte) {
	if l.out != nil {
		l.out(strings.TrimSuffix(string(line), "\r"))
	}
}

// end hands out what ended without a newline, and is the last to hand out anything: client-go still copies for a moment after
// a cancelled command has returned.
func (l *lineSplitter) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if len(l.buf) > 0 {
		l.emit(l.buf)
		l.buf = nil
	}
}

// limitFor returns how long a held stream may take without progress.
func limitFor(r request) time.Duration {
	return quickLimit + time.Duration(r.megabytes())*perMegabyte
}
