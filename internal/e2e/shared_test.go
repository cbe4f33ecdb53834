package e2e_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// versions are the resource versions of the Deployment and the Service of a name.
func (u *user) versions(name string) [2]string {
	u.t.Helper()
	deployment, err := u.kube.AppsV1().Deployments(u.ns).Get(u.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		u.t.Fatal(err)
	}
	service, err := u.kube.CoreV1().Services(u.ns).Get(u.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		u.t.Fatal(err)
	}
	// The status of a Deployment changes by itself.
	return [2]string{string(deployment.UID) + "/" + deployment.Labels["envflow.dev/environment"], service.ResourceVersion}
}

// Two checkouts of one project, and one namespace: the second touches nothing of the first, unless it is told to.
func TestShared_TwoCheckouts(t *testing.T) {
	u := newUser(t, 1)
	u.up()
	before, pod := u.versions("svc0"), u.pod(0)
	other := u.another("elsewhere")
	other.generate(1)
	other.edit(0, "other")
	other.ok("up", "-d")
	other.failed("svc0", "belongs to the environment "+u.id(), "@", ":"+u.dir+"/Tiltfile", "--adopt")
	other.fails(1, []string{"svc0: ", "belongs to the environment"}, "wait", "--timeout", "2s")
	u.contains("down of the other", other.ok("down"), "0 objects deleted")
	if got := u.versions("svc0"); got != before {
		t.Errorf("the objects have changed: %v, before %v", got, before)
	}
	if now := u.pod(0); now != pod {
		t.Errorf("the pod is another: %s, before %s", now, pod)
	}
	u.served(0, "v0")

	other.up("--adopt")
	other.served(0, "other")
	taken := other.versions("svc0")
	u.contains("down of the first", u.ok("down"), " is down: 0 objects deleted")
	if got := other.versions("svc0"); got != taken {
		t.Errorf("the objects that were taken over have changed: %v, before %v", got, taken)
	}
	other.edit(0, "mine")
	other.served(0, "mine")
	u.contains("down of the other", other.ok("down"), "2 objects deleted")
	u.eventually("no object is left", func() error { return u.objects(other.id()) })
}

// Somebody moves a project's folder, which makes it another environment, and wants to be rid of what it had: `down --adopt`
// deletes what the Tiltfile says, whoever has applied it.
func TestShared_DownAdopts(t *testing.T) {
	u := newUser(t, 1)
	u.up()
	u.ok("pause")
	other := u.another("moved")
	other.generate(1)
	u.contains("down", other.ok("down"), "0 objects deleted")
	u.versions("svc0")
	u.contains("down", other.ok("down", "--adopt"), "2 objects deleted")
	u.eventually("no object is left", func() error { return u.objects(u.id()) })
}

// Environments that share no object do not know each other.
func TestShared_OneNamespace(t *testing.T) {
	u := newUser(t, 1)
	other := u.another("elsewhere")
	other.generateNamed("other", 1)
	u.ok("up", "-d")
	other.ok("up", "-d", "--name", "Second")
	u.wait()
	id := u.id()
	second := ""
	for _, env := range other.environments() {
		if env != id {
			second = env
		}
	}
	other.wait("--env", second)
	u.contains("ls", u.ok("ls"), id, second)
	before := u.versions("other0")
	u.ok("down")
	if got := u.versions("other0"); got != before {
		t.Errorf("the other's objects have changed: %v, before %v", got, before)
	}
	other.served(0, "v0")
	u.contains("down", other.ok("down", "--env", second), "2 objects deleted")
	u.eventually("no object is left", func() error { return u.objects(second) })
}
