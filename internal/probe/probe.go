// Package probe finds out whether a server is ready, as the kubelet does for a container.
package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/envflow/envflow/internal/plan"
)

// Result is what a probe has come to.
type Result struct {
	Ready  bool
	Why    string // not, in a line that holds no output of a program; "" before the first try
	Detail string // the last line that an exec probe has printed
}

// Error is why a probe has failed.
type Error struct{ Why, Detail string }

func (e *Error) Error() string {
	if e.Detail == "" {
		return e.Why
	}
	return e.Why + ": " + e.Detail
}

// firstPause is between the first two tries. Until a server is ready for the first time it is tried more often than the probe
// says, up to that: a developer waits.
const firstPause = 100 * time.Millisecond

// Run probes until ctx ends, and calls fn with each Result that differs from the one before. Before the first call it counts as
// not ready. An exec probe runs in the folder dir with the environment env.
func Run(ctx context.Context, p *plan.Probe, dir string, env []string, fn func(Result)) {
	if !pause(ctx, time.Duration(p.InitialDelay)*time.Second) {
		return
	}
	period := time.Duration(p.Period) * time.Second
	wait := min(firstPause, period)
	var now Result
	var successes, failures int
	for first := true; ; {
		err := Try(ctx, p, dir, env)
		if ctx.Err() != nil {
			return
		}
		next := now
		if err == nil {
			successes, failures = successes+1, 0
			if successes >= p.SuccessThreshold {
				next = Result{Ready: true}
			}
		} else {
			successes, failures = 0, failures+1
			if !now.Ready || failures >= p.FailureThreshold {
				next = Result{Why: err.Why, Detail: err.Detail}
			}
		}
		if next != now {
			now = next
			fn(now)
		}
		if first = first && !now.Ready; !first {
			wait = period
		}
		if !pause(ctx, wait) {
			return
		}
		wait = min(2*wait, period)
	}
}

// Try probes once, and returns nil if the server is ready.
func Try(ctx context.Context, p *plan.Probe, dir string, env []string) *Error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(p.Timeout)*time.Second)
	defer cancel()
	var err error
	switch {
	case p.HTTPGet != nil:
		err = httpGet(ctx, p.HTTPGet)
	case p.TCPSocket != nil:
		err = tcpSocket(ctx, p.TCPSocket)
	default:
		err = execute(ctx, p.Exec, dir, env)
	}
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &Error{Why: fmt.Sprintf("no answer within %d s", p.Timeout)}
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Why: err.Error()}
}

// client follows no redirect to another host, and checks no certificate, as the kubelet.
var client = &http.Client{
	Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // as the kubelet: it is asked whether it is ready, and told nothing
		Proxy:           nil, DisableKeepAlives: true, DisableCompression: true,
	},
	CheckRedirect: func(next *http.Request, before []*http.Request) error {
		if next.URL.Hostname() != before[0].URL.Hostname() || len(before) >= 10 {
			return http.ErrUseLastResponse
		}
		return nil
	},
}

func httpGet(ctx context.Context, get *plan.HTTPGet) error {
	address, err := url.Parse(get.Path)
	if err != nil {
		return fmt.Errorf("the path of the probe: %w", err)
	}
	address.Scheme, address.Host = get.Scheme, net.JoinHostPort(get.Host, strconv.Itoa(get.Port))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "envflow-probe")
	response, err := client.Do(request)
	if err != nil {
		return httpError(short(err))
	}
	defer func() { _ = response.Body.Close() }()
	const enough = 64 << 10
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, enough)) // the status says it all
	if response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("the answer is HTTP %d", response.StatusCode)
	}
	return nil
}

// httpError keeps what a server has said, which errors quote, out of Why.
func httpError(err error) error {
	if _, connecting := errors.AsType[*net.OpError](err); connecting || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, io.EOF) {
		return &Error{Why: "it closes the connection"}
	}
	return &Error{Why: "the answer is not HTTP", Detail: err.Error()}
}

func tcpSocket(ctx context.Context, socket *plan.TCPSocket) error {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(cmp.Or(socket.Host, "localhost"), strconv.Itoa(socket.Port)))
	if err != nil {
		return short(err)
	}
	return connection.Close()
}

func execute(ctx context.Context, argv []string, dir string, env []string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, env
	ownGroup(cmd)
	cmd.WaitDelay = time.Second // its children may hold its output
	out, err := cmd.CombinedOutput()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return &Error{Why: "the probe's command: " + short(err).Error(), Detail: strings.TrimSpace(lines[len(lines)-1])}
}

// short leaves out what the probe itself says already.
func short(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
