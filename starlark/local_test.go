package starlark_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/envflow/envflow/internal/plan"
)

func TestLocalResource_AllArguments(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
local_resource('api', 'make api', deps=['src', '/etc/x'], trigger_mode=TRIGGER_MODE_MANUAL, resource_deps=['db', 'db'], ignore='*.tmp', auto_init=False,
  serve_cmd=['./api', '-v'], cmd_bat='make.bat', serve_cmd_bat=['api.exe'], allow_parallel=True, links=['localhost:1', link('https://b', 'B')],
  labels=['x', 'y', 'x'], env={'A': '1'}, serve_env={'B': '2'}, readiness_probe=probe(tcp_socket=tcp_socket_action(80)), dir='sub', serve_dir='/srv',
  restart='on-failure', stop_signal='INT', stop_grace_secs=2.5)
local_resource('db', serve_cmd='db')
`)
	got := p.plan()
	api := *got.Resource("api")
	api.Local.Ignores = nil // TestLocalResource_Ignores
	want := plan.Resource{
		Name: "api", Type: plan.TypeLocal, Labels: []string{"x", "y"}, Links: []plan.Link{{URL: "http://localhost:1"}, {URL: "https://b", Name: "B"}},
		TriggerMode: plan.TriggerManual, DependsOn: []string{"db"}, Enabled: true,
		Local: &plan.Local{
			Update:        &plan.Command{Argv: []string{"sh", "-c", "make api"}, Dir: filepath.Join(p.dir, "sub"), Env: map[string]string{"A": "1"}},
			Serve:         &plan.Command{Argv: []string{"./api", "-v"}, Dir: "/srv", Env: map[string]string{"B": "2"}},
			AllowParallel: true, Deps: []string{filepath.Join(p.dir, "src"), "/etc/x"}, Restart: plan.RestartOnFailure, StopSignal: "SIGINT", StopGrace: 2.5,
			Readiness: &plan.Probe{Timeout: 1, Period: 10, SuccessThreshold: 1, FailureThreshold: 3, TCPSocket: &plan.TCPSocket{Port: 80}},
		},
	}
	if !reflect.DeepEqual(api, want) {
		t.Errorf("got  %+v %+v\nwant %+v %+v", api, api.Local, want, want.Local)
	}
	db := plan.Resource{
		Name: "db", Type: plan.TypeLocal, TriggerMode: plan.TriggerAuto, AutoInit: true, Enabled: true,
		Local: &plan.Local{Serve: &plan.Command{Argv: []string{"sh", "-c", "db"}, Dir: p.dir}, AllowParallel: true},
	}
	if got := *got.Resource("db"); !reflect.DeepEqual(got, db) {
		t.Errorf("got  %+v %+v\nwant %+v %+v", got, got.Local, db, db.Local)
	}
}

func TestLocalResource_PositionalOrderIsTilts(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
local_resource('a', 'true', 'd', TRIGGER_MODE_MANUAL, ['b'], 'i', False, 'serve', None, None, True, 'l', 'label', {'A': '1'}, {'B': '2'},
  probe(1, 2, 3, 4, 5, exec_action('x')), 'u', 's')
local_resource('b', 'true')
`)
	a := p.plan().Resource("a")
	l := a.Local
	if a.TriggerMode != plan.TriggerManual || a.AutoInit || !slices.Equal(a.DependsOn, []string{"b"}) || a.Links[0].URL != "http://l" || a.Labels[0] != "label" ||
		!l.AllowParallel || l.Update.Env["A"] != "1" || l.Serve.Env["B"] != "2" || l.Update.Dir != filepath.Join(p.dir, "u") || l.Serve.Dir != filepath.Join(p.dir, "s") ||
		!slices.Equal(l.Deps, []string{filepath.Join(p.dir, "d")}) {
		t.Errorf("got %+v %+v", a, l)
	}
	want := plan.Probe{InitialDelay: 1, Timeout: 2, Period: 3, SuccessThreshold: 4, FailureThreshold: 5, Exec: []string{"sh", "-c", "x"}}
	if !reflect.DeepEqual(*l.Readiness, want) {
		t.Errorf("probe: got %+v", l.Readiness)
	}
}

// Arguments that say the same, or None, as those of Tilt.
func TestLocalResource_Defaults(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]plan.Local{
		"cmd='u'":                      {},
		"cmd='u', serve_cmd='s'":       {},
		"cmd=None, serve_cmd='s'":      {AllowParallel: true},
		"cmd='', serve_cmd=blob('s')":  {AllowParallel: true},
		"cmd='u', allow_parallel=True": {AllowParallel: true},
		"cmd='u', deps=None, ignore=None, links=None, labels=None, env=None, dir=None, readiness_probe=None, restart=None, stop_signal=None, stop_grace_secs=None, trigger_mode=None, resource_deps=None": {},
		"serve_cmd='s', restart='never', stop_signal='SIGKILL', stop_grace_secs=0": {AllowParallel: true, Restart: plan.RestartNever, StopSignal: "SIGKILL", StopGrace: 0.001},
		"serve_cmd='s', restart='always', stop_grace_secs=3600":                    {AllowParallel: true, Restart: plan.RestartAlways, StopGrace: 3600},
		"cmd='u', stop_grace_secs=1":                                               {StopGrace: 1},
		"cmd='u', serve_env={'A': 'b'}":                                            {},
	} {
		got := *newProject(t, "local_resource('a', "+args+")\n").plan().Resource("a").Local
		got.Update, got.Serve = nil, nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", args, got, want)
		}
	}
}

func TestLocalResource_TestIsAnOldName(t *testing.T) {
	t.Parallel()
	got := newProject(t, "test('a', 'true')\ntest('b', 'true', allow_parallel=False)\n").plan()
	if a, b := got.Resource("a"), got.Resource("b"); a.Type != plan.TypeLocal || !a.Local.AllowParallel || b.Local.AllowParallel || len(got.Warnings) > 0 {
		t.Errorf("got %+v %+v %q", a, b, got.Warnings)
	}
}

// Paths start from the folder of the file that is executed.
func TestLocalResource_Folders(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
load('lib/f.star', 'define')
include('sub/Tiltfile')
define()
-- lib/f.star --
def define(): local_resource('loaded', 'true', deps='x')
-- sub/Tiltfile --
local_resource('included', 'true', deps=['x', '../y'], ignore=['*.o'], dir='d')
`)
	got := p.plan()
	if l := got.Resource("loaded").Local; l.Update.Dir != p.dir || l.Deps[0] != filepath.Join(p.dir, "x") {
		t.Errorf("loaded: got %+v %+v", l, l.Update)
	}
	l := got.Resource("included").Local
	if l.Update.Dir != filepath.Join(p.dir, "sub/d") || !slices.Equal(l.Deps, []string{filepath.Join(p.dir, "sub/x"), filepath.Join(p.dir, "y")}) {
		t.Errorf("included: got %+v %+v", l, l.Update)
	}
	for name, want := range map[string]bool{"sub/a.o": true, "a.o": false, "sub/x/.a.swp": true, "y/.a.swp": true, "y/a": false} {
		if p.ignored(l.Ignores, name) != want {
			t.Errorf("%s: want %t", name, want)
		}
	}
}

func TestLocalResource_Ignores(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
local_resource('a', 'true', deps=['.', 'other/f'], ignore=['*.md\n# no comment of Starlark', '!README.md', 'out'])
local_resource('none', 'true', ignore='x')
watch_settings(ignore='docs')
-- .tiltignore --
# comment
*.log
!keep.log
-- .git/config --
-- other/.git/config --
-- other/f --
`)
	got := p.plan()
	for name, want := range map[string]bool{
		"main.go": false, "sub/main.go": false, "README.md": false, "keep.log": false, "other/f": false, "Tiltfile": false,
		"NOTES.md": true, "out/a": true, "a.log": true, "docs/a": true, ".git/config": true, "other/.git/config": true,
		"src/.main.go.swp": true, "src/4913": true, ".idea/x": true,
	} {
		if got := p.ignored(got.Resource("a").Local.Ignores, name); got != want {
			t.Errorf("%s ignored %t, want %t", name, got, want)
		}
	}
	if list := got.Resource("none").Local.Ignores; list != nil {
		t.Errorf("without deps: got %+v", list)
	}
	if file := filepath.Join(p.dir, ".tiltignore"); !slices.Contains(got.ConfigFiles, file) {
		t.Errorf("%s is not watched", file)
	}
}

func TestLocalResource_Errors(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":                                       `local_resource: missing argument for name`,
		"'', 'u'":                                "local_resource: the name is empty",
		"'a/b', 'u'":                             `local_resource: "a/b" cannot be the name of a resource: it may not contain '/'`,
		"'uncategorized', 'u'":                   "local_resource: the name uncategorized is that of the Kubernetes objects that belong to no resource",
		"1, 'u'":                                 `local_resource: for parameter name: got int, want string`,
		"'a'":                                    "local_resource: it needs cmd or serve_cmd, and has neither",
		"'a', [], serve_cmd=''":                  "local_resource: it needs cmd or serve_cmd, and has neither",
		"'a', 7":                                 `local_resource: for parameter cmd: a command is a string or a list of strings: got int`,
		"'a', serve_cmd=['a', 1]":                `local_resource: for parameter "serve_cmd": a command is a string or a list of strings: item 1 is a int`,
		"'a', cmd_bat=7":                         `local_resource: for parameter "cmd_bat": a command is a string or a list of strings: got int`,
		"'a', serve_cmd_bat=7":                   `local_resource: for parameter "serve_cmd_bat": a command is a string or a list of strings: got int`,
		"'a', 'u', deps=1":                       `local_resource: for parameter "deps": want a string or a list of strings: got int`,
		"'a', 'u', trigger_mode='auto'":          "local_resource: trigger_mode: got string, want TRIGGER_MODE_AUTO or TRIGGER_MODE_MANUAL",
		"'a', 'u', resource_deps='b'":            `local_resource: for parameter "resource_deps": got a string, want a list of strings: write ["b"]`,
		"'a', 'u', resource_deps=['a']":          "resource_deps: resource a depends on itself",
		"'a', 'u', ignore=1":                     `local_resource: for parameter "ignore": want a string or a list of strings: got int`,
		"'a', 'u', auto_init=1":                  `local_resource: for parameter "auto_init": got int, want bool`,
		"'a', 'u', allow_parallel=1":             `local_resource: for parameter "allow_parallel": got int, want bool`,
		"'a', 'u', links=1":                      "local_resource: links: got int, want an address or link(...)",
		"'a', 'u', labels='a/b'":                 `local_resource: labels: "a/b": a label cannot contain /`,
		"'a', 'u', env={'A': 1}":                 `local_resource: for parameter "env": the value of "A" has type int, want string: write str(...) around it`,
		"'a', 'u', serve_env=1":                  `local_resource: for parameter "serve_env": got int, want a dict of strings`,
		"'a', 'u', dir=1":                        `local_resource: for parameter "dir": got int, want string`,
		"'a', serve_cmd='s', dir='d'":            "local_resource: dir needs cmd, which is not there",
		"'a', 'u', serve_dir='d'":                "local_resource: serve_dir needs serve_cmd, which is not there",
		"'a', 'u', restart='never'":              "local_resource: restart needs serve_cmd, which is not there",
		"'a', 'u', stop_signal='INT'":            "local_resource: stop_signal needs serve_cmd, which is not there",
		"'a', serve_cmd='s', restart='yes'":      `local_resource: restart: got "yes", want one of never, on-failure, always`,
		"'a', serve_cmd='s', stop_signal='FOO'":  `local_resource: stop_signal: got "FOO", want one of SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGKILL`,
		"'a', 'u', stop_grace_secs='1'":          "local_resource: stop_grace_secs: got string, want a number of seconds",
		"'a', 'u', stop_grace_secs=-1":           "local_resource: stop_grace_secs: it must be between 0 and 3600, got -1",
		"'a', 'u', stop_grace_secs=3601.0":       "local_resource: stop_grace_secs: it must be between 0 and 3600, got 3601.0",
		"'a', 'u', stop_grace_secs=float('nan')": "local_resource: stop_grace_secs: it must be between 0 and 3600, got nan",
		"'a', 'u', dep='x'":                      `local_resource: unexpected keyword argument "dep" (did you mean deps?)`,
		"'a', serve_cmd='s', readiness_probe=7":  `local_resource: for parameter "readiness_probe": got int, want probe(...)`,
		"'a', serve_cmd='s', readiness_probe=exec_action('x')": `local_resource: for parameter "readiness_probe": got ExecAction, want probe(...)`,
	} {
		got := newProject(t, "local_resource("+args+")\n").fails()
		if !strings.HasPrefix(got, "Tiltfile:1:1: "+want+"\n") {
			t.Errorf("%s:\ngot  %s\nwant %s", args, got, want)
		}
	}
	if got, want := newProject(t, "test('a')\n").fails(), "Tiltfile:1:1: test: it needs cmd or serve_cmd, and has neither\n"; !strings.HasPrefix(got, want) {
		t.Errorf("got %s", got)
	}
}

// No two resources have the same name, whatever their kinds and whichever comes first.
func TestLocalResource_NameIsTaken(t *testing.T) {
	t.Parallel()
	for tiltfile, want := range map[string]string{
		"local_resource('a', 'u')\ntest('a', 'u')":                                      "Tiltfile:2:1: test: there is a resource a already; it is defined at Tiltfile:1\n",
		"local_resource('web', 'u')\nk8s_yaml('web.yaml')":                              "Tiltfile:2:1: k8s_yaml: there is a resource web already; it is defined at Tiltfile:1\n",
		"k8s_yaml('web.yaml')\nlocal_resource('web', 'u')":                              "Tiltfile:1:1: k8s_yaml: there is a resource web already; it is defined at Tiltfile:2\n",
		"local_resource('a', 'u')\nk8s_yaml('web.yaml')\nk8s_resource('web', 'a')":      "Tiltfile:3:1: k8s_resource: there is a resource a already; it is defined at Tiltfile:1\n",
		"k8s_yaml('web.yaml')\nk8s_resource('web', 'a')\nlocal_resource('a', 'u')":      "Tiltfile:2:1: k8s_resource: there is a resource a already; it is defined at Tiltfile:3\n",
		"k8s_yaml('c.yaml')\nk8s_resource(new_name='a', objects=['c'])\ntest('a', 'u')": "Tiltfile:2:1: k8s_resource: there is a resource a already; it is defined at Tiltfile:3\n",
		"local_resource('a', 'u')\nk8s_resource('a', labels='x')":                       "Tiltfile:2:1: k8s_resource: a is the local_resource at Tiltfile:1\n",
	} {
		files := "\n-- web.yaml --\n" + deployment("web", "x") + "-- c.yaml --\n{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n"
		if got := newProject(t, tiltfile+files).fails(); !strings.HasPrefix(got, want) {
			t.Errorf("%s:\ngot  %s\nwant %s", tiltfile, got, want)
		}
	}
	renamed := newProject(t, "local_resource('web', 'u')\nk8s_yaml('web.yaml')\nk8s_resource('web', 'web-k8s')\n-- web.yaml --\n"+deployment("web", "x")).plan()
	if renamed.Resource("web").Type != plan.TypeLocal || renamed.Resource("web-k8s").Type != plan.TypeKubernetes {
		t.Errorf("got %+v", renamed.Resources)
	}
}

// Resources of all kinds depend on each other, and are enabled with what they depend on.
func TestLocalResource_AmongOthers(t *testing.T) {
	t.Parallel()
	text := `
trigger_mode(TRIGGER_MODE_MANUAL)
local_resource('migrate', 'true', resource_deps=['db', 'gone'])
k8s_yaml(['web.yaml', 'db.yaml'])
k8s_resource('web', resource_deps=['migrate'])
local_resource('other', 'true', trigger_mode=TRIGGER_MODE_AUTO)
-- web.yaml --
` + deployment("web", "x") + "-- db.yaml --\n" + deployment("db", "x")
	p := newProject(t, text)
	p.opts.Resources = []string{"web"}
	got := p.plan()
	var list []string
	for _, r := range got.Resources {
		list = append(list, strings.Join([]string{r.Name, r.Type, r.TriggerMode, map[bool]string{true: "on", false: "off"}[r.Enabled]}, " "))
	}
	if want := []string{"web k8s manual on", "db k8s manual on", "migrate local manual on", "other local auto off"}; !slices.Equal(list, want) {
		t.Errorf("got %q, want %q", list, want)
	}
	if want := []string{"Tiltfile:3: resource migrate depends on gone, which does not exist; the dependency is ignored"}; !slices.Equal(got.Warnings, want) {
		t.Errorf("warnings: got %q", got.Warnings)
	}
	cycle := newProject(t, strings.Replace(text, "'gone'", "'web'", 1)).fails()
	if want := "Tiltfile:4:1: resource_deps: resources depend on each other: web -> migrate -> web\n"; !strings.HasPrefix(cycle, want) {
		t.Errorf("got %s", cycle)
	}
}

// A cluster that may be a production one does not hinder what this machine runs.
func TestLocalResource_IsNotGuarded(t *testing.T) {
	t.Parallel()
	p := newProject(t, "local_resource('a', 'true')\n")
	p.opts.KubeContext, p.opts.KubeLocal = "prod", false
	p.plan()
}

func TestProbe(t *testing.T) {
	t.Parallel()
	for action, want := range map[string]plan.Probe{
		"exec=exec_action(['a', 'b'])":                                   {Exec: []string{"a", "b"}},
		"exec=exec_action('a b'), http_get=None":                         {Exec: []string{"sh", "-c", "a b"}},
		"http_get=http_get_action(80)":                                   {HTTPGet: &plan.HTTPGet{Scheme: "http", Host: "localhost", Port: 80, Path: "/"}},
		"http_get=http_get_action(8443, 'h', 'HTTPS', 'healthz?a=b')":    {HTTPGet: &plan.HTTPGet{Scheme: "https", Host: "h", Port: 8443, Path: "/healthz?a=b"}},
		"http_get=http_get_action(1, host='[::1]', scheme='', path='/')": {HTTPGet: &plan.HTTPGet{Scheme: "http", Host: "::1", Port: 1, Path: "/"}},
		"tcp_socket=tcp_socket_action(65535)":                            {TCPSocket: &plan.TCPSocket{Port: 65535}},
		"tcp_socket=tcp_socket_action(1, '127.0.0.1')":                   {TCPSocket: &plan.TCPSocket{Port: 1, Host: "127.0.0.1"}},
	} {
		got := newProject(t, "local_resource('a', serve_cmd='s', readiness_probe=probe(initial_delay_secs=0, timeout_secs=None, "+action+"))\n").plan()
		want.Timeout, want.Period, want.SuccessThreshold, want.FailureThreshold = 1, 10, 1, 3
		if p := got.Resource("a").Local.Readiness; !reflect.DeepEqual(*p, want) {
			t.Errorf("%s: got %+v, want %+v", action, p, want)
		}
	}
}

func TestProbe_Errors(t *testing.T) {
	t.Parallel()
	socket := ", tcp_socket=tcp_socket_action(1))"
	for tiltfile, want := range map[string]string{
		"probe()":                                "probe: it needs exactly one of exec, http_get and tcp_socket, and has 0",
		"probe(exec=exec_action('a')" + socket:   "probe: it needs exactly one of exec, http_get and tcp_socket, and has 2",
		"probe(exec='a')":                        `probe: for parameter "exec": got string, want exec_action(...)`,
		"probe(http_get=80)":                     `probe: for parameter "http_get": got int, want http_get_action(...)`,
		"probe(tcp_socket=80)":                   `probe: for parameter "tcp_socket": got int, want tcp_socket_action(...)`,
		"probe(failure_threshold=1<<40" + socket: "probe: failure_threshold: it must fit 32 bits, got 1099511627776",
		"probe(period_secs=1.5" + socket:         `probe: for parameter "period_secs": got float, want int`,
		"probe(period=1" + socket:                `probe: unexpected keyword argument "period"`,
		"exec_action('')":                        "exec_action: the command is empty",
		"exec_action()":                          "exec_action: missing argument for command",
		"http_get_action(0)":                     "http_get_action: 0 is not a port: it must be between 1 and 65535",
		"http_get_action(80, scheme='ftp')":      `http_get_action: scheme: got "ftp", want http or https`,
		"http_get_action(80, host='http://x')":   `http_get_action: host: "http://x" is neither an address nor the name of a host`,
		"tcp_socket_action(65536)":               "tcp_socket_action: 65536 is not a port: it must be between 1 and 65535",
		"tcp_socket_action(80, 'h:80')":          `tcp_socket_action: host: "h:80" is neither an address nor the name of a host`,
	} {
		if got := newProject(t, tiltfile+"\n").fails(); !strings.HasPrefix(got, "Tiltfile:1:1: "+want+"\n") {
			t.Errorf("%s:\ngot  %s\nwant %s", tiltfile, got, want)
		}
	}
}
