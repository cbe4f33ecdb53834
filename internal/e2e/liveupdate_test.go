package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestLiveUpdate_RunStepFailsAndRecovers(t *testing.T) {
	u := newUser(t, 1)
	u.service[0].build = "live_update=[sync('svc0/web', '/www'), run('test ! -e /www/bad || { echo this is bad; exit 5; }; cp /www/index.html /www/copy.html')]"
	u.writeProject()
	u.up()
	pod := u.pod(0)
	u.edit(0, "v1")
	u.served(0, "v1")
	u.eventually("the copy is served", func() error {
		got, err := u.get(0, "/copy.html")
		if err == nil && got != "v1\n" {
			err = fmt.Errorf("it is %q", got)
		}
		return err
	})
	u.write("svc0/web/bad", "")
	u.failed("svc0", "exit", "5")
	u.contains("logs", u.ok("logs"), "this is bad")
	u.fails(1, []string{"svc0: "}, "wait", "--timeout", "2s")
	u.remove("svc0/web/bad")
	u.wait()
	u.edit(0, "v2")
	u.served(0, "v2")
	u.wait()
	if now := u.pod(0); now != pod {
		t.Errorf("the pod is another: %s, before %s", now, pod)
	}
}

// What no sync covers is built, and the container that comes of it has everything.
func TestLiveUpdate_OtherFilesAreBuilt(t *testing.T) {
	u := newUser(t, 1)
	u.service[0].dockerfile = strings.Replace(u.service[0].dockerfile, "COPY web", "COPY . /src\nCOPY web", 1)
	u.writeProject()
	u.up()
	pod := u.pod(0)
	u.edit(0, "v1")
	u.served(0, "v1")
	u.write("svc0/main.c", "int main;")
	u.eventually("a new pod", func() error {
		if now := u.pods(0); len(now) != 1 || string(now[0].UID) == pod {
			return fmt.Errorf("it has %d pods", len(now))
		}
		return nil
	})
	u.wait()
	u.served(0, "v1")
	if got := u.status().resource("svc0").LastUpdate; got == nil || got.Kind != "build" {
		t.Errorf("the last update is %+v", got)
	}
}

func TestLiveUpdate_FilesComeAndGo(t *testing.T) {
	u := newUser(t, 1)
	u.up()
	pod := u.pod(0)
	u.write("svc0/web/deep/er/extra.html", "extra")
	u.eventually("the new file is served", func() error {
		got, err := u.get(0, "/deep/er/extra.html")
		if err == nil && got != "extra" {
			err = fmt.Errorf("it is %q", got)
		}
		return err
	})
	u.remove("svc0/web/deep")
	u.eventually("it is gone", func() error {
		if got, err := u.get(0, "/deep/er/extra.html"); err == nil {
			return fmt.Errorf("it is %q", got)
		} else if !strings.Contains(err.Error(), "404") {
			return fmt.Errorf("it is %q: %w", got, err)
		}
		return nil
	})
	if now := u.pod(0); now != pod {
		t.Errorf("the pod is another: %s, before %s", now, pod)
	}

	// A pod that somebody deletes comes back with what was built, and gets what was synced since.
	u.edit(0, "v1")
	u.served(0, "v1")
	name := u.pods(0)[0].Name
	if err := u.kube.CoreV1().Pods(u.ns).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	u.eventually("another pod", func() error {
		if now := u.pods(0); len(now) != 1 || now[0].Name == name {
			return fmt.Errorf("it has %d pods", len(now))
		}
		return nil
	})
	u.served(0, "v1")
	u.wait()
	u.edit(0, "v2")
	u.served(0, "v2")
}
