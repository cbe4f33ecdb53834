package e2e_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// kill -9 with nothing to do: nothing is built, applied or restarted, and the same workflows go on.
func TestKill_Idle(t *testing.T) {
	u := newUserAlone(t, 2)
	u.up()
	u.served(0, "v0")
	before := u.facts()
	for n, what := range victims {
		u.kill(what)
		u.comeBack(what)
		u.same("after kill -9 of "+what, before, u.facts())
		u.edit(1, fmt.Sprintf("after %d kills", n+1))
		u.served(1, fmt.Sprintf("after %d kills", n+1))
	}
	u.same("at the end", before, u.facts())
}

// kill -9 while one service is built and another is up already. A build that the worker was at begins again; without its
// server a worker goes on building.
func TestKill_DuringBuild(t *testing.T) {
	t.Parallel()
	for _, what := range victims {
		t.Run(what, func(t *testing.T) {
			u := newUserAlone(t, 2)
			g := newGate(t)
			u.gated(1, g)
			u.writeProject()
			u.ok("up", "-d")
			u.holds(g, 1)
			u.served(0, "v0")
			pod, runs := u.pod(0), u.runs()
			u.kill(what)
			if what != "server" {
				u.eventually("the engine gives up the build", func() error {
					if n := g.held(); n > 0 {
						return fmt.Errorf("%d are held", n)
					}
					return nil
				})
			}
			u.ok("up", "-d")
			u.holds(g, 1)
			g.let()
			u.wait()
			u.served(1, "v0")
			want := 2
			if what == "server" {
				want = 1
			}
			if got := g.knocks(); got != want {
				t.Errorf("the build ran %d times, want %d", got, want)
			}
			if got := u.builds(0); got != 1 {
				t.Errorf("the service that was up was built %d times", got)
			}
			if got := u.pod(0); got != pod {
				t.Error("the service that was up has another pod")
			}
			u.sameRuns(runs)
			u.onePodEach()
		})
	}
}

// sameRuns checks that the workflows are the same runs.
func (u *user) sameRuns(before map[string]string) {
	u.t.Helper()
	now := u.runs()
	for id, run := range before {
		if now[id] != run {
			u.t.Errorf("workflow %s is run %q, before it was %q", id, now[id], run)
		}
	}
}

// kill -9 of the worker as soon as a step shows, one step after another.
func TestKill_AfterEachStep(t *testing.T) {
	u := newUserAlone(t, 3)
	image := u.service[1].image
	ctx, o := t.Context(), metav1.GetOptions{}
	u.ok("up", "-d")
	victims := []string{"worker", "both", "server", "both", "worker"}
	for i, step := range []func(){
		func() { u.logged("Building image " + image) },
		func() { u.logged("Built " + u.bed.Registry + "/" + image) },
		// A line that has not been written dies with the worker, so one may be missing.
		func() { u.logged("Pushed "+u.bed.Registry+"/"+image, "Service/svc1: created") },
		func() {
			u.eventually("the Service is there", func() error { _, err := u.kube.CoreV1().Services(u.ns).Get(ctx, "svc1", o); return err })
		},
		func() {
			u.eventually("the Deployment is there", func() error { _, err := u.kube.AppsV1().Deployments(u.ns).Get(ctx, "svc1", o); return err })
		},
	} {
		step()
		u.kill(victims[i])
		u.ok("up", "-d")
	}
	u.wait()
	for i := range u.service {
		u.served(i, "v0")
	}
	u.onePodEach()
}

// kill -9 while a pod starts that is not ready.
func TestKill_DuringReadiness(t *testing.T) {
	t.Parallel()
	for _, what := range someVictims() {
		t.Run(what, func(t *testing.T) {
			u := newUserAlone(t, 1)
			u.write("k8s.yaml", fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: svc0}
spec:
  selector: {matchLabels: {app: svc0}}
  template:
    metadata: {labels: {app: svc0}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: c, image: %s, ports: [{containerPort: 8080}], readinessProbe: {periodSeconds: 1, httpGet: {path: /ready, port: 8080}}}
`, u.service[0].image))
			u.ok("up", "-d")
			u.resourceIs("svc0", "running, but not ready", func(r resource) bool { return r.Update == "ok" && r.Runtime == "pending" })
			u.eventually("its container runs", func() error {
				if pods := u.pods(0); len(pods) != 1 || pods[0].Status.Phase != corev1.PodRunning {
					return fmt.Errorf("it does not: %v", pods)
				}
				return nil
			})
			pod, runs := u.pod(0), u.runs()
			u.kill(what)
			u.write("svc0/web/ready", "yes\n")
			u.up()
			if u.pod(0) != pod {
				t.Error("there is another pod")
			}
			if got := u.builds(0); got != 1 {
				t.Errorf("it was built %d times", got)
			}
			u.sameRuns(runs)
		})
	}
}

// kill -9 in the middle of many edits: none is lost.
func TestKill_DuringEdits(t *testing.T) {
	t.Parallel()
	const services, edits = 3, 60
	for _, what := range victims {
		t.Run(what, func(t *testing.T) {
			u := newUserAlone(t, services)
			u.up()
			for i := range services {
				u.served(i, "v0")
			}
			before := u.facts()
			came := make(chan outcome, 1)
			for n := range edits {
				u.edit(n%services, fmt.Sprintf("edit %d", n))
				u.write(fmt.Sprintf("svc%d/web/new-%d.html", n%services, n), fmt.Sprintf("new %d\n", n))
				if n == edits/4 {
					u.kill(what)
				}
				if n == edits/2 {
					go func() { came <- u.runIn(context.WithoutCancel(t.Context()), "up", "-d") }()
				}
			}
			if got := <-came; got.code != 0 {
				t.Fatalf("up -d: exit code %d\n%s%s", got.code, got.stdout, got.stderr)
			}
			u.wait()
			for n := range edits {
				u.servedAt(n%services, fmt.Sprintf("/new-%d.html", n), fmt.Sprintf("new %d", n))
			}
			for i := range services {
				u.served(i, fmt.Sprintf("edit %d", edits-services+i))
			}
			u.same("after kill -9 of "+what, before, u.facts())
		})
	}
}

// A laptop that sleeps: worker and server stand still during a build. There is one build and one result.
func TestSleep_DuringBuild(t *testing.T) {
	sleep := 15 * time.Second
	if long() {
		sleep = time.Minute
	}
	u := newUserAlone(t, 2)
	g := newGate(t)
	u.gated(1, g)
	u.writeProject()
	u.ok("up", "-d")
	u.holds(g, 1)
	u.served(0, "v0")
	pod, runs := u.pod(0), u.runs()
	u.freeze("both")
	asleep := time.NewTimer(sleep)
	<-asleep.C
	u.edit(0, "while it slept")
	u.thaw("both")
	woken := time.Now()
	if _, err := u.get(0, "/"); err != nil {
		t.Errorf("the forward does not answer at once: %v", err)
		u.eventually("the forward answers", func() error { _, err := u.get(0, "/"); return err })
	}
	t.Logf("the forward answers %.2f s after %s of sleep", time.Since(woken).Seconds(), sleep)
	u.served(0, "while it slept")
	t.Logf("the edit is served %.2f s after it", time.Since(woken).Seconds())
	g.let()
	u.wait()
	u.served(1, "v0")
	if got := g.knocks(); got != 1 {
		t.Errorf("the build ran %d times", got)
	}
	if got := u.builds(1); got != 1 {
		t.Errorf("%d builds have begun", got)
	}
	if u.pod(0) != pod {
		t.Error("the service that was up has another pod")
	}
	u.sameRuns(runs)
	u.onePodEach()
}
