package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// A resource waits for those it depends on, and names bring along what they need.
func TestResources_DependenciesAndNames(t *testing.T) {
	u := newUser(t, 3)
	u.service[0].dockerfile = u.slowDockerfile(0, 3)
	u.service[1].resource = "resource_deps=['svc0']"
	u.writeProject()
	u.ok("up", "-d", "svc1")
	u.resourceIs("svc1", "waiting for svc0", func(r resource) bool { return r.Update == "pending" && strings.Contains(r.Reason, "waiting for svc0") })
	if pods := u.pods(1); len(pods) > 0 {
		t.Errorf("svc1 has %d pods before svc0 is ready", len(pods))
	}
	u.wait()
	u.served(1, "v0")
	first, second := u.pods(0)[0], u.pods(1)[0]
	for _, c := range first.Status.Conditions {
		if c.Type == corev1.PodReady && second.CreationTimestamp.Time.Before(c.LastTransitionTime.Time) {
			t.Errorf("svc1 was created at %s, svc0 was ready at %s", second.CreationTimestamp, c.LastTransitionTime)
		}
	}
	if got := u.status().resource("svc2"); got.Update != "none" || got.Ready || len(u.pods(2)) > 0 {
		t.Errorf("svc2, which nobody asked for: %+v, %d pods", got, len(u.pods(2)))
	}
	u.fails(1, []string{"svc2 is not enabled"}, "wait", "svc2")
	u.fails(2, []string{"nonsense"}, "wait", "nonsense")

	u.ok("pause")
	u.up() // all
	u.served(2, "v0")
	if now := u.pod(0); now != string(first.UID) {
		t.Errorf("the pod of svc0 is another: %s, before %s", now, first.UID)
	}
}

func TestResources_Triggers(t *testing.T) {
	u := newUser(t, 2)
	u.service[1].resource = "trigger_mode=TRIGGER_MODE_MANUAL"
	u.writeProject()
	u.up()
	pods := [2]string{u.pod(0), u.pod(1)}
	u.edit(1, "v1")
	u.resourceIs("svc1", "waiting to be triggered", func(r resource) bool {
		return r.Update == "pending" && strings.Contains(r.Reason, "waits to be triggered")
	})
	u.served(1, "v0")
	u.fails(1, []string{"svc1"}, "wait", "--timeout", "1s")
	u.ok("trigger", "svc1")
	u.served(1, "v1")
	u.wait()
	if now := u.pod(1); now != pods[1] {
		t.Errorf("the pod of svc1 is another: %s, before %s", now, pods[1])
	}

	u.ok("trigger", "svc0") // nothing has changed: all of it anew
	u.eventually("a new pod", func() error {
		if now := u.pods(0); len(now) != 1 || string(now[0].UID) == pods[0] {
			return fmt.Errorf("pods are %v", len(now))
		}
		return nil
	})
	u.wait()
	u.served(0, "v0")
	u.fails(2, []string{"nonsense"}, "trigger", "nonsense")
}

// The cluster follows the Tiltfile.
func TestResources_ComeAndGo(t *testing.T) {
	u := newUser(t, 2)
	u.up()
	pod, gone := u.pod(0), u.service[1]
	u.service = u.service[:1]
	u.writeProject()
	u.eventually("svc1 is gone", func() error {
		if n := len(u.status().Resources); n != 1 {
			return fmt.Errorf("%d resources", n)
		}
		if n := len(u.podsOf(gone.name)); n > 0 {
			return fmt.Errorf("%d pods", n)
		}
		if got, err := get(t.Context(), gone.port, "/"); err == nil {
			return fmt.Errorf("its port answers %q", got)
		}
		return nil
	})
	u.wait()
	u.service = append(u.service, gone)
	u.writeProject()
	u.served(1, "v0")
	u.wait()
	if now := u.pod(0); now != pod {
		t.Errorf("the pod of svc0 is another: %s, before %s", now, pod)
	}

	// What goes while nobody looks goes at the next up.
	u.ok("pause")
	u.service = u.service[:1]
	u.writeProject()
	u.up()
	u.eventually("svc1 is gone", func() error {
		if n := len(u.podsOf(gone.name)); n > 0 {
			return fmt.Errorf("%d pods", n)
		}
		return nil
	})
}

// No more updates run at a time than the Tiltfile allows, and as many.
func TestResources_MaxParallelUpdates(t *testing.T) {
	u := newUser(t, 5)
	for i := range u.service {
		u.service[i].dockerfile = strings.Replace(u.slowDockerfile(i, 1), "RUN echo", "RUN mkdir -p /tmp && echo", 1)
	}
	u.writeProject()
	u.write("Tiltfile", strings.Replace(u.tiltfile(), "max_parallel_updates=4", "max_parallel_updates=2", 1))
	u.up()
	log := u.ok("logs")
	running, most := map[string]bool{}, 0
	for line := range strings.Lines(log) {
		name, text, _ := strings.Cut(line, " │ ")
		switch {
		case strings.HasPrefix(text, "[2/3] RUN mkdir"):
			running[name] = true
		case strings.HasPrefix(text, "Built "):
			delete(running, name)
		}
		most = max(most, len(running))
	}
	if most != 2 {
		t.Errorf("%d builds ran at a time, want 2\n%s", most, log)
	}
}
