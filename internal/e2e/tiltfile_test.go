package e2e_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// tiltfileFails waits until the status tells an error of the Tiltfile that has all of the texts.
func (u *user) tiltfileFails(texts ...string) {
	u.t.Helper()
	u.eventually("the error of the Tiltfile is told", func() error {
		got := u.status().Error
		for _, text := range texts {
			if !strings.Contains(got, text) {
				return fmt.Errorf("%q lacks %q", got, text)
			}
		}
		return nil
	})
}

// While the Tiltfile has an error all goes on as it was.
func TestTiltfile_ErrorOnSave(t *testing.T) {
	u := newUser(t, 2)
	u.up()
	pod := u.pod(0)
	good := u.tiltfile()
	u.write("Tiltfile", strings.Replace(good, "docker_build('"+u.service[1].image, "docker_bild('"+u.service[1].image, 1))
	const position = "Tiltfile:7:1: "
	u.tiltfileFails(position, "docker_bild")
	u.contains("status", u.ok("status"), position)
	u.contains("logs", u.ok("logs"), position)
	u.fails(1, []string{position}, "wait", "--timeout", "3s")
	u.edit(0, "v1")
	u.served(0, "v1")
	if now := u.pod(0); now != pod {
		t.Errorf("the pod is another: %s, before %s", now, pod)
	}

	// A pause and an `up` later it is still as it was, but for the error.
	u.ok("pause")
	u.fails(4, []string{position, "docker_bild"}, "up", "-d")
	u.edit(0, "v2")
	u.served(0, "v2")

	u.write("Tiltfile", good)
	u.wait()
	if got := u.status().Error; got != "" {
		t.Errorf("the error is still %q", got)
	}
	if now := u.pod(0); now != pod {
		t.Errorf("the pod is another: %s, before %s", now, pod)
	}
	u.write("k8s.yaml", "kind: [")
	u.tiltfileFails("k8s.yaml")
	u.write("k8s.yaml", u.yaml())
	u.wait()
}

// The environment is there although its Tiltfile has never been right, and recovers by itself.
func TestTiltfile_ErrorAtFirst(t *testing.T) {
	u := newUser(t, 1)
	good := u.tiltfile()
	u.write("Tiltfile", good+"fail('not today')\n")
	u.fails(4, []string{"Tiltfile:7:1: not today", "save a mended Tiltfile"}, "up", "-d")
	if got := u.status(); got.State != "running" || got.Worker.PID == 0 || len(got.Resources) > 0 {
		t.Errorf("status: %+v", got)
	}
	u.contains("second up -d", u.ok("up", "-d"), "is up already")
	u.write("Tiltfile", good)
	u.wait()
	u.served(0, "v0")

	// In the foreground it is told as it comes, and stays.
	u.ok("pause")
	u.write("Tiltfile", "load('./nowhere', 'x')\n")
	p := u.start("up")
	p.prints("Tiltfile:1:1: ", "nowhere")
	u.write("Tiltfile", good)
	u.wait()
	p.signal(os.Interrupt)
	p.exit(0, 10*time.Second)
}

func TestTiltfile_Missing(t *testing.T) {
	u := newUserWithoutProject(t)
	for _, args := range [][]string{{"up", "-d"}, {"up"}, {"wait"}, {"status"}, {"logs"}, {"down"}, {"pause"}} {
		if got := u.run(args...); got.code != 4 || !strings.Contains(got.stderr, "Tiltfile") || strings.Count(got.stderr, "\n") > 3 {
			t.Errorf("envflow %v without a Tiltfile: %+v", args, got)
		}
	}
	if got := u.processes(); len(got) > 0 {
		t.Errorf("processes run: %v", got)
	}
	if entries, err := os.ReadDir(u.state); err != nil || len(entries) > 0 {
		t.Errorf("the state folder has %v, %v", entries, err)
	}
}

// A cluster that may be anything is not touched unless the Tiltfile says so.
func TestTiltfile_ContextHasToBeAllowed(t *testing.T) {
	u := newUser(t, 1)
	if u.bed.ProdContext == "" {
		t.Skip("needs a second context of the cluster, by another name")
	}
	good := u.tiltfile()
	u.write("Tiltfile", strings.Replace(good, "allow_k8s_contexts(k8s_context())\n", "", 1))
	u.fails(4, []string{"Stop!", u.bed.ProdContext, "allow_k8s_contexts"}, "up", "-d", "--context", u.bed.ProdContext)
	if pods := u.pods(0); len(pods) > 0 {
		t.Errorf("it has %d pods", len(pods))
	}
	u.write("Tiltfile", strings.Replace(good, "k8s_context()", "'"+u.bed.ProdContext+"'", 1))
	u.wait()
	u.served(0, "v0")
}

// What this version of envflow evaluates and cannot run is red and says so; the rest of the Tiltfile runs: a chart, a kustomization
// and an extension among it. A chart that is broken leaves all as it is.
func TestTiltfile_WholeLanguage(t *testing.T) {
	u := newUser(t, 1)
	u.write("ext/hello/Tiltfile", "def greet(name): print('hello ' + name)\n")
	u.write("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n")
	const conf = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}-conf'}\ndata: {a: '{{ .Values.a }}'}\n"
	u.write("chart/templates/conf.yaml", conf)
	u.write("kust/kustomization.yaml", "commonLabels: {a: b}\nconfigMapGenerator: [{name: made, literals: [a=b]}]\n")
	u.write("Tiltfile", u.tiltfile()+`
v1alpha1.extension_repo(name='mine', url='file://' + os.getcwd() + '/ext')
v1alpha1.extension(name='hello', repo_name='mine', repo_path='hello')
load('ext://hello', 'greet')
greet('there')
k8s_yaml(helm('chart', name='rel', set='a=one'))
k8s_yaml(kustomize('kust'))
custom_build('made', 'false', deps='chart')
k8s_yaml(blob('{apiVersion: v1, kind: Pod, metadata: {name: made}, spec: {containers: [{name: c, image: made}]}}'))
k8s_custom_deploy('custom', 'false', 'false', [])
v1alpha1.ui_button(name='button', text='Press', location={'component_type': 'resource', 'component_id': 'custom'})
`)
	const button = "UIButton button"
	u.contains("up", u.ok("up", "-d"), "Not run by this version of envflow: "+button+"\n")
	u.contains("the status", u.ok("status"), "\nnot run by this version of envflow\n  "+button+"\n")
	u.eventually("what can run is ready", func() error {
		for _, name := range []string{u.service[0].name, "uncategorized"} {
			if r := u.status().resource(name); !r.Ready {
				return fmt.Errorf("%s is %+v", name, r)
			}
		}
		return nil
	})
	u.served(0, "v0")
	u.fails(1, []string{"made: custom_build is not run by this version of envflow", "custom: k8s_custom_deploy is not run by this version of envflow"},
		"wait", "--timeout", "3s")
	u.contains("the log", u.ok("logs"), "hello there\n", "'commonLabels' is deprecated", "WARNING: not run by this version of envflow: "+button+"\n", "ConfigMap/rel-conf: created\n", "ConfigMap/made-")

	u.write("chart/templates/conf.yaml", "{{ broken")
	u.tiltfileFails("Tiltfile:", "helm: ", "conf.yaml")
	u.served(0, "v0")
	u.write("chart/templates/conf.yaml", conf)
	u.eventually("the chart is right again", func() error {
		if got := u.status().Error; got != "" {
			return fmt.Errorf("the error is still %q", got)
		}
		return nil
	})
}
