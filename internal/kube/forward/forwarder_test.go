package forward

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/envflow/envflow/internal/kube/observe/kubetest"
	"github.com/envflow/envflow/internal/testenv"
)

// bench is a running forwarder with a namespace.
type bench struct {
	cs        kubernetes.Interface
	namespace string
	f         *Forwarder
	client    *http.Client

	mu     sync.Mutex // guards all below
	pod    string     // that is picked
	states []error
}

func setUp(t *testing.T, through func(*rest.Config) *rest.Config) *bench {
	t.Helper()
	config := kubetest.Config(t)
	b := &bench{cs: kubetest.Client(t, config)}
	b.namespace = kubetest.Namespace(t, b.cs)
	if through != nil {
		config = through(config)
	}
	b.f = New(kubetest.Client(t, config), config, func(string) (string, string, []int32, bool) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.namespace, b.pod, []int32{8080}, b.pod != ""
	}, func(_ string, _ Forward, err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.states = append(b.states, err)
	})
	b.client = &http.Client{Transport: &http.Transport{}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		b.f.Run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		b.client.CloseIdleConnections()
		cancel()
		<-done
		if n := len(b.f.upstreams); n > 0 { // Run has ended: nobody else looks
			t.Errorf("%d connections are left", n)
		}
	})
	return b
}

func (b *bench) choose(pod string) {
	b.mu.Lock()
	b.pod = pod
	b.mu.Unlock()
	b.f.Refresh()
}

// serve runs a pod that serves its name, and a large file, by HTTP.
func (b *bench) serve(t *testing.T, name string) {
	t.Helper()
	spec := kubetest.PodSpec(kubetest.Busybox, "sh", "-c",
		"mkdir -p /www; hostname >/www/index.html; head -c 50000000 /dev/zero >/www/large; exec httpd -f -p 8080 -h /www")
	spec.Containers[0].ReadinessProbe = &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"sh", "-c", "nc -z 127.0.0.1 8080 || wget -qO /dev/null http://127.0.0.1:8080/"}}}, PeriodSeconds: 1,
	}
	kubetest.RunningPod(t, b.cs, b.namespace, name, spec)
	testenv.Eventually(t, kubetest.Patience, "the server is up", func() error {
		p, err := b.cs.CoreV1().Pods(b.namespace).Get(t.Context(), name, metav1.GetOptions{})
		if err == nil && !p.Status.ContainerStatuses[0].Ready {
			err = fmt.Errorf("pod %s is not ready", name)
		}
		return err
	})
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// open makes a forward to port 8080 and returns its URL when it is there.
func (b *bench) open(t *testing.T, containerPort int) (string, Forward) {
	t.Helper()
	f := Forward{Resource: "web", LocalPort: freePort(t), ContainerPort: containerPort, Namespace: b.namespace}
	b.f.mu.Lock()
	list := append([]Forward{f}, b.f.wanted...)
	b.f.mu.Unlock()
	b.f.Set(list)
	address := "127.0.0.1:" + strconv.Itoa(f.LocalPort)
	testenv.Eventually(t, 10*time.Second, "the listener is open", func() error {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err
	})
	return "http://" + address + "/", f
}

func (b *bench) get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return strings.TrimSpace(string(text)), err
}

// want asks once, and fails the test if the answer is not from pod.
func (b *bench) want(t *testing.T, url, pod string, limit time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	started := time.Now()
	if got, err := b.get(ctx, url); got != pod {
		t.Errorf("answer %q after %v, want %q: %v", got, time.Since(started), pod, err)
	}
}

func TestForwarder_FollowsThePod(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	b.serve(t, "one")
	b.serve(t, "two")
	url, f := b.open(t, 0)
	b.choose("one")
	b.want(t, url, "one", 10*time.Second)
	b.choose("two")
	b.client.CloseIdleConnections()
	b.want(t, url, "two", 10*time.Second)
	// A pod of the same name: the connection to the old one is there still.
	now := int64(0)
	if err := b.cs.CoreV1().Pods(b.namespace).Delete(t.Context(), "two", metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
		t.Fatal(err)
	}
	b.serve(t, "two")
	// A request may still go to the old pod while the kubelet of a busy machine ends it, and has no answer then.
	testenv.Eventually(t, time.Minute, "the new pod answers", func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		b.client.CloseIdleConnections()
		got, err := b.get(ctx, url)
		if err == nil && got != "two" {
			err = fmt.Errorf("answer %q", got)
		}
		return err
	})
	// Other forwards come and go; this one keeps its listener and connections.
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.Trim(strings.TrimPrefix(url, "http://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	other := Forward{Resource: "web", LocalPort: freePort(t), ContainerPort: 8080}
	b.f.Set([]Forward{other, f})
	b.f.Set([]Forward{f})
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || !strings.Contains(string(answer), "two") {
		t.Errorf("over the older connection: %q, %v", answer, err)
	}
	b.f.Set(nil)
	if _, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.Trim(strings.TrimPrefix(url, "http://"), "/")); err == nil {
		t.Error("the listener is open though no forward is wanted")
	}
}

func TestForwarder_WaitsForAPod(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	url, _ := b.open(t, 8080)
	started := time.Now()
	if answer, err := b.get(t.Context(), url); err == nil || time.Since(started) < podLimit-time.Second || time.Since(started) > podLimit+5*time.Second {
		t.Errorf("without a pod: %q, %v after %v", answer, err, time.Since(started))
	}
	b.serve(t, "late")
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		b.want(t, url, "late", podLimit)
	}()
	b.choose("late")
	<-answered
}

func TestForwarder_OneStreamDoesNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	b.serve(t, "one")
	url, _ := b.open(t, 8080)
	b.choose("one")
	// A client that does not read what it asked for.
	slow, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.Trim(strings.TrimPrefix(url, "http://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Close() }()
	if _, err := io.WriteString(slow, "GET /large HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	// A port on which nobody listens.
	refused, _ := b.open(t, 9)
	if answer, err := b.get(t.Context(), refused); err == nil {
		t.Errorf("port 9 answers %q", answer)
	}
	testenv.Eventually(t, 20*time.Second, "others are served", func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := b.get(ctx, url)
		return err
	})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { b.want(t, url, "one", 10*time.Second) })
	}
	wg.Wait()
	if n, err := io.Copy(io.Discard, slow); err != nil || n < 50_000_000 {
		t.Errorf("the slow client got %d bytes, %v", n, err)
	}
}

func TestForwarder_ReconnectsForEver(t *testing.T) {
	t.Parallel()
	var proxy *kubetest.Proxy
	b := setUp(t, func(c *rest.Config) *rest.Config {
		c, proxy = kubetest.Through(t, c)
		return c
	})
	b.serve(t, "one")
	url, _ := b.open(t, 8080)
	b.choose("one")
	b.client.Transport.(*http.Transport).DisableKeepAlives = true
	b.want(t, url, "one", 10*time.Second)
	proxy.Drop()
	b.want(t, url, "one", 5*time.Second)

	// Cut: who asks meanwhile is answered when it is back.
	proxy.Cut()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		b.want(t, url, "one", podLimit)
	}()
	timer := time.NewTimer(time.Second)
	<-timer.C
	proxy.Heal()
	<-answered

	// Silent while it is used: noticed soon, and who asked meanwhile is answered when it is back.
	current := func() []*upstream {
		b.f.mu.Lock()
		defer b.f.mu.Unlock()
		return slices.Clone(b.f.upstreams[podName{b.namespace, "one"}])
	}
	dead := current()
	proxy.Freeze()
	answered = make(chan struct{})
	go func() {
		defer close(answered)
		b.want(t, url, "one", 2*podLimit)
	}()
	testenv.Eventually(t, 7*time.Second, "the dead connection is dropped", func() error {
		if slices.ContainsFunc(current(), func(u *upstream) bool { return slices.Contains(dead, u) }) {
			return errBroken
		}
		return nil
	})
	proxy.Lose()
	<-answered

	// Silent while it was not used: asked before it is used again.
	b.want(t, url, "one", 2*time.Second)
	for _, u := range current() {
		u.raw.heard.Store(0)
	}
	proxy.Freeze()
	proxy.Lose()
	b.want(t, url, "one", 3*time.Second)

	// Sleep: nobody has noticed yet.
	proxy.Freeze()
	proxy.Lose()
	b.f.Redial()
	b.want(t, url, "one", 2*time.Second)
}

func TestForwarder_SaysWhoHasThePort(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := taken.Addr().(*net.TCPAddr).Port
	b.f.Set([]Forward{{Resource: "web", LocalPort: port}})
	last := func() (error, int) { //nolint:staticcheck // the error is the subject
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.states) == 0 {
			return nil, 0
		}
		return b.states[len(b.states)-1], len(b.states)
	}
	testenv.Eventually(t, 10*time.Second, "the error is told", func() error {
		if state, n := last(); n != 1 || state == nil {
			return fmt.Errorf("state %w of %d", state, n)
		}
		return nil
	})
	state, _ := last()
	if text := state.Error(); !strings.Contains(text, strconv.Itoa(port)) || (portOwner(port) != "" && !strings.Contains(text, "PID "+strconv.Itoa(os.Getpid()))) {
		t.Errorf("the error is %q", text)
	}
	_ = taken.Close()
	testenv.Eventually(t, 10*time.Second, "the port is taken when it is free", func() error {
		if state, n := last(); n != 2 || state != nil {
			return fmt.Errorf("state %w of %d", state, n)
		}
		return nil
	})
}

// Servers older than 1.30, and some proxies, know no websocket.
func TestDialer_SpeaksBareSPDY(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	b.serve(t, "one")
	ctx, cancel := context.WithTimeout(t.Context(), dialLimit)
	defer cancel()
	raw, err := b.f.dialer.spdy(ctx, podName{b.namespace, "one"})
	if err != nil {
		t.Fatal(err)
	}
	u := newUpstream(podName{b.namespace, "one"})
	if u.conn, u.raw, err = speak(raw); err != nil {
		t.Fatal(err)
	}
	defer u.close(errBroken)
	here, there := net.Pipe()
	go func() {
		_, _ = io.WriteString(here, "GET / HTTP/1.0\r\n\r\n")
	}()
	go u.carry(t.Context(), &replay{Conn: there}, 8080)
	if answer, err := io.ReadAll(here); err != nil || !strings.Contains(string(answer), "one") {
		t.Errorf("answer %q, %v", answer, err)
	}
	if _, err := b.f.dialer.spdy(ctx, podName{b.namespace, "nobody"}); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("a pod that is not there: %v", err)
	}
}

func TestContainerPort_IsTheOneThatIsMeant(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		f       Forward
		exposed []int32
		want    int
	}{
		{Forward{LocalPort: 9000, ContainerPort: 80}, []int32{9000}, 80},
		{Forward{LocalPort: 9000}, []int32{80, 9000}, 9000},
		{Forward{LocalPort: 9000}, []int32{80, 81}, 80},
		{Forward{LocalPort: 9000}, nil, 9000},
	} {
		if got := containerPort(c.f, c.exposed); got != c.want {
			t.Errorf("%+v with %v: %d, want %d", c.f, c.exposed, got, c.want)
		}
	}
}
