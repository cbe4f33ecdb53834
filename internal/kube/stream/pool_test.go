package stream_test

import (
	"archive/tar"
	"bytes"
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

	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/kube/observe/kubetest"
	"github.com/envflow/envflow/internal/kube/stream"
	"github.com/envflow/envflow/internal/testenv"
)

// sleeper keeps a container running until it is told to end.
var sleeper = []string{"sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"}

// bench is a pool with a running pod.
type bench struct {
	cs        kubernetes.Interface
	config    *rest.Config
	namespace string
	pool      *stream.Pool
	c         stream.Container
}

func setUp(tb testing.TB, through func(*rest.Config) *rest.Config, change func(*corev1.PodSpec)) *bench {
	tb.Helper()
	b := &bench{config: kubetest.Config(tb)}
	direct := kubetest.Client(tb, b.config)
	b.namespace = kubetest.Namespace(tb, direct)
	spec := kubetest.PodSpec(kubetest.Busybox, sleeper...)
	if change != nil {
		change(&spec)
	}
	pod := kubetest.RunningPod(tb, direct, b.namespace, "pod", spec)
	if through != nil {
		b.config = through(b.config)
	}
	b.cs = kubetest.Client(tb, b.config)
	b.pool = stream.NewPool(b.cs, b.config, stream.Options{PingEvery: time.Second})
	b.c = stream.Container{Namespace: b.namespace, Pod: "pod", Container: "main", ID: kubetest.ContainerID(pod)}
	return b
}

// run runs the pool until the test ends.
func (b *bench) run(tb testing.TB) {
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan struct{})
	go func() {
		b.pool.Run(ctx)
		close(done)
	}()
	tb.Cleanup(func() {
		cancel()
		<-done
	})
}

func (b *bench) keep(tb testing.TB, list ...stream.Container) {
	tb.Helper()
	b.pool.Keep(list)
	b.wait(tb, len(list))
}

func (b *bench) wait(tb testing.TB, open int) {
	tb.Helper()
	testenv.Eventually(tb, kubetest.Patience, fmt.Sprintf("%d streams are open", open), func() error {
		if n := b.pool.Open(); n != open {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
}

// read returns the content of a file in the container.
func (b *bench) read(tb testing.TB, name string) string {
	tb.Helper()
	var lines []string
	status, err := b.pool.Exec(tb.Context(), b.c, []string{"cat", name}, nil, func(line string) { lines = append(lines, line) })
	if err != nil || status != 0 {
		tb.Fatalf("read %s: status %d, %v, %q", name, status, err, lines)
	}
	return strings.Join(lines, "\n")
}

func archive(tb testing.TB, files map[string]string) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: time.Now()}); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

func TestSync_OverAHeldStreamAndWithout(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil, nil)
	sync := func(t *testing.T) {
		name := "it's a \"file\"\nof $mine"
		if err := b.pool.Sync(t.Context(), b.c, stream.Batch{Tar: archive(t, map[string]string{"app/" + name: "one", "app/-x": "two"})}); err != nil {
			t.Fatal(err)
		}
		if got := b.read(t, "/app/"+name); got != "one" {
			t.Errorf("the file holds %q", got)
		}
		big := strings.Repeat("0123456789abcdef", 3<<16)
		if err := b.pool.Extract(t.Context(), b.c, archive(t, map[string]string{"app/big": big})); err != nil {
			t.Fatal(err)
		}
		if got := b.read(t, "/app/big"); strings.ReplaceAll(got, "\n", "") != big { // read in pieces
			t.Errorf("the large file has %d bytes, want %d", len(got), len(big))
		}
		if err := b.pool.Sync(t.Context(), b.c, stream.Batch{Deletes: []string{"/app/" + name, "/app/big", "/app/-x"}}); err != nil {
			t.Fatal(err)
		}
		var lines []string
		if _, err := b.pool.Exec(t.Context(), b.c, []string{"ls", "-A", "/app"}, nil, func(l string) { lines = append(lines, l) }); err != nil || len(lines) > 0 {
			t.Errorf("left in the folder: %q, %v", lines, err)
		}
	}
	t.Run("without", sync)
	b.run(t)
	b.keep(t, b.c)
	t.Run("held", sync)
	b.pool.Keep(nil)
	b.wait(t, 0)
	t.Run("no longer held", sync)
}

func TestExec_PassesInputOutputAndStatus(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil, nil)
	var lines []string
	status, err := b.pool.Exec(t.Context(), b.c, []string{"sh", "-c", "cat; echo err >&2; printf last; exit 3"}, []byte("in\n"), func(l string) { lines = append(lines, l) })
	slices.Sort(lines)
	if err != nil || status != 3 || !slices.Equal(lines, []string{"err", "in", "last"}) {
		t.Errorf("status %d, %v, lines %q", status, err, lines)
	}
	if _, err := b.pool.Exec(t.Context(), b.c, []string{"no-such-program"}, nil, nil); !errors.Is(err, stream.ErrNoTools) {
		t.Errorf("a program that is not there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	started := time.Now()
	_, err = b.pool.Exec(ctx, b.c, []string{"sh", "-c", "echo ready; sleep 600"}, nil, func(string) { cancel() })
	if !errors.Is(err, context.Canceled) || time.Since(started) > 10*time.Second {
		t.Errorf("cancelled: %v after %v", err, time.Since(started))
	}
}

func TestSync_SaysWhatTheUserMustMend(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil, func(spec *corev1.PodSpec) {
		nobody := int64(65534)
		spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &nobody}
	})
	b.run(t)
	b.keep(t, b.c)
	// A tar of uid 0 is taken by a user who may not change owners.
	if err := b.pool.Sync(t.Context(), b.c, stream.Batch{Tar: archive(t, map[string]string{"tmp/mine": "x"})}); err != nil {
		t.Errorf("a folder that is writable: %v", err)
	}
	err := b.pool.Sync(t.Context(), b.c, stream.Batch{Tar: archive(t, map[string]string{"etc/not-mine": "x"})})
	if f := failure.Of(err); err == nil || f.Class != failure.User || strings.Contains(f.Summary, "not-mine") || !strings.Contains(err.Error(), "not-mine") {
		t.Errorf("a folder that is not: %+v", err)
	}
	if err := b.pool.Sync(t.Context(), b.c, stream.Batch{Tar: archive(t, map[string]string{"tmp/mine": "y"})}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestSync_TellsThatAContainerIsGone(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil, nil)
	b.run(t)
	b.keep(t, b.c)
	batch := stream.Batch{Tar: archive(t, map[string]string{"app/a": "x"})}
	// The container ends and is started again: another ID.
	if _, err := b.pool.Exec(t.Context(), b.c, []string{"kill", "-TERM", "1"}, nil, nil); err != nil {
		t.Fatal(err)
	}
	b.wait(t, 0)
	testenv.Eventually(t, kubetest.Patience, "the sync tells that the container ended", func() error {
		// It may be running again already; then the files went into the new one. Until the kubelet has told of its end, an exec
		// fails like any other.
		if err := b.pool.Sync(t.Context(), b.c, batch); err != nil && !errors.Is(err, stream.ErrGone) {
			return fmt.Errorf("it returns %w", err)
		}
		return nil
	})
	pod := kubetest.WaitRunning(t, b.cs, b.namespace, "pod", b.c.ID)
	again := b.c
	again.ID = kubetest.ContainerID(pod)
	b.keep(t, again)
	if err := b.pool.Sync(t.Context(), again, batch); err != nil {
		t.Errorf("the new container: %v", err)
	}
	if err := b.cs.CoreV1().Pods(b.namespace).Delete(t.Context(), "pod", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, kubetest.Patience, "the sync tells that the pod is gone", func() error {
		if err := b.pool.Sync(t.Context(), again, batch); !errors.Is(err, stream.ErrGone) {
			return fmt.Errorf("it returns %w", err)
		}
		return nil
	})
}

func TestSync_TellsThatToolsAreMissing(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil, func(spec *corev1.PodSpec) {
		spec.Containers[0].Command = nil
		spec.Containers[0].Image = strings.Replace(kubetest.Busybox, "busybox:latest", "distroless:latest", 1)
	})
	err := b.pool.Sync(t.Context(), b.c, stream.Batch{Tar: archive(t, map[string]string{"a": "x"})})
	if !errors.Is(err, stream.ErrNoTools) || failure.Of(err).Class != failure.User {
		t.Errorf("an image without a shell: %v", err)
	}
	started := time.Now()
	if err := b.pool.Sync(t.Context(), b.c, stream.Batch{Deletes: []string{"/a"}}); !errors.Is(err, stream.ErrNoTools) || time.Since(started) > 20*time.Millisecond {
		t.Errorf("asked again: %v after %v", err, time.Since(started))
	}
}

// A connection that is cut, or silent, costs one batch a new exec; then there is a held stream again.
func TestSync_GoesOnWhenTheConnectionDoesNot(t *testing.T) {
	t.Parallel()
	var proxy *kubetest.Proxy
	b := setUp(t, func(c *rest.Config) *rest.Config {
		c, proxy = kubetest.Through(t, c)
		return c
	}, nil)
	b.run(t)
	b.keep(t, b.c)
	put := func(content string) {
		t.Helper()
		if err := b.pool.Sync(t.Context(), b.c, stream.Batch{Tar: archive(t, map[string]string{"app/a": content})}); err != nil {
			t.Errorf("sync %s: %v", content, err)
		}
	}
	proxy.Drop()
	put("after a cut")
	b.wait(t, 1)

	// What the first stream holds back arrives after the second has done the batch, and must not undo the next.
	proxy.Freeze()
	var wg sync.WaitGroup
	wg.Go(func() { put("late") })
	wg.Go(func() {
		timer := time.NewTimer(900 * time.Millisecond) // more than a held stream gets
		defer timer.Stop()
		<-timer.C
		proxy.Heal()
	})
	wg.Wait()
	put("newest")
	b.wait(t, 1)
	if got := b.read(t, "/app/a"); got != "newest" {
		t.Errorf("the file holds %q", got)
	}

	b.pool.Redial()
	put("after waking")
	b.wait(t, 1)
	if got := b.read(t, "/app/a"); got != "after waking" {
		t.Errorf("the file holds %q", got)
	}

	// Idle: the ping finds out.
	proxy.Freeze()
	b.wait(t, 0)
	proxy.Lose()
	b.wait(t, 1)
	put("after a silence")

	proxy.Cut()
	err := b.pool.Sync(t.Context(), b.c, stream.Batch{Deletes: []string{"/x"}})
	if f := failure.Of(err); err == nil || f.Class != failure.Infrastructure || f.Needs != failure.Cluster {
		t.Errorf("no cluster: %v", err)
	}
	proxy.Heal()
	b.wait(t, 1)
	put("at last")
}

// Readers see the old or the new content, never none or half of it.
func TestSync_ReplacesFilesAtOnce(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil, nil)
	b.run(t)
	b.keep(t, b.c)
	contents := []string{strings.Repeat("a", 200_000), strings.Repeat("b", 200_000)}
	if err := b.pool.Sync(t.Context(), b.c, stream.Batch{Tar: archive(t, map[string]string{"app/f": contents[0]})}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		defer cancel()
		for i := range 40 {
			if err := b.pool.Sync(ctx, b.c, stream.Batch{Tar: archive(t, map[string]string{"app/f": contents[(i+1)%2]})}); err != nil {
				t.Errorf("sync: %v", err)
				return
			}
		}
	})
	reads, bad := 0, 0
	_, _ = b.pool.Exec(ctx, b.c, []string{"sh", "-c", "while wc -c </app/f; do :; done"}, nil, func(line string) {
		reads++
		if strings.TrimSpace(line) != "200000" {
			bad++
		}
	})
	wg.Wait()
	if bad > 0 || reads == 0 {
		t.Errorf("%d of %d reads did not see a whole file", bad, reads)
	}
}

func TestPool_KeepsToItsMaximum(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil, func(spec *corev1.PodSpec) {
		for _, name := range []string{"second", "third"} {
			other := spec.Containers[0]
			other.Name = name
			spec.Containers = append(spec.Containers, other)
		}
	})
	b.pool = stream.NewPool(b.cs, b.config, stream.Options{Max: 2})
	b.run(t)
	var all []stream.Container
	for _, name := range []string{"main", "second", "third"} {
		all = append(all, stream.Container{Namespace: b.namespace, Pod: "pod", Container: name})
	}
	b.pool.Keep(all)
	b.wait(t, 2)
	if err := b.pool.Sync(t.Context(), all[2], stream.Batch{Deletes: []string{"/x"}}); err != nil {
		t.Error(err)
	}
	b.wait(t, 2)
}

func BenchmarkExtract_Held(b *testing.B) {
	env := setUp(b, nil, nil)
	env.run(b)
	env.keep(b, env.c)
	data := archive(b, map[string]string{"app/index.html": strings.Repeat("x", 2000)})
	var took []time.Duration
	run := map[string]func() error{
		"Extract": func() error { return env.pool.Extract(b.Context(), env.c, data) },
		"Sync":    func() error { return env.pool.Sync(b.Context(), env.c, stream.Batch{Tar: data}) },
	}
	for name, f := range run {
		b.Run(name, func(b *testing.B) {
			took = took[:0]
			for b.Loop() {
				started := time.Now()
				if err := f(); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(started))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
		})
	}
}
