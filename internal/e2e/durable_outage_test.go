package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/envflow/envflow/internal/testenv"
)

// `down` while the cluster does not answer fails with a sentence, and the environment stays until it does.
func TestDown_ClusterAway(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"refuses", "silent"} {
		t.Run(how, func(t *testing.T) {
			u := newUserAlone(t, 1)
			d := u.clusterDoor()
			d.opens()
			u.up()
			u.served(0, "v0")
			pod := u.pod(0)
			for _, worker := range []string{"worker", "no worker"} {
				if worker == "no worker" {
					u.kill("worker")
				}
				if d.closeUp(); how == "silent" {
					d.silent()
				}
				begun := time.Now()
				u.fails(3, []string{"could not be taken down", "cluster"}, "down")
				t.Logf("with %s, down gave up after %.1f s", worker, time.Since(begun).Seconds())
				if s := u.status(); s.State == "down" {
					t.Error("status says that it is down")
				}
				d.opens()
				u.up()
				u.served(0, "v0")
				if u.pod(0) != pod {
					t.Error("there is another pod")
				}
			}
			u.ok("down")
			u.nothingInCluster()
		})
	}
}

// The engine and the API server restart while envflow uses them: it goes on by itself.
func TestOutage_DaemonsRestart(t *testing.T) {
	bed := testenv.TestbedExclusive(t)
	u := newUserOn(t, &bed.Cluster)
	u.generate(2)
	u.up()
	u.served(0, "v0")
	pods := [2]string{u.pod(0), u.pod(1)}

	g := newGate(t)
	u.gated(1, g)
	u.writeProject()
	u.holds(g, 1)
	bed.Restart("dockerd")
	u.edit(0, "while the engine was away")
	u.served(0, "while the engine was away")
	u.eventually("it builds again", func() error {
		if n := g.knocks(); n < 2 {
			return fmt.Errorf("it has begun %d times", n)
		}
		return nil
	})
	g.let()
	u.eventually("the new pod serves", func() error {
		if got := u.pods(1); len(got) != 1 || string(got[0].UID) == pods[1] {
			return fmt.Errorf("there is no new pod")
		}
		return nil
	})
	u.wait()
	pods[1] = u.pod(1)

	bed.Restart("apiserver")
	u.edit(1, "after the API server was away")
	u.served(1, "after the API server was away")
	u.wait()
	for i, pod := range pods {
		if u.pod(i) != pod {
			t.Errorf("svc%d has another pod", i)
		}
	}
}
