package probe_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/probe"
)

// limit is how long a test waits for what takes a moment.
const limit = 20 * time.Second

// site answers as it is told.
type site struct {
	*httptest.Server
	status   atomic.Int32
	answered [600]atomic.Int32 // by status
}

func newSite(t *testing.T, status int) *site {
	t.Helper()
	s := &site{}
	s.status.Store(int32(status))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status := s.status.Load()
		s.answered[status].Add(1)
		w.WriteHeader(int(status))
		_, _ = fmt.Fprint(w, "said by the server")
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) answer(status int) { s.status.Store(int32(status)) }

// get is a probe of an address, ready at the first success and not ready at the first failure.
func get(t *testing.T, address string, change ...func(*plan.Probe)) *plan.Probe {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	p := &plan.Probe{
		Timeout: int(limit.Seconds()), Period: 1, SuccessThreshold: 1, FailureThreshold: 1,
		HTTPGet: &plan.HTTPGet{Scheme: u.Scheme, Host: u.Hostname(), Port: port, Path: u.RequestURI()},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func wantReady(t *testing.T, what string, err *probe.Error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

func wantWhy(t *testing.T, what string, err *probe.Error, why string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Why, why) {
		t.Errorf("%s: %v, want %q", what, err, why)
	}
}

func TestTry_HTTP(t *testing.T) {
	t.Parallel()
	for status, why := range map[int]string{
		200: "", 204: "", 399: "", 400: "the answer is HTTP 400", 404: "the answer is HTTP 404", 503: "the answer is HTTP 503",
	} {
		s := newSite(t, status)
		err := probe.Try(t.Context(), get(t, s.URL), "", nil)
		if why == "" {
			wantReady(t, strconv.Itoa(status), err)
		} else {
			wantWhy(t, strconv.Itoa(status), err, why)
		}
		if err != nil && (strings.Contains(err.Error(), "said by the server") || err.Detail != "") {
			t.Errorf("%d: it tells what the server has said: %+v", status, err)
		}
	}
}

func TestTry_AsksForThePath(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Method + " " + r.RequestURI }))
	defer s.Close()
	wantReady(t, "it", probe.Try(t.Context(), get(t, s.URL+"/a%20b/c?d=e&f"), "", nil))
	if asked := <-got; asked != "GET /a%20b/c?d=e&f" {
		t.Errorf("it asked for %q", asked)
	}
}

// A certificate that nobody has signed is no reason, as for the kubelet.
func TestTry_HTTPS(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	wantReady(t, "https", probe.Try(t.Context(), get(t, s.URL), "", nil))
}

func TestTry_Redirects(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		elsewhere.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer other.Close()
	port := other.Listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is one
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/broken":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/to-broken":
			http.Redirect(w, r, "/broken", http.StatusFound)
		case "/to-here":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/to-itself":
			http.Redirect(w, r, "/to-itself", http.StatusFound)
		case "/to-another-host":
			http.Redirect(w, r, fmt.Sprintf("http://localhost:%d/", port), http.StatusFound)
		}
	}))
	defer s.Close() // it is 127.0.0.1, so localhost is another host
	for path, why := range map[string]string{
		"/to-here": "", "/to-broken": "the answer is HTTP 503", "/to-another-host": "", "/to-itself": "",
	} {
		err := probe.Try(t.Context(), get(t, s.URL+path), "", nil)
		if why == "" {
			wantReady(t, path, err)
		} else {
			wantWhy(t, path, err, why)
		}
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("another host was asked %d times", n)
	}
}

// nobody is a port that nobody listens on, nor will until the test ends: it is this end of a connection.
func nobody(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = l.Close(), c.Close() })
	return c.LocalAddr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is one
}

func TestTry_NobodyListens(t *testing.T) {
	t.Parallel()
	port := nobody(t)
	err := probe.Try(t.Context(), get(t, fmt.Sprintf("http://127.0.0.1:%d/secret", port)), "", nil)
	wantWhy(t, "http", err, "refused")
	if strings.Contains(err.Why, "secret") {
		t.Errorf("it says again what the probe says: %q", err.Why)
	}
	err = probe.Try(t.Context(), &plan.Probe{Timeout: 5, TCPSocket: &plan.TCPSocket{Host: "127.0.0.1", Port: port}}, "", nil)
	wantWhy(t, "tcp", err, "refused")
}

func TestTry_TCP(t *testing.T) {
	t.Parallel()
	s := newSite(t, http.StatusServiceUnavailable) // what it would answer does not matter
	port := s.Listener.Addr().(*net.TCPAddr).Port  //nolint:forcetypeassert // it is one
	for _, host := range []string{"", "localhost", "127.0.0.1"} {
		wantReady(t, host, probe.Try(t.Context(), &plan.Probe{Timeout: 5, TCPSocket: &plan.TCPSocket{Host: host, Port: port}}, "", nil))
	}
	if n := s.answered[http.StatusServiceUnavailable].Load(); n != 0 {
		t.Errorf("it was asked %d times", n)
	}
}

// One that accepts a connection and says nothing is not ready.
func TestTry_NoAnswerInTime(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	wantWhy(t, "a silent server", probe.Try(t.Context(), get(t, "http://"+l.Addr().String(), func(p *plan.Probe) { p.Timeout = 1 }), "", nil), "no answer within 1 s")
}

// watch runs a probe until the test ends.
func watch(t *testing.T, p *plan.Probe) <-chan probe.Result {
	t.Helper()
	results := make(chan probe.Result, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		probe.Run(ctx, p, "", nil, func(r probe.Result) { results <- r })
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(limit):
			t.Error("the probe goes on after its context has ended")
		}
		select {
		case r := <-results:
			t.Errorf("there is one more result: %+v", r)
		default:
		}
	})
	return results
}

func want(t *testing.T, what string, results <-chan probe.Result, result probe.Result) {
	t.Helper()
	select {
	case got := <-results:
		if got != result {
			t.Errorf("%s: %+v, want %+v", what, got, result)
		}
	case <-time.After(limit):
		t.Fatalf("%s: there is no result", what)
	}
}

var (
	ready  = probe.Result{Ready: true}
	refuse = probe.Result{Why: "the answer is HTTP 503"}
)

func TestRun_TellsTransitions(t *testing.T) {
	t.Parallel()
	s := newSite(t, 503)
	results := watch(t, get(t, s.URL))
	want(t, "at first", results, refuse)
	s.answer(500)
	want(t, "another reason", results, probe.Result{Why: "the answer is HTTP 500"})
	s.answer(200)
	want(t, "ready", results, ready)
	s.answer(503)
	want(t, "not any more", results, refuse)
	s.answer(200)
	want(t, "ready again", results, ready)
}

// Until it is ready for the first time, a server is not made to wait for a whole period, nor for its failures.
func TestRun_AsksSoonAtFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t, 503)
	began := time.Now()
	results := watch(t, get(t, s.URL, func(p *plan.Probe) { p.Period, p.FailureThreshold = 3600, 100 }))
	want(t, "at first", results, refuse)
	s.answer(200)
	want(t, "ready", results, ready)
	if took := time.Since(began); took > limit/2 {
		t.Errorf("that took %s", took)
	}
}

func TestRun_FailureThreshold(t *testing.T) {
	t.Parallel()
	s := newSite(t, 200)
	results := watch(t, get(t, s.URL, func(p *plan.Probe) { p.FailureThreshold = 3 }))
	want(t, "at first", results, ready)
	s.answer(503)
	want(t, "after three failures", results, refuse)
	if n := s.answered[503].Load(); n != 3 {
		t.Errorf("it has failed %d times, want 3", n)
	}
}

// A success between failures begins their count anew.
func TestRun_FailuresInARow(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n := asked.Add(1); n != 1 && n != 3 { // good, bad, good, bad, bad
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(s.Close) // after the probe's end
	results := watch(t, get(t, s.URL, func(p *plan.Probe) { p.FailureThreshold = 2 }))
	want(t, "at first", results, ready)
	want(t, "two failures in a row", results, refuse)
	if n := asked.Load(); n != 5 {
		t.Errorf("it was asked %d times, want 5", n)
	}
}

func TestRun_SuccessThreshold(t *testing.T) {
	t.Parallel()
	s := newSite(t, 200)
	results := watch(t, get(t, s.URL, func(p *plan.Probe) { p.SuccessThreshold = 3 }))
	want(t, "after three successes", results, ready)
	if n := s.answered[200].Load(); n != 3 {
		t.Errorf("it has succeeded %d times, want 3", n)
	}
}

func TestRun_InitialDelay(t *testing.T) {
	t.Parallel()
	s := newSite(t, 200)
	began := time.Now()
	want(t, "without a delay", watch(t, get(t, s.URL)), ready)
	if took := time.Since(began); took > limit/2 {
		t.Errorf("without a delay it took %s", took)
	}
	began = time.Now()
	want(t, "after a delay", watch(t, get(t, s.URL, func(p *plan.Probe) { p.InitialDelay = 1 })), ready)
	if took := time.Since(began); took < time.Second {
		t.Errorf("a delay of 1 s took %s", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	probe.Run(ctx, get(t, s.URL, func(p *plan.Probe) { p.InitialDelay = 3600 }), "", nil, func(r probe.Result) { t.Errorf("ended, it says %+v", r) })
}

func TestError(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]*probe.Error{"why": {Why: "why"}, "why: detail": {Why: "why", Detail: "detail"}} {
		if got := err.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
