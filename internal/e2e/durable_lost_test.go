package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Files that change while no worker is there reach the pods that run.
func TestAway_FilesChanged(t *testing.T) {
	u := newUserAlone(t, 2)
	u.write("svc0/web/old.html", "old\n")
	u.up()
	u.served(0, "v0")
	u.servedAt(0, "/old.html", "old")
	before := u.facts()
	u.kill("worker")
	u.edit(0, "edited while away")
	u.write("svc0/web/new.html", "new\n")
	u.write("svc0/web/deep/er.html", "deeper\n")
	u.remove("svc0/web/old.html")
	u.comeBack("worker")
	u.served(0, "edited while away")
	u.servedAt(0, "/new.html", "new")
	u.servedAt(0, "/deep/er.html", "deeper")
	u.servedAt(0, "/old.html", "")
	u.remove("svc0/web/deep")
	u.servedAt(0, "/deep/er.html", "")
	u.same("after files changed", before, u.facts())
}

// A file that goes back to what the image holds while nobody looks is brought back in the container too. Tilt leaves there
// what was synced last.
func TestAway_FileRestored(t *testing.T) {
	u := newUserAlone(t, 1)
	u.up()
	before := u.facts()
	u.edit(0, "v1")
	u.write("svc0/web/extra.html", "extra\n")
	u.served(0, "v1")
	u.servedAt(0, "/extra.html", "extra")
	u.ok("pause")
	u.edit(0, "v0")
	u.remove("svc0/web/extra.html")
	u.up()
	u.served(0, "v0")
	u.servedAt(0, "/extra.html", "")
	u.same("after the file was restored", before, u.facts())
}

// A file that no live update covers makes a new image and a new pod, also when it changed while nobody looked.
func TestAway_NeedsBuild(t *testing.T) {
	u := newUserAlone(t, 2)
	u.up()
	u.served(0, "v0")
	pod, other := u.pod(0), u.pod(1)
	u.kill("both")
	u.write("svc0/Dockerfile", strings.Replace(u.service[0].dockerfile, "CMD", "RUN echo built > /www/built.html\nCMD", 1))
	u.comeBack("both")
	u.servedAt(0, "/built.html", "built")
	if u.pod(0) == pod {
		t.Error("the pod is the old one")
	}
	if u.pod(1) != other {
		t.Error("the other service has another pod")
	}
}

// A server whose database is no use starts with a new one, and environments go on from their own records.
func TestServerDatabase_Lost(t *testing.T) {
	t.Parallel()
	for how, lose := range losses {
		for _, what := range []string{"both", "server"} {
			if !long() && (how == "garbage") != (what == "both") {
				continue
			}
			t.Run(how+", killed "+what, func(t *testing.T) {
				u := newUserAlone(t, 2)
				u.up()
				u.edit(0, "v1")
				u.served(0, "v1")
				u.wait()
				before := u.worldFacts()
				old := u.runs()
				if what == "server" { // the worker must not start it before the file is gone
					u.freeze("worker")
				}
				u.kill(what)
				lose(u, u.server.Files().Database)
				if what == "server" {
					u.thaw("worker")
				}
				u.comeBack(what + " and losing the database")
				u.same("with a new database", before, u.worldFacts())
				for id, run := range u.runs() {
					if old[id] == run {
						t.Errorf("workflow %s is the old run: the database was not lost", id)
					}
				}
				u.edit(0, "v2")
				u.served(0, "v2")
			})
		}
	}
}

// The records of an environment can be won back by looking: without them nothing is built, applied or started again, and
// edits reach the containers that run. What was synced before is found there, too.
func TestRecords_Lost(t *testing.T) {
	t.Parallel()
	for how, lose := range losses {
		t.Run(how, func(t *testing.T) {
			u := newUserAlone(t, 4)
			u.up()
			u.edit(1, "synced")
			u.write("svc1/web/extra.html", "extra\n")
			u.edit(2, "to be taken back")
			u.served(1, "synced")
			u.servedAt(1, "/extra.html", "extra")
			u.served(2, "to be taken back")
			u.wait()
			before := u.facts()
			u.kill("worker")
			lose(u, filepath.Join(u.folder(), "state.db"))
			u.edit(2, "v0")
			u.edit(3, "edited meanwhile")
			u.comeBack("worker and losing its records")
			for i, content := range []string{"v0", "synced", "v0", "edited meanwhile"} {
				u.served(i, content)
			}
			u.servedAt(1, "/extra.html", "extra")
			u.same("after losing the records", before, u.facts())
			for _, r := range u.status().Resources {
				if !r.Ready || r.Update != "ok" {
					t.Errorf("%+v", r)
				}
			}
			u.edit(0, "v2")
			u.edit(1, "v2")
			u.remove("svc1/web/extra.html")
			u.served(0, "v2")
			u.served(1, "v2")
			u.servedAt(1, "/extra.html", "")
			u.same("after further edits", before, u.facts())
		})
	}
}

// upAndSynced brings the project up, and a file into the container of its first service.
func (u *user) upAndSynced() {
	u.t.Helper()
	u.up()
	u.edit(0, "synced")
	u.served(0, "synced")
	u.wait()
}

// killWithRecords kills the worker and deletes its records.
func (u *user) killWithRecords() {
	u.t.Helper()
	u.kill("worker")
	u.removeDatabase(filepath.Join(u.folder(), "state.db"))
}

// Nothing but the cluster, the engine and the disk are left.
func TestRecords_LostWithTheServers(t *testing.T) {
	u := newUserAlone(t, 2)
	u.upAndSynced()
	before := u.worldFacts()
	u.kill("both")
	u.removeDatabase(u.server.Files().Database)
	u.removeDatabase(filepath.Join(u.folder(), "state.db"))
	u.comeBack("both and losing all they knew")
	u.served(0, "synced")
	u.served(1, "v0")
	u.same("with nothing but the world", before, u.worldFacts())
	u.edit(0, "v2")
	u.served(0, "v2")
	u.same("after an edit", before, u.worldFacts())
}

// A container that is started anew after the records were lost holds an image of which nobody knows what is in it.
func TestRecords_LostAndContainerStartedAnew(t *testing.T) {
	u := newUserAlone(t, 1)
	u.upAndSynced()
	builds := u.builds(0)
	u.killWithRecords()
	u.comeBack("worker and losing its records")
	pod := u.pod(0)
	if err := u.kube.CoreV1().Pods(u.ns).DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	u.eventually("there is another pod", func() error {
		if pods := u.pods(0); len(pods) != 1 || string(pods[0].UID) == pod {
			return fmt.Errorf("there are %d", len(pods))
		}
		return nil
	})
	u.served(0, "synced")
	u.edit(0, "v2")
	u.served(0, "v2")
	if n := u.builds(0); n != builds {
		t.Errorf("%d builds, before it were %d", n, builds)
	}
}

// Only a build brings what no sync covers, also when nobody remembers what was built before; what was not edited is left alone.
func TestRecords_LostAndBuildNeeded(t *testing.T) {
	u := newUserAlone(t, 2)
	for i := range u.service {
		u.service[i].dockerfile = strings.Replace(u.service[i].dockerfile, "CMD", "COPY other /www/other.html\nCMD", 1)
		u.write(u.service[i].name+"/other", "o0\n")
	}
	u.writeProject()
	u.upAndSynced()
	pods := []string{u.pod(0), u.pod(1)}
	u.killWithRecords()
	u.write("svc0/other", "o1\n")
	u.comeBack("worker and losing its records")
	u.servedAt(0, "/other.html", "o1")
	u.served(0, "synced")
	if u.pod(0) == pods[0] || u.pod(1) != pods[1] {
		t.Errorf("pods %s and %s, before it were %s", u.pod(0), u.pod(1), pods)
	}
}

// losses are ways to lose a database.
var losses = map[string]func(u *user, path string){"garbage": (*user).overwrite, "removed": (*user).removeDatabase}

// overwrite makes a database useless.
func (u *user) overwrite(path string) {
	u.t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		u.t.Fatal(err)
	}
	u.removeDatabase(path)
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", int(info.Size()/12)+1)), 0o600); err != nil {
		u.t.Fatal(err)
	}
}

// removeDatabase deletes a database with what SQLite keeps beside it.
func (u *user) removeDatabase(path string) {
	u.t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !os.IsNotExist(err) {
			u.t.Fatal(err)
		}
	}
}

// `down` after kill -9, twice, and without a worker.
func TestDown_AfterKill(t *testing.T) {
	t.Parallel()
	for _, what := range someVictims() {
		t.Run(what, func(t *testing.T) {
			u := newUserAlone(t, 2)
			g := newGate(t)
			u.gated(1, g)
			u.writeProject()
			u.ok("up", "-d")
			u.served(0, "v0")
			u.holds(g, 1)
			u.kill(what)
			out := u.ok("down")
			u.contains("down", out, "is down", "deleted")
			u.nothingInCluster()
			u.eventually("the build has ended", func() error {
				if n := g.held(); n > 0 {
					return fmt.Errorf("%d builds are held", n)
				}
				return nil
			})
			u.contains("the second down", u.ok("down"), "down already")
			if s := u.status(); s.State != "down" {
				t.Errorf("status says %q", s.State)
			}
			g.let()
			u.up()
			u.served(0, "v0")
			u.served(1, "v0")
		})
	}
}

// An object that something holds on to: `down` says so, and nothing comes back by itself. Once it is let go `down` works, and
// `up` brings everything back before.
func TestDown_ObjectStays(t *testing.T) {
	if !long() {
		t.Skip("waits for a minute")
	}
	u := newUser(t, 1)
	u.write("k8s.yaml", u.yaml()+"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [example.com/hold]}\n")
	u.up()
	let := func() {
		_, err := u.kube.CoreV1().ConfigMaps(u.ns).Patch(u.t.Context(), "held", types.JSONPatchType, []byte(`[{"op": "remove", "path": "/metadata/finalizers"}]`), metav1.PatchOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			u.t.Error(err)
		}
	}
	defer let()
	u.fails(1, []string{"could not be taken down", "ConfigMap/held (waits for example.com/hold)"}, "down")
	u.contains("status", u.ok("status"), "not taken down", "ConfigMap/held")
	if pods := u.pods(0); len(pods) != 0 {
		t.Errorf("there are pods again: %v", pods)
	}
	let()
	u.contains("up", u.run("up", "-d").stderr, "could not be taken down", "comes up again")
	u.wait()
	u.served(0, "v0")
	let()
	u.contains("down", u.ok("down"), "is down")
	u.nothingInCluster()
}

// The worker is killed while it takes the environment down for somebody else: that command takes over.
func TestDown_WorkerIsKilled(t *testing.T) {
	u := newUserAlone(t, 1)
	u.write("k8s.yaml", strings.Replace(u.yaml(), "terminationGracePeriodSeconds: 0", "terminationGracePeriodSeconds: 5", 1))
	u.service[0].dockerfile = "FROM localbase:1\nCOPY web /www\nCMD trap '' TERM; /bin/httpd -p 8080 -h /www; while true; do sleep 1; done\n"
	u.write("svc0/Dockerfile", u.service[0].dockerfile)
	u.up()
	down := u.start("down")
	u.eventually("the pod ends", func() error {
		d, err := u.kube.AppsV1().Deployments(u.ns).Get(t.Context(), "svc0", metav1.GetOptions{})
		if err == nil && d.DeletionTimestamp == nil {
			err = errors.New("its Deployment is not being deleted")
		}
		return err
	})
	u.kill("worker")
	down.exit(0, time.Minute)
	down.prints("this process takes over", "is down")
	u.nothingInCluster()
}

// A pause during a build takes at most 5 s; the next `up` goes on.
func TestPause_DuringBuild(t *testing.T) {
	u := newUserAlone(t, 2)
	g := newGate(t)
	u.gated(1, g)
	u.writeProject()
	u.ok("up", "-d")
	u.served(0, "v0")
	u.holds(g, 1)
	pod := u.pod(0)
	if took := u.run("pause").took; took.Seconds() > 5 {
		t.Errorf("pause took %s", took)
	}
	u.eventually("the build has ended", func() error {
		if n := g.held(); n > 0 {
			return fmt.Errorf("%d builds are held", n)
		}
		return nil
	})
	if s := u.status(); s.State != "paused" {
		t.Errorf("status says %q", s.State)
	}
	g.let()
	u.up()
	u.served(1, "v0")
	if u.pod(0) != pod {
		t.Error("the service that was up has another pod")
	}
}

// A foreground `up` that is killed leaves nothing behind but what runs in the cluster, and the server.
func TestForeground_Killed(t *testing.T) {
	u := newUserAlone(t, 2)
	g := newGate(t)
	u.gated(1, g)
	u.writeProject()
	p := u.start("up")
	u.served(0, "v0")
	u.holds(g, 1)
	pod := u.pod(0)
	p.signal(os.Kill)
	<-p.ended
	u.eventually("nothing of it is left", func() error {
		for pid, line := range u.processes() {
			if !strings.Contains(line, " server run") {
				return fmt.Errorf("process %d: %s", pid, line)
			}
		}
		if n := g.held(); n > 0 {
			return fmt.Errorf("%d builds are held", n)
		}
		if _, err := u.get(0, "/"); err == nil {
			return fmt.Errorf("the forward answers")
		}
		return nil
	})
	if u.pod(0) != pod {
		t.Error("the service that was up has another pod")
	}
	if s := u.status(); s.State != "paused" {
		t.Errorf("status says %q", s.State)
	}
	g.let()
	u.up()
	u.served(1, "v0")
}
