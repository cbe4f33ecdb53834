package e2e_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slowDockerfile takes some seconds to build, and no other test has built it.
func (u *user) slowDockerfile(i, seconds int) string {
	return fmt.Sprintf("FROM localbase:1\nRUN echo %s-%d; sleep %d\nCOPY web /www\nCMD [\"/bin/httpd\",\"-f\",\"-p\",\"8080\",\"-h\",\"/www\"]\n", u.prefix, i, seconds)
}

// Each of these signals pauses, and a later `up` has nothing to do. Standard input is at its end all the time.
func TestUpForeground_SignalsPause(t *testing.T) {
	u := newUser(t, 1)
	var pod string
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		p := u.start("up")
		p.prints("Temporal UI (the link works once): http://")
		u.eventually("ready", func() error {
			if got := u.run("wait", "--timeout", "20s"); got.code != 0 {
				return fmt.Errorf("%+v", got)
			}
			return nil
		})
		u.served(0, "v0")
		if pod == "" {
			pod = u.pod(0)
		}
		begun := time.Now()
		p.signal(signal)
		p.exit(0, 10*time.Second)
		t.Logf("%s: ended after %s", signal, time.Since(begun).Round(time.Millisecond))
		u.contains("stderr", p.stderr.String(), "Pausing ", "Paused. `envflow up` goes on from here")
		if out := p.stdout.String(); strings.ContainsAny(out, "\x1b\r") {
			t.Errorf("stdout is no terminal and has control characters: %q", out)
		}
		if got := u.status(); got.State != "paused" || got.Worker.PID != 0 || got.resource("svc0").Ready || !strings.HasPrefix(got.resource("svc0").Reason, "paused, no worker") {
			t.Errorf("after %s: %+v", signal, got)
		}
		if got, err := u.get(0, "/"); err == nil {
			t.Errorf("the port-forward still answers %q", got)
		}
		if now := u.pod(0); now != pod {
			t.Errorf("the pod is another: %s, before %s", now, pod)
		}
	}
	u.fails(1, []string{"paused: it has no worker"}, "wait")
	u.contains("pause", u.ok("pause"), "has no worker already")
}

// Before anything is ready an interruption is no success.
func TestUpForeground_InterruptedWhileItBuilds(t *testing.T) {
	u := newUser(t, 1)
	u.service[0].dockerfile = u.slowDockerfile(0, 30)
	u.writeProject()
	p := u.start("up")
	p.prints("sleep 30")
	u.resourceIs("svc0", "being built", func(r resource) bool { return r.Update == "in_progress" })
	begun := time.Now()
	p.signal(os.Interrupt)
	p.exit(130, 10*time.Second)
	if took := time.Since(begun); took > 6*time.Second {
		t.Errorf("pausing took %s", took)
	}

	p = u.start("up")
	p.prints("sleep 30")
	u.resourceIs("svc0", "being built again", func(r resource) bool { return r.Update == "in_progress" })
	p.signal(os.Interrupt)
	p.prints("Pausing ")
	begun = time.Now()
	_ = p.Process.Signal(os.Interrupt) // it may have ended by itself
	p.exit(130, 5*time.Second)
	t.Logf("the second ctrl-C took %s", time.Since(begun).Round(time.Millisecond))

	u.service[0].dockerfile = u.slowDockerfile(0, 0)
	u.writeProject()
	u.up()
	u.served(0, "v0")
}

// Whoever comes second sees what the first does and cannot disturb it.
func TestUp_WhereAnotherIsUp(t *testing.T) {
	u := newUser(t, 1)
	u.up()
	worker := u.workerPID()
	u.contains("second up -d", u.ok("up", "-d"), fmt.Sprintf("%s is up already: its worker is process %d", u.id(), worker))
	view := u.start("up")
	view.prints(fmt.Sprintf("is up already: its worker is process %d", worker), "This only shows it, and ctrl-C leaves it alone", "svc0  ready")
	u.edit(0, "v1")
	u.served(0, "v1")
	view.prints("Updated 1 file(s)")
	view.signal(os.Interrupt)
	view.exit(0, 5*time.Second)
	if got := u.workerPID(); got != worker {
		t.Errorf("the worker is %d, was %d", got, worker)
	}
	u.edit(0, "v2")
	u.served(0, "v2")

	view = u.start("up")
	view.prints("This only shows it")
	u.contains("pause", u.ok("pause"), u.id()+" is paused.")
	view.exit(0, 10*time.Second)
	u.contains("the view", view.stderr.String(), "The worker has ended; "+u.id()+" is paused.")
}
