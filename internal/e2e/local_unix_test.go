//go:build unix

package e2e_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The main road: a command, then a server that needs it; an edit; the end.
func TestLocal_CommandAndServer(t *testing.T) {
	l := newLocal(t, `
local_resource('build', cmd='echo built >> TMP/runs; cat src/a', deps=['src'], labels=['x'])
local_resource('web', cmd='echo prepared >> TMP/web', serve_cmd=[SERVE], deps=['content'], serve_env={'A': 'b'},
               resource_deps=['build'], links=['http://localhost:PORT/'], readiness_probe=probe(http_get=http_get_action(port=PORT)))
`)
	l.write("src/a", "one\n")
	l.up()
	pid := l.serving()
	l.has("runs", 1)
	web := l.status().resource("web")
	if !web.Ready || web.Runtime != "ok" || len(web.Endpoints) != 1 || web.LastUpdate == nil || web.LastUpdate.Kind != "command" {
		t.Errorf("web is %+v", web)
	}
	if build := l.status().resource("build"); !build.Ready || build.Runtime != "none" {
		t.Errorf("build is %+v", build)
	}
	l.contains("the log", l.ok("logs"), "build │ one\n", "web │ serving "+l.dir+"/content\n", "web │ Running serve_cmd: ")

	l.write("src/a", "two\n")
	l.has("runs", 2)
	l.wait()
	l.write("src/a", "two\n") // the same content again
	l.write("content", "v1\n")
	l.eventually("another server", func() error {
		if text, now, err := l.answer(); err != nil || now == pid || text != "v1" {
			return fmt.Errorf("process %d says %q: %w", now, text, err)
		}
		return nil
	})
	l.has("web", 2)
	l.has("runs", 2)
	l.contains("down", l.ok("down"), "local process")
	l.silent()
	l.contains("the log", l.ok("logs"), "web │ bye\n")

	l.up() // it begins anew
	l.has("runs", 3)
}

// What runs goes on whoever is killed, and what has run is not repeated. No line is lost or doubled.
func TestLocal_KillTouchesNothing(t *testing.T) {
	for _, victim := range victims {
		t.Run(victim, func(t *testing.T) {
			l := newLocalAlone(t, `
local_resource('once', cmd='echo run >> TMP/once', allow_parallel=True)
local_resource('web', serve_cmd=[SERVE])
local_resource('count', serve_cmd='i=0; while :; do i=$((i+1)); echo number $i; sleep 0.02; done')
local_resource('slow', cmd='echo begin >> TMP/slow; while ! [ -e TMP/go ]; do sleep 0.02; done; echo end >> TMP/slow', allow_parallel=True)
`)
			l.ok("up", "-d")
			l.wait("once", "web", "count")
			l.has("slow", 1)
			pid := l.serving()
			l.kill(victim)
			if now := l.serving(); now != pid {
				t.Errorf("the server is process %d, before %d", now, pid)
			}
			if victim != "server" {
				l.ok("up", "-d")
			}
			l.wait("once", "web", "count")
			if slices.Contains(l.lines("slow"), "end") {
				t.Error("slow has ended")
			}
			if err := os.WriteFile(filepath.Join(l.tmp(), "go"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			l.wait()
			if now := l.serving(); now != pid {
				t.Errorf("the server is process %d, before %d", now, pid)
			}
			if got := l.lines("once"); len(got) != 1 {
				t.Errorf("once has run %d times", len(got))
			}
			if got := l.lines("slow"); !slices.Equal(got, []string{"begin", "end"}) {
				t.Errorf("slow has run: %q", got)
			}
			l.ok("pause")
			l.inOrder("count", "number ")
		})
	}
}

// inOrder checks that the log of a resource has numbered lines from 1 on, each once.
func (l *local) inOrder(name, prefix string) {
	l.t.Helper()
	next := 1
	for line := range strings.Lines(l.ok("logs", name)) {
		_, text, _ := strings.Cut(strings.TrimSpace(line), " │ ")
		number, ok := strings.CutPrefix(text, prefix)
		if !ok {
			continue
		}
		if number != strconv.Itoa(next) {
			l.t.Fatalf("%s%s comes after %s%d", prefix, number, prefix, next-1)
		}
		next++
	}
	if next < 3 {
		l.t.Errorf("the log has %d lines of %s", next-1, name)
	}
}

// A command that writes below its own deps ends.
func TestLocal_OutputsDoNotLoop(t *testing.T) {
	l := newLocal(t, `
local_resource('same', cmd='echo x >> TMP/same; wc -c < src/a > src/size', deps=['src'])
local_resource('other', cmd='echo x >> TMP/other; date +%s%N > gen/stamp; printf "\177ELF%s" $(date +%N) > gen/binary', deps=['gen'])
local_resource('bad', cmd='echo x >> TMP/bad; date +%s%N > bad/stamp; false', deps=['bad'])
local_resource('names', cmd='echo x >> TMP/names; touch names/$(date +%s%N)', deps=['names'])
`)
	l.write("src/a", "one\n")
	l.write("gen/a", "one\n")
	l.write("bad/a", "one\n")
	l.write("names/a", "one\n")
	l.ok("up", "-d")
	l.failed("bad", "exited with code 1")
	l.wait("same", "other", "names")
	at := map[string]int{}
	settled := func() {
		t.Helper()
		l.eventually("the commands rest", func() error {
			now := map[string]int{}
			for _, name := range []string{"same", "other", "bad", "names"} {
				if s := l.status().resource(name); s.Update != "ok" && s.Update != "error" {
					return fmt.Errorf("%s is %+v", name, s)
				}
				now[name] = len(l.lines(name))
			}
			before := at
			if at = now; fmt.Sprint(now) != fmt.Sprint(before) {
				return fmt.Errorf("they have run %v times", now)
			}
			return nil
		})
	}
	settled()
	if at["same"] > 2 || at["other"] > 4 || at["bad"] > 4 || at["names"] > 4 {
		t.Errorf("they have run %v times", at)
	}
	before := at
	l.write("src/a", "three\n")
	l.write("gen/a", "two\n")
	l.eventually("an edit counts", func() error {
		if len(l.lines("same")) == before["same"] || len(l.lines("other")) == before["other"] {
			return fmt.Errorf("%v", before)
		}
		return nil
	})
	settled()
	if at["same"] > before["same"]+2 || at["other"] > before["other"]+1 {
		t.Errorf("after an edit they have run %v times, before %v", at, before)
	}
	l.contains("the log", l.ok("logs", "other"), "the command changes "+l.dir+"/gen/stamp with each run")
}

// Whatever a server has started ends with it: children that left their session, a leader that ended first, one that does not
// listen.
func TestLocal_ProcessTrees(t *testing.T) {
	l := newLocal(t, `
local_resource('fork', serve_cmd='setsid sh -c "sleep 1001 & sleep 1002" & sleep 1003')
local_resource('leader', serve_cmd='sh -c "sleep 1004 & sleep 1005 &"; exec sleep 1006')
local_resource('deaf', serve_cmd='trap "" TERM; while :; do sleep 0.05; done', stop_grace_secs=0.3)
local_resource('polite', serve_cmd='trap "echo got it; exit 0" INT; while :; do sleep 0.05; done', stop_signal='SIGINT')
local_resource('gone', serve_cmd='sleep 1007 & exit 3')
`)
	l.ok("up", "-d")
	l.wait("fork", "leader", "deaf", "polite")
	l.failed("gone", "exited with code 3")
	sleeps := func() (n int) {
		for _, line := range l.processes() {
			if strings.HasPrefix(line, "sleep 100") {
				n++
			}
		}
		return n
	}
	l.eventually("all run, and what gone has left behind does not", func() error {
		if n := sleeps(); n != 6 {
			return fmt.Errorf("%d processes", n)
		}
		return nil
	})
	l.tilt("print('nothing')")
	l.eventually("nothing is left", func() error {
		for pid, line := range l.processes() {
			if strings.Contains(line, "sleep") || strings.Contains(line, "processes/") {
				return fmt.Errorf("process %d: %s", pid, line)
			}
		}
		return nil
	})
	l.contains("the log", l.ok("logs", "polite"), "got it")
}

func TestLocal_PortTaken(t *testing.T) {
	l := newLocal(t, `
local_resource('web', serve_cmd=[SERVE], readiness_probe=probe(period_secs=1, tcp_socket=tcp_socket_action(port=PORT)))
`)
	other, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", l.port))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	l.ok("up", "-d")
	l.failed("web", fmt.Sprintf("exited with code 1: port %d is taken by process %d (", l.port, os.Getpid()))
	l.fails(1, []string{"web", "is taken by process"}, "wait", "--timeout", "1s")
	_ = other.Close()
	l.ok("trigger", "web")
	l.wait()
}

func TestLocal_RestartPolicies(t *testing.T) {
	l := newLocal(t, `
local_resource('never', serve_cmd='echo x >> TMP/never; exit 1')
local_resource('clean', serve_cmd='echo x >> TMP/clean; exit 0', restart='on-failure')
local_resource('again', serve_cmd='echo x >> TMP/again; [ $(wc -l < TMP/again) -gt 2 ] && exec sleep 1000; exit 4', restart='on-failure')
local_resource('always', serve_cmd='echo x >> TMP/always; [ $(wc -l < TMP/always) -gt 1 ] && exec sleep 1000', restart='always')
`)
	l.ok("up", "-d")
	l.failed("never", "exited with code 1")
	l.failed("clean", "exited with code 0, although it should run on")
	l.failed("again", "exited with code 4, and is started again")
	l.has("again", 3)
	l.has("always", 2)
	l.wait("again", "always")
	for name, want := range map[string]int{"never": 1, "clean": 1, "again": 3, "always": 2} {
		if got := len(l.lines(name)); got != want {
			t.Errorf("%s has run %d times, want %d", name, got, want)
		}
	}
}

// A probe decides who may go on, and tells why not.
func TestLocal_Probes(t *testing.T) {
	l := newLocal(t, `
local_resource('web', serve_cmd=[SERVE], readiness_probe=probe(period_secs=1, failure_threshold=1, http_get=http_get_action(port=PORT)))
local_resource('exec', serve_cmd='sleep 1000', readiness_probe=probe(period_secs=1, exec=exec_action(['sh', '-c', 'echo secret-of-a-probe; test -e TMP/ready'])))
local_resource('after', cmd='echo x >> TMP/after', resource_deps=['web', 'exec'])
`)
	if err := os.Remove(filepath.Join(l.dir, "content")); err != nil {
		t.Fatal(err)
	}
	l.ok("up", "-d")
	l.resourceIs("web", "not ready", func(r resource) bool { return !r.Ready && r.Reason == "not ready: the answer is HTTP 503" })
	l.resourceIs("exec", "not ready", func(r resource) bool {
		return !r.Ready && r.Reason == "not ready: the probe's command: exit status 1"
	})
	l.resourceIs("after", "waiting", func(r resource) bool { return strings.HasPrefix(r.Reason, "waiting for ") })
	l.fails(1, []string{"web: not ready"}, "wait", "--timeout", "1s", "web")
	l.write("content", "there\n")
	l.wait("web")
	if got := l.lines("after"); len(got) > 0 {
		t.Errorf("after has run: %q", got)
	}
	if err := os.WriteFile(filepath.Join(l.tmp(), "ready"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.wait()
	if err := os.Remove(filepath.Join(l.dir, "content")); err != nil {
		t.Fatal(err)
	}
	l.resourceIs("web", "not ready any more", func(r resource) bool { return !r.Ready && r.Runtime == "pending" })
	l.contains("the log", l.ok("logs", "web"), "the readiness probe fails: the answer is HTTP 503")
}

func TestLocal_TriggerModes(t *testing.T) {
	l := newLocal(t, `
local_resource('manual', cmd='echo x >> TMP/manual', deps=['src'], trigger_mode=TRIGGER_MODE_MANUAL)
local_resource('asked', cmd='echo x >> TMP/asked', auto_init=False, trigger_mode=TRIGGER_MODE_MANUAL)
local_resource('web', serve_cmd=[SERVE])
`)
	l.write("src/a", "one\n")
	l.up()
	l.write("src/a", "two\n")
	l.resourceIs("manual", "waiting to be triggered", func(r resource) bool { return strings.Contains(r.Reason, "waits to be triggered") })
	l.has("manual", 1)
	l.ok("trigger", "manual")
	l.wait("manual")
	l.has("manual", 2)
	if got := l.lines("asked"); len(got) > 0 {
		t.Errorf("asked has run: %q", got)
	}
	l.ok("trigger", "asked")
	l.has("asked", 1)
	pid := l.serving()
	l.ok("trigger", "web")
	l.eventually("another server", func() error {
		if _, now, err := l.answer(); err != nil || now == pid {
			return fmt.Errorf("process %d: %w", now, err)
		}
		return nil
	})
}

// Commands find tilt, whatever folder they run in, and it means the environment that they belong to.
func TestLocal_CommandsFindTilt(t *testing.T) {
	l := newLocal(t, `
print('says: %s' % local('tilt version', quiet=True, dir='elsewhere'))
local_resource('asked', cmd='echo x >> TMP/asked', auto_init=False, trigger_mode=TRIGGER_MODE_MANUAL,
               allow_parallel=True)
local_resource('asks', cmd='tilt trigger --port 10350 asked && tilt wait --for=condition=UpToDate uiresource/asked', dir='elsewhere',
               allow_parallel=True)
local_resource('none', cmd='tilt get uiresources; echo $? >> TMP/none', dir='elsewhere')
`)
	l.write("elsewhere/x", "")
	l.up()
	l.has("asked", 1)
	if got := l.lines("none"); !slices.Equal(got, []string{"2"}) {
		t.Errorf("tilt get ends with %q", got)
	}
	l.contains("the log", l.ok("logs"), "says: v0.", "nothing like `tilt get`")
	l.contains("one source", l.ok("logs", "--source", "build", "none"), "nothing like `tilt get`")
	if got := l.ok("logs", "--level", "warn", "none"); got != "" {
		t.Errorf("warnings of none: %s", got)
	}
}

// Commands see the cluster of the environment, also after kubectl in the terminal has gone to another.
func TestLocal_CommandsSeeTheirCluster(t *testing.T) {
	l := newLocal(t, `
print('evaluated with %s' % local('grep current-context $KUBECONFIG', quiet=True))
local_resource('which', cmd='grep current-context $KUBECONFIG >> TMP/which', deps=['src'])
`)
	l.write("src/a", "one\n")
	before := l.currentContext("")
	l.up()
	l.has("which", 1)
	l.currentContext("elsewhere")
	l.write("src/a", "two\n")
	l.has("which", 2)
	l.ok("trigger", "(Tiltfile)")
	want := "current-context: " + before
	frozen := filepath.Join(l.folder(), "kubeconfig")
	if err := os.Remove(frozen); err != nil { // it is made anew for each command
		t.Fatal(err)
	}
	l.ok("trigger", "which")
	l.has("which", 3)
	if got := l.lines("which"); !slices.Equal(got, []string{want, want, want}) {
		t.Errorf("the command saw %q, want %q", got, want)
	}
	l.eventually("it is evaluated again", func() error {
		if got := strings.Count(l.ok("logs"), "evaluated with "+want+"\n"); got != 2 {
			return fmt.Errorf("%d times with %s", got, before)
		}
		return nil
	})
	l.ok("down")
	if _, err := os.Stat(frozen); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("credentials are left behind: %v", err)
	}
}

// Ctrl-C ends the servers, and the next up starts them and repeats nothing else.
func TestLocal_PauseEndsServers(t *testing.T) {
	l := newLocal(t, `
local_resource('once', cmd='echo x >> TMP/once')
local_resource('web', serve_cmd=[SERVE])
`)
	up := l.start("up")
	up.prints("Running serve_cmd")
	l.wait()
	l.serving()
	up.signal(syscall.SIGINT)
	up.exit(0, 8*time.Second)
	l.silent()
	l.up()
	l.serving()
	l.has("once", 1)

	l.kill("worker")
	l.serving()
	l.contains("pause without a worker", l.ok("pause"), "1 local process ended")
	l.silent()
}

// The processes follow the Tiltfile.
func TestLocal_ComeAndGo(t *testing.T) {
	const head, web = "local_resource('other', serve_cmd='sleep 1000')\n", "local_resource('web', serve_cmd=[SERVE]%s)\n"
	l := newLocal(t, head+fmt.Sprintf(web, ""))
	l.up()
	pid := l.serving()
	l.tilt(head + fmt.Sprintf(web, ", links=['http://localhost'], labels=['new']"))
	l.wait()
	if now := l.serving(); now != pid {
		t.Errorf("a link has started the server again: process %d, before %d", now, pid)
	}
	l.tilt(head + fmt.Sprintf(web, ", serve_env={'A': 'b'}"))
	l.eventually("another server", func() error {
		if _, now, err := l.answer(); err != nil || now == pid {
			return fmt.Errorf("process %d: %w", now, err)
		}
		return nil
	})
	l.tilt(head)
	l.silent()
	l.tilt(head + fmt.Sprintf(web, ""))
	l.eventually("it is back", func() error { _, _, err := l.answer(); return err })
	l.ok("pause")
	l.up("other") // web is not enabled
	l.silent()
}

// What is wrong is told in one sentence, and mended by an edit.
func TestLocal_Mistakes(t *testing.T) {
	l := newLocal(t, `
local_resource('missing', serve_cmd=['no-such-program-of-a-test'])
local_resource('folder', cmd='true', dir='nowhere')
local_resource('fails', cmd='echo the last words; exit 7')
`)
	l.ok("up", "-d")
	l.failed("missing", "no-such-program-of-a-test")
	l.failed("folder", "there is no folder "+l.dir+"/nowhere")
	l.failed("fails", "exited with code 7: echo the last words; exit 7", "the last words")
	l.fails(1, []string{"missing: ", "folder: ", "fails: "}, "wait", "--timeout", "1s")
	if err := os.Mkdir(filepath.Join(l.dir, "nowhere"), 0o700); err != nil {
		t.Fatal(err)
	}
	l.ok("trigger", "folder")
	l.wait("folder")
	l.tilt("local_resource('missing', serve_cmd=[SERVE])")
	l.wait()
	l.serving()
}

// Local resources need neither a cluster nor an engine.
func TestLocal_NothingElseIsNeeded(t *testing.T) {
	l := newLocalAlone(t, `local_resource('web', serve_cmd=[SERVE])`)
	delete(l.env, "KUBECONFIG")
	l.env["DOCKER_HOST"] = "unix://" + l.tmp() + "/no-engine"
	l.up()
	l.serving()
	l.kill("worker")
	l.contains("down without a worker", l.ok("down"), "1 local process ended")
	l.silent()

	// What is switched off needs no cluster, nor does the end of what never was.
	l.tilt(`
k8s_yaml(blob('{apiVersion: v1, kind: ConfigMap, metadata: {name: extra}}'))
k8s_resource(new_name='extra', objects=['extra'])
local_resource('web', serve_cmd=[SERVE])
config.set_enabled_resources(['web'])
`)
	l.up()
	l.serving()
	l.ok("down")
	l.tilt("fail('not yet')")
	l.fails(4, []string{"not yet"}, "up", "-d")
	l.ok("down")
}

// A command without allow_parallel runs alone.
func TestLocal_Alone(t *testing.T) {
	l := newLocal(t, `
update_settings(max_parallel_updates=5)
def job(name, **kwargs):
    local_resource(name, cmd='echo begin >> TMP/jobs; sleep 0.2; echo end >> TMP/jobs', **kwargs)
job('a')
job('b')
job('c')
def beside(name):
    local_resource(name, cmd='touch TMP/%s; while ! [ -e TMP/p1 -a -e TMP/p2 ]; do sleep 0.02; done' % name, allow_parallel=True, resource_deps=['a', 'b', 'c'])
beside('p1')
beside('p2')
`)
	l.up()
	if got := l.lines("jobs"); !slices.Equal(got, []string{"begin", "end", "begin", "end", "begin", "end"}) {
		t.Errorf("the jobs have run %q", got)
	}
}

// The shim of a worker that is killed brings it back, up to a limit, and says so.
func TestDetached_WorkerComesBack(t *testing.T) {
	l := newLocal(t, `local_resource('web', serve_cmd=[SERVE])`)
	l.up()
	pid, worker := l.serving(), 0
	for range 5 {
		l.killWorkerOnly()
		l.eventually("another worker", func() error {
			if now := l.workerPID(); now == 0 || now == worker {
				return errors.New("there is none")
			}
			return nil
		})
		worker = l.workerPID()
		l.wait()
	}
	l.killWorkerOnly()
	const why = "it ended 6 times within 10m0s and is not started again"
	l.eventually("the shim gives up", func() error {
		if s := l.status(); s.State != "paused" || !strings.Contains(s.resource("web").Reason, why) {
			return fmt.Errorf("status is %+v", s)
		}
		return nil
	})
	l.fails(1, []string{"has no worker", why}, "wait")
	if now := l.serving(); now != pid {
		t.Errorf("the server is process %d, before %d", now, pid)
	}
	l.up()
	if now := l.serving(); now != pid {
		t.Errorf("the server is process %d, before %d", now, pid)
	}

	// A command that wants to be the worker does not wait for the shim.
	l.killWorkerOnly()
	l.ok("down")
	l.silent()
}

// After a pause servers wait for those that they depend on again; after a mere kill they run on and wait for nobody.
func TestLocal_OrderAfterAPause(t *testing.T) {
	l := newLocal(t, `
local_resource('first', serve_cmd='while ! [ -e TMP/go ]; do sleep 0.02; done; touch TMP/up; sleep 1000', readiness_probe=probe(period_secs=1, exec=exec_action(['test', '-e', 'TMP/up'])))
local_resource('second', serve_cmd='echo started >> TMP/second; [ -e TMP/up ] || exit 1; sleep 1000', resource_deps=['first'])
`)
	gate, up := filepath.Join(l.tmp(), "go"), filepath.Join(l.tmp(), "up")
	open := func() {
		t.Helper()
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open()
	l.up()
	l.has("second", 1)
	l.kill("worker")
	_ = os.Remove(gate) // first runs on
	l.up()
	l.has("second", 1)

	l.ok("pause")
	_ = os.Remove(up)
	l.ok("up", "-d")
	l.resourceIs("second", "waiting", func(r resource) bool { return r.Reason == "waiting for first" })
	l.has("second", 1)
	open()
	l.wait()
	l.has("second", 2)
}

// What a resource does not have any more ends, whatever has become of it.
func TestLocal_ServerIsTakenAway(t *testing.T) {
	l := newLocal(t, `local_resource('web', cmd='true', serve_cmd=[SERVE])`)
	l.up()
	l.serving()
	l.tilt(`local_resource('web', cmd='true')`)
	l.silent()
	l.wait()
	if r := l.status().resource("web"); !r.Ready || r.Runtime != "none" {
		t.Errorf("web is %+v", r)
	}
}

// An edit that waits to be triggered keeps no server from coming back.
func TestLocal_ManualServersComeBack(t *testing.T) {
	l := newLocal(t, `
local_resource('web', cmd='echo x >> TMP/web', deps=['src'], serve_cmd=[SERVE], trigger_mode=TRIGGER_MODE_MANUAL)
`)
	l.write("src/a", "one\n")
	l.up()
	l.serving()
	pending := func() {
		t.Helper()
		l.resourceIs("web", "waiting to be triggered", func(r resource) bool { return strings.Contains(r.Reason, "waits to be triggered") })
	}
	l.write("src/a", "two\n")
	pending()
	l.ok("pause")
	l.silent()
	l.ok("up", "-d")
	l.eventually("the server is back", func() error { _, _, err := l.answer(); return err })
	pending()
	before := l.serving()
	for pid, line := range l.processes() {
		if strings.Contains(line, "processes/") && strings.Contains(line, " shim ") {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.eventually("another server has its place", func() error {
		if _, now, err := l.answer(); err != nil || now == before {
			return fmt.Errorf("process %d: %w", now, err)
		}
		return nil
	})
	pending()
	l.has("web", 1)
	l.ok("trigger", "web")
	l.has("web", 2)
	l.wait()
}

// What was mended while no worker was there counts, also if the command that was left behind has failed meanwhile.
func TestLocal_MendedWhileNobodyLooked(t *testing.T) {
	l := newLocal(t, `
local_resource('build', cmd='cp src/a TMP/copy; echo x >> TMP/build; while ! [ -e TMP/go ]; do sleep 0.02; done; grep -q good TMP/copy', deps=['src'])
`)
	l.write("src/a", "bad\n")
	l.ok("up", "-d")
	l.has("build", 1)
	l.kill("worker")
	if err := os.WriteFile(filepath.Join(l.tmp(), "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.eventually("the command has ended", func() error {
		for pid, line := range l.processes() {
			if strings.HasPrefix(line, "sh -c") {
				return fmt.Errorf("process %d runs", pid)
			}
		}
		return nil
	})
	l.write("src/a", "good\n")
	l.up()
	l.has("build", 2)
}
