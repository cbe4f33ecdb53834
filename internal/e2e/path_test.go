package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The main job: up, wait, edit, down.
func TestUp_FromNothingToNothing(t *testing.T) {
	u := newUserAlone(t, 5)
	before := u.surroundings()
	up := u.ok("up", "-d")
	u.contains("up", up, u.dir+"/Tiltfile\n", "Temporal UI (the link works once): http://127.0.0.1:", "The Tiltfile has 5 resources.")
	u.wait()
	for i := range u.service {
		u.served(i, "v0")
	}
	pod := u.pod(0)
	u.edit(0, "v1")
	u.served(0, "v1")
	if now := u.pod(0); now != pod {
		t.Errorf("the pod is another: %s, before %s", now, pod)
	}
	u.wait()
	u.hasTheShape()
	if got := u.status().resource("svc0").LastUpdate; got == nil || got.Kind != "live_update" {
		t.Errorf("the last update of svc0 is %+v", got)
	}
	u.contains("ls", u.ok("ls"), u.id(), "running", u.dir+"/Tiltfile")
	u.contains("logs svc1", u.ok("logs", "svc1"), "svc1", "Building image ")
	if got := u.ok("logs", "svc1"); strings.Contains(got, "svc0 │") {
		t.Errorf("logs of svc1 tell of svc0:\n%s", got)
	}

	id := u.id()
	u.contains("down", u.ok("down"), id+" is down: 10 objects deleted.")
	u.eventually("no object is left", func() error { return u.objects(id) })
	for i, s := range u.service {
		if got, err := u.get(i, "/"); err == nil {
			t.Errorf("port %d still answers: %q", s.port, got)
		}
	}
	server := u.serverPID() // it ends by itself when nobody has used it for an hour
	u.eventually("no process is left", func() error {
		left := u.processes()
		if delete(left, server); len(left) > 0 {
			return fmt.Errorf("left are %v", left)
		}
		return nil
	})
	u.ok("server", "stop")
	if diff := cmp.Diff(before, u.surroundings()); diff != "" {
		t.Errorf("files outside the state folder (-before +after):\n%s", diff)
	}
	if got := u.status(); got.State != "down" || got.Worker.PID != 0 {
		t.Errorf("status after down: %+v", got)
	}
	u.contains("second down", u.ok("down"), "is down already")
}

// surroundings returns the files of the project and of the folders that programs leave things in, with their sizes.
func (u *user) surroundings() map[string]int64 {
	u.t.Helper()
	files := map[string]int64{}
	for _, dir := range []string{u.dir, u.env["HOME"], u.env["TMPDIR"], u.env["XDG_RUNTIME_DIR"]} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			files[path] = info.Size()
			return err
		})
		if err != nil {
			u.t.Fatal(err)
		}
	}
	return files
}

// objects returns an error if the environment has an object in the namespace.
func (u *user) objects(id string) error {
	ctx, o := u.t.Context(), metav1.ListOptions{LabelSelector: "envflow.dev/environment=" + id}
	deployments, err1 := u.kube.AppsV1().Deployments(u.ns).List(ctx, o)
	sets, err2 := u.kube.AppsV1().ReplicaSets(u.ns).List(ctx, o)
	services, err3 := u.kube.CoreV1().Services(u.ns).List(ctx, o)
	pods, err4 := u.kube.CoreV1().Pods(u.ns).List(ctx, metav1.ListOptions{}) // whatever their labels
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	if n := len(deployments.Items) + len(sets.Items) + len(services.Items) + len(pods.Items); n > 0 {
		return fmt.Errorf("%d objects are left, %d of them pods", n, len(pods.Items))
	}
	return nil
}

// hasTheShape checks that the documents for scripts have the fields of docs/cli.md, in that order, and no others.
func (u *user) hasTheShape() {
	u.t.Helper()
	const worker = `"worker":{"pid":\d+,"version":"[^"]+","started":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"}`
	one := `{"name":"svc\d","type":"k8s","update":"ok","runtime":"ok","ready":true,"endpoints":\["http://localhost:\d+"\],` +
		`"last_update":{"started":"[^"]+","seconds":[\d.e-]+,"kind":"(build|live_update)"},"reason":""}`
	for command, pattern := range map[string]string{
		"status": `{"environment":"` + u.id() + `","state":"running",` + worker +
			`,"server":{"address":"127.0.0.1:\d+","ui":"http://127.0.0.1:\d+","pid":\d+},"resources":\[(` + one + `,?){5}\]}`,
		"ls":   `\[{"id":"` + u.id() + `","project":"` + u.prefix + `","path":"[^"]+/Tiltfile","state":"running",` + worker + `,"dashboard":"[^"]*"}\]`,
		"eval": `{"resources":\[.*\],"images":\[.*\],"settings":{.*},"warnings":\[\],"timings":{.*}}`,
	} {
		var out bytes.Buffer
		if err := json.Compact(&out, []byte(u.ok(command, "-o", "json"))); err != nil {
			u.t.Fatal(err)
		}
		if !regexp.MustCompile("^" + pattern + "$").MatchString(out.String()) {
			u.t.Errorf("%s -o json is\n%s\nwhich does not match\n%s", command, &out, pattern)
		}
	}
}

// A file of the state folder that others can read may tell them what is in the project.
func TestUp_KeepsItsFilesPrivate(t *testing.T) {
	u := newUserAlone(t, 1)
	u.up()
	err := filepath.WalkDir(u.state, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == u.state {
			return err
		}
		info, err := d.Info()
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) { // a file of the database comes and goes
				return nil
			}
			return err
		}
		if info.Mode()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o077 != 0 { // a link has no mode of its own
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
