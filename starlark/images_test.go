package starlark_test

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/envflow/envflow/internal/plan"
)

func TestDockerBuild_AllArguments(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
docker_build('reg.io/web:dev', 'web', build_args={'A': '1', 'B': ''}, dockerfile='web/D', match_in_env_vars=True,
  entrypoint='run it', container_args=['-x'], target='prod', ssh='default', secret=['id=a,src=b'], network='host',
  extra_tag='web:extra', cache_from=['web:cache'], pull=True, platform='linux/arm64', extra_hosts=['a:1.2.3.4'])
-- web/D --
FROM scratch
`)
	got := p.plan().Images[0]
	got.Ignores = nil
	want := plan.Image{
		Ref: "reg.io/web:dev", MatchExact: true, MatchInEnvVars: true, Context: filepath.Join(p.dir, "web"),
		DockerfilePath: filepath.Join(p.dir, "web/D"), Dockerfile: "FROM scratch\n", BuildArgs: map[string]string{"A": "1", "B": ""},
		Target: "prod", Platform: "linux/arm64", Network: "host", ExtraTags: []string{"web:extra"}, CacheFrom: []string{"web:cache"},
		ExtraHosts: []string{"a:1.2.3.4"}, SSH: []string{"default"}, Secrets: []string{"id=a,src=b"}, Pull: true,
		Entrypoint: []string{"sh", "-c", "run it"}, ContainerArgs: []string{"-x"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDockerBuild_Variants(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
docker_build('a', '-', dockerfile_contents='FROM scratch')
docker_build('b', '.', dockerfile_contents=blob('FROM scratch'), dockerfile=None, cache='/x', entrypoint=['a', 'b'])
`)
	p.opts.Environ = append(p.opts.Environ, "DOCKER_DEFAULT_PLATFORM=linux/amd64")
	got := p.plan()
	a, b := got.Images[0], got.Images[1]
	if a.Context != "" || a.Dockerfile != "FROM scratch" || a.DockerfilePath != "" || a.Ignores != nil || a.Platform != "linux/amd64" {
		t.Errorf("a: got %+v", a)
	}
	if b.Context != p.dir || b.Dockerfile != "FROM scratch" || !slices.Equal(b.Entrypoint, []string{"a", "b"}) {
		t.Errorf("b: got %+v", b)
	}
	if len(got.Warnings) != 4 || got.Warnings[0] != "Tiltfile:3: docker_build(cache=...) does nothing; take it out" {
		t.Errorf("warnings: %q", got.Warnings)
	}
}

func TestDockerBuild_Errors(t *testing.T) {
	t.Parallel()
	for tiltfile, want := range map[string]string{
		"docker_build('a', '.', dockerfile='D', dockerfile_contents='x')":                                                    "docker_build: dockerfile and dockerfile_contents exclude each other",
		"docker_build('UPPER', '.', dockerfile_contents='x')":                                                                `docker_build: "UPPER" is not the name of an image: invalid reference format: repository name (library/UPPER) must be lowercase`,
		"docker_build('a', '-')":                                                                                             "docker_build: an empty context needs dockerfile or dockerfile_contents",
		"docker_build('a', '.', dockerfile_contents='x', only='*.go')":                                                       `docker_build: only: "*.go": it takes paths, not patterns`,
		"docker_build('a', '.', dockerfile_contents='x', extra_tag='-')":                                                     `docker_build: extra_tag "-" is not the name of an image: invalid reference format`,
		"docker_build('a', '.', dockerfile_contents='x', build_args={'A': 1})":                                               `docker_build: for parameter "build_args": the value of "A" has type int, want string: write str(...) around it`,
		"docker_build('a', '.', dockerfile_contents='x', container_args='x')":                                                `docker_build: for parameter "container_args": got a string, want a list of strings: write ["x"]`,
		"docker_build('a', '.', dockerfile_contents='x')\ndocker_build('docker.io/library/a', '.', dockerfile_contents='x')": "docker_build: the image docker.io/library/a is defined twice; the first is at Tiltfile:1",
		"docker_build('a', '-', dockerfile_contents='FROM b')\ndocker_build('b', '-', dockerfile_contents='FROM a')":         "docker_build: images are built from each other: a -> b -> a",
		"default_registry('https://x')":                                                                                      `default_registry: "https://x" is not the name of a registry: invalid reference format`,
		"default_registry('x')\ndefault_registry('y')":                                                                       "default_registry: it can be called only once; the first call is at Tiltfile:1",
	} {
		if got := newProject(t, tiltfile+"\n").fails(); !strings.Contains(got, ": "+want+"\n") {
			t.Errorf("%s:\ngot  %s\nwant %s", tiltfile, got, want)
		}
	}
}

// Which of the project's files a build context or a watch of it has.
func TestDockerBuild_Ignores(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
watch_settings(ignore='docs')
docker_build('a', '.', dockerfile_contents='FROM a', ignore=['*.md', '!README.md'], only=['src', 'README.md', 'NOTES.md', 'Tiltfile', '.git', 'docs', 'skip', '[x]'])
-- .dockerignore --
# comment
skip
-- .git/config --
-- .tiltignore --
*.log
`)
	image := p.plan().Images[0]
	for name, want := range map[string]bool{
		"src/main.go": false, "src/a/b": false, "README.md": false, "[x]/y": false, "docs/a": false,
		"NOTES.md": true, "other": true, "Tiltfile": true, ".git/config": true, "skip/a": true, "src/.main.go.swp": true, "src/4913": true, "x": true,
	} {
		if got := p.ignored(image.Ignores, name); got != want {
			t.Errorf("context: %s ignored %t, want %t", name, got, want)
		}
	}
	for name, want := range map[string]bool{"docs/a": true, "a.log": true, "src/main.go": false} {
		if got := p.ignored(image.WatchIgnores, name); got != want {
			t.Errorf("watch: %s ignored %t, want %t", name, got, want)
		}
	}
}

func TestDockerBuild_IgnoreFileOfTheDockerfileComesFirst(t *testing.T) {
	t.Parallel()
	p := newProject(t, "docker_build('a', '.', dockerfile='x/D')\n-- x/D --\nFROM a\n-- x/D.dockerignore --\none\n-- .dockerignore --\ntwo\n")
	data, err := json.Marshal(p.plan().Images[0].Ignores)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(data); !strings.Contains(text, `"one"`) || strings.Contains(text, `"two"`) {
		t.Errorf("got %s", text)
	}
}

// Images come after those they are made of, and only tags that are meant match.
func TestImages_OrderAndMatching(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
docker_build('web', '-', dockerfile_contents='''
ARG TAG=1
ARG BASE=tools:${TAG}
FROM --platform=linux/amd64 $BASE AS build
FROM common as Final
COPY --from=build /a /a
COPY --from=0 /a /a
COPY --from=assets /a /a
RUN --mount=from=unused true
''', build_args={'TAG': '2'})
docker_build('common', '-', dockerfile_contents='FROM root')
docker_build('root', '-', dockerfile_contents='FROM root:3')
docker_build('tools:1', '-', dockerfile_contents='FROM scratch')
docker_build('tools:2', '-', dockerfile_contents='FROM scratch')
docker_build('assets', '-', dockerfile_contents='FROM scratch')
docker_build('unused', '-', dockerfile_contents='FROM scratch')
docker_build('tagged:1', '-', dockerfile_contents='FROM scratch')
docker_build('broken', '-', dockerfile_contents='')
docker_build('in-env', '-', dockerfile_contents='FROM scratch', match_in_env_vars=True)
update_settings(suppress_unused_image_warnings=['unused'])
k8s_yaml('k.yaml')
-- k.yaml --
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  initContainers: [{name: i, image: 'docker.io/library/web:v9'}]
  containers: [{name: c, image: 'tagged:2'}, {name: d, image: root, env: [{name: X, value: 'in-env:latest'}]}]
`)
	got := p.plan()
	if want := []string{"tools:2", "root", "common", "assets", "web", "in-env"}; !slices.Equal(got.Resources[0].Images, want) {
		t.Errorf("images: got %v, want %v", got.Resources[0].Images, want)
	}
	if w := strings.Join(got.Warnings, "\n"); len(got.Warnings) != 3 || !strings.Contains(w, "tools:1") || !strings.Contains(w, "broken") ||
		!strings.Contains(w, "Tiltfile:18: the image tagged:1 is not built: no resource uses it (did you mean tagged:2?); update_settings(suppress_unused_image_warnings=[\"tagged:1\"]) hides this") {
		t.Errorf("warnings: %s", w)
	}
}

func TestLiveUpdate_Steps(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
def steps(dirs): return [sync('web/' + d, '/app/' + d) for d in dirs]
docker_build('web', 'web', live_update=[initial_sync(), fall_back_on(['web/go.mod'])] + steps(['a', 'b']) + [
  sync('web/f', '/etc/'), sync('web/dir', '/dir/'), sync('base/x', '/x'),
  run('make', trigger='web/Makefile', echo_off=True), run(['touch', 'x']), restart_container()])
docker_build('base', 'base')
-- web/Dockerfile --
FROM base
-- web/dir/x --
-- base/Dockerfile --
FROM scratch
`)
	got := p.plan().Images[0].LiveUpdate
	dir := func(name string) string { return filepath.Join(p.dir, name) }
	want := []plan.Step{
		{Kind: plan.StepInitialSync},
		{Kind: plan.StepFallBackOn, Paths: []string{dir("web/go.mod")}},
		{Kind: plan.StepSync, Local: dir("web/a"), Remote: "/app/a"},
		{Kind: plan.StepSync, Local: dir("web/b"), Remote: "/app/b"},
		{Kind: plan.StepSync, Local: dir("web/f"), Remote: "/etc/"},
		{Kind: plan.StepSync, Local: dir("web/dir"), Remote: "/dir"},
		{Kind: plan.StepSync, Local: dir("base/x"), Remote: "/x"},
		{Kind: plan.StepRun, Command: []string{"sh", "-c", "make"}, Triggers: []string{dir("web/Makefile")}, EchoOff: true},
		{Kind: plan.StepRun, Command: []string{"touch", "x"}, Triggers: []string{}},
		{Kind: plan.StepRestartContainer},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestLiveUpdate_Errors(t *testing.T) {
	t.Parallel()
	build := func(steps string) string {
		return "docker_build('a', 'a', dockerfile_contents='FROM x', live_update=" + steps + ")"
	}
	for tiltfile, want := range map[string]string{
		build("[sync('a', '/a'), fall_back_on('a/x')]"):                      "docker_build: live_update: fall_back_on steps must appear at the start of the list",
		build("[run('x'), sync('a', '/a')]"):                                 "docker_build: live_update: all sync steps must precede all run steps",
		build("[restart_container(), run('x')]"):                             "docker_build: live_update: restart container is only valid as the last step",
		build("[restart_container(), sync('a', '/a')]"):                      "docker_build: live_update: restart container is only valid as the last step",
		build("[sync('a', '/a'), initial_sync()]"):                           "docker_build: live_update: initial_sync must appear at most once, at the start of the list",
		build("[restart_container()]"):                                       "docker_build: live_update: it needs at least one sync or run step",
		build("['a']"):                                                       `docker_build: live_update: it must be a list of steps, such as sync(...) and run(...); got "a", a string`,
		build("[sync('a', 'a')]"):                                            `sync: the destination "a" (of a) is not absolute`,
		build("[sync('b', '/a')]"):                                           "sync: b is not in a watched path of the image a (DIR/a)",
		build("[fall_back_on('b'), run('x')]"):                               "fall_back_on: b is not in a watched path of the image a (DIR/a)",
		build("[run('')]"):                                                   "run: the command is empty",
		"sync('a', '/a')\n[run(x) for x in ['a', 'b']]\nrestart_container()": "sync: found 3 live_update steps that were created but not used in a live_update: sync at Tiltfile:1, run at Tiltfile:2, restart_container at Tiltfile:3",
	} {
		if got := newProject(t, tiltfile+"\n").fails(); !strings.Contains(got, ": "+want+"\n") {
			t.Errorf("%s:\ngot  %s\nwant %s", tiltfile, got, want)
		}
	}
}
