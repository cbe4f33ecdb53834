package podlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// bench is a running streamer with a namespace.
type bench struct {
	cs        kubernetes.Interface
	namespace string
	s         *Streamer

	mu    sync.Mutex // guards lines
	lines map[string][]Line
}

func setUp(t *testing.T, through func(*rest.Config) *rest.Config) *bench {
	t.Helper()
	config := kubetest.Config(t)
	b := &bench{cs: kubetest.Client(t, config), lines: map[string][]Line{}}
	b.namespace = kubetest.Namespace(t, b.cs)
	if through != nil {
		config = through(config)
	}
	b.s = New(kubetest.Client(t, config), func(l Line) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.lines[l.Container] = append(b.lines[l.Container], l)
	})
	b.s.firstCheck = time.Second
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		b.s.Run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return b
}

func (b *bench) texts(container string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var texts []string
	for _, l := range b.lines[container] {
		texts = append(texts, l.Text)
	}
	return texts
}

// until waits for the lines of a container to be these, and no others.
func (b *bench) until(t *testing.T, container string, want []string) {
	t.Helper()
	testenv.Eventually(t, kubetest.Patience, "the lines of "+container, func() error {
		got := b.texts(container)
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("line %d of %s is %.100q, want %.100q", i, container, got[i], want[i])
			}
		}
		if len(got) != len(want) {
			return fmt.Errorf("%d lines, want %d", len(got), len(want))
		}
		return nil
	})
}

func source(pod *corev1.Pod, container string) Source {
	s := Source{Resource: "r", Namespace: pod.Namespace, Pod: pod.Name, PodUID: string(pod.UID), Container: container}
	for _, status := range slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses) {
		if status.Name == container {
			s.ContainerID = id(status.ContainerID)
		}
	}
	return s
}

func counted(n int) []string {
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf("line %d", i))
	}
	return lines
}

// counter prints lines in bursts, half of them on standard error.
const counter = `i=0; while [ $i -lt %d ]; do echo line $i; i=$((i+1)); if [ $((i %% 50)) = 0 ]; then sleep 0.1 || sleep 1; fi; done; %s`

func TestStreamer_LosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	var proxy *kubetest.Proxy
	b := setUp(t, func(c *rest.Config) *rest.Config {
		c, proxy = kubetest.Through(t, c)
		return c
	})
	const n = 4000
	pod := kubetest.RunningPod(t, b.cs, b.namespace, "counter", kubetest.PodSpec(kubetest.Busybox, "sh", "-c", fmt.Sprintf(counter, n, "sleep 600")))
	b.s.Set([]Source{source(pod, "main")})
	for i := 1; i <= 6; i++ {
		testenv.Eventually(t, kubetest.Patience, "some more lines", func() error {
			if got := len(b.texts("main")); got < i*n/8 {
				return fmt.Errorf("%d lines", got)
			}
			return nil
		})
		switch i % 3 {
		case 0:
			b.s.Redial()
		case 1:
			proxy.Drop()
		case 2: // silent: nobody closes the connection
			proxy.Freeze()
			before := time.Now()
			testenv.Eventually(t, kubetest.Patience, "a moment passes", func() error {
				if time.Since(before) < time.Second {
					return errors.New("not yet")
				}
				return nil
			})
			proxy.Lose()
		}
	}
	b.until(t, "main", counted(n))
	b.s.Redial() // all of it is known
	b.s.Set([]Source{source(pod, "main")})
	proxy.Drop()
	proxy.Drop()
	b.until(t, "main", counted(n))
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.lines["main"][0]; l.Resource != "r" || l.Pod != "counter" || l.Time.Before(pod.CreationTimestamp.Time) {
		t.Errorf("the first line is %+v", l)
	}
}

// Each start of a container is a log of its own, read to the end.
func TestStreamer_ReadsContainersThatEnd(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	spec := kubetest.PodSpec(kubetest.Busybox, "sh", "-c", "echo start; while ! [ -e /tmp/end ]; do sleep 1; done; echo end; printf unfinished")
	spec.InitContainers = []corev1.Container{
		{Name: "init", Image: kubetest.Busybox, Command: []string{"sh", "-c", "echo from init"}},
		{Name: "istio-init", Image: kubetest.Busybox, Command: []string{"sh", "-c", "echo noise"}},
	}
	pod := kubetest.RunningPod(t, b.cs, b.namespace, "pod", spec)
	first := source(pod, "main")
	b.s.Set([]Source{first, source(pod, "init"), source(pod, "istio-init")})
	b.until(t, "init", []string{"from init"})
	b.until(t, "main", []string{"start"})
	if err := exec(t, b, "touch", "/tmp/end"); err != nil {
		t.Fatal(err)
	}
	again := kubetest.WaitRunning(t, b.cs, b.namespace, "pod", first.ContainerID)
	b.s.Set([]Source{first, source(again, "main")})
	// The last words of the old container and the first of the new one come over two streams.
	testenv.Eventually(t, kubetest.Patience, "the words of both containers", func() error {
		got := b.texts("main")
		sorted := slices.Sorted(slices.Values(got))
		if !slices.Equal(sorted, []string{"end", "start", "start", "unfinished"}) || slices.Index(got, "end") > slices.Index(got, "unfinished") {
			return fmt.Errorf("lines %q", got)
		}
		return nil
	})
	now := int64(0)
	if err := b.cs.CoreV1().Pods(b.namespace).Delete(t.Context(), "pod", metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, kubetest.Patience, "nothing is read any more", func() error {
		b.s.mu.Lock()
		defer b.s.mu.Unlock()
		for _, f := range b.s.followed {
			if !f.finished() {
				return fmt.Errorf("%s is", f.source.ContainerID)
			}
		}
		return nil
	})
	if got := b.texts("istio-init"); len(got) > 0 {
		t.Errorf("lines of the mesh: %q", got)
	}
	b.s.Set(nil)
	testenv.Eventually(t, kubetest.Patience, "nothing is remembered", func() error {
		b.s.mu.Lock()
		defer b.s.mu.Unlock()
		if n := len(b.s.followed); n > 0 {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
}

func TestStreamer_NoticesASilentStream(t *testing.T) {
	t.Parallel()
	var proxy *kubetest.Proxy
	b := setUp(t, func(c *rest.Config) *rest.Config {
		c, proxy = kubetest.Through(t, c)
		return c
	})
	pod := kubetest.RunningPod(t, b.cs, b.namespace, "pod", kubetest.PodSpec(kubetest.Busybox, "sh", "-c",
		"echo one; while ! [ -e /tmp/go ]; do sleep 1; done; echo two; sleep 600"))
	s := source(pod, "main")
	s.Since = pod.Status.ContainerStatuses[0].State.Running.StartedAt.Time
	b.s.Set([]Source{s})
	b.until(t, "main", []string{"one"})
	proxy.Freeze()
	if err := exec(t, b, "touch", "/tmp/go"); err != nil {
		t.Fatal(err)
	}
	proxy.Lose()
	b.until(t, "main", []string{"one", "two"})
}

func TestStreamer_CutsLongLines(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	pod := kubetest.RunningPod(t, b.cs, b.namespace, "pod", kubetest.PodSpec(kubetest.Busybox, "sh", "-c",
		"head -c 150000 /dev/zero | tr '\\0' x; echo; echo; echo '  spaces  '; sleep 600"))
	b.s.Set([]Source{source(pod, "main")})
	b.until(t, "main", []string{strings.Repeat("x", maxText), strings.Repeat("x", maxText), strings.Repeat("x", 150_000-2*maxText), "", "  spaces  "})
}

func TestSeen_KnowsLinesAgain(t *testing.T) {
	t.Parallel()
	s := newSeen()
	if !s.since().IsZero() || s.replay().known(time.Unix(5, 0), nil) {
		t.Error("before the first line something is known")
	}
	at := time.Unix
	s.add(at(10, 1), []byte("a"))
	s.add(at(10, 1), []byte("a")) // twice at one time
	s.add(at(12, 5), []byte("b"))
	s.add(at(12, 4), []byte("late"))
	if got := s.since(); got.Unix() != 10 {
		t.Errorf("read again from %v", got)
	}
	r := s.replay()
	for i, c := range []struct {
		at   time.Time
		text string
		want bool
	}{
		{at(9, 0), "older", true},
		{at(10, 1), "a", true},
		{at(10, 1), "a", true},
		{at(10, 1), "a", false}, // a third time
		{at(12, 5), "b", true},
		{at(12, 5), "c", false},
		{at(12, 4), "late", true},
		{at(13, 0), "new", false},
	} {
		if got := r.known(c.at, []byte(c.text)); got != c.want {
			t.Errorf("%d: %q is known: %v", i, c.text, got)
		}
	}
	s.add(at(20, 0), []byte("d"))
	s.add(at(11, 0), []byte("much too late"))
	if got := s.since(); got.Unix() != 12 || len(s.seconds) != 2 || s.total != 3 {
		t.Errorf("afterwards from %v, %d seconds, %d lines", got, len(s.seconds), s.total)
	}
}

func exec(t *testing.T, b *bench, command ...string) error {
	t.Helper()
	return kubetest.Exec(t, kubetest.Config(t), b.namespace, "pod", command...)
}
