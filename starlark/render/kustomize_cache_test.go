package render

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/envflow/envflow/starlark/kit"
)

// kustomization is a folder that is built again and again with one cache.
type kustomization struct {
	t     *testing.T
	dir   string
	cache *kit.Cache
	files []string // that the last build noted
}

func newKustomization(t *testing.T) *kustomization {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	k := &kustomization{t: t, dir: dir, cache: kit.NewCache()}
	k.write("overlay/kustomization.yaml", `
resources: [../base, link.yaml]
configMapGenerator: [{name: c, files: [data.txt], envs: [vars.env]}]
patches: [{path: patch.yaml}]
`)
	k.write("overlay/patch.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {b: c}}\n")
	k.write("overlay/data.txt", "data\n")
	k.write("overlay/vars.env", "A=1\n")
	k.write("base/kustomization.yml", "resources: [a.yaml]\n")
	k.write("base/a.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n")
	k.write("overlay/one.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}\n")
	k.write("overlay/two.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: two}}\n")
	k.link("overlay/link.yaml", "one.yaml")
	return k
}

func (k *kustomization) path(name string) string {
	return filepath.Join(k.dir, filepath.FromSlash(name))
}

func (k *kustomization) write(name, text string) {
	k.t.Helper()
	if err := os.MkdirAll(filepath.Dir(k.path(name)), 0o755); err != nil {
		k.t.Fatal(err)
	}
	if err := os.WriteFile(k.path(name), []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kustomization) link(name, target string) {
	k.t.Helper()
	k.remove(name)
	if err := os.Symlink(target, k.path(name)); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kustomization) remove(name string) {
	k.t.Helper()
	if err := os.RemoveAll(k.path(name)); err != nil {
		k.t.Fatal(err)
	}
}

// build returns the result for the cache, which is another one each time kustomize runs; nil if none was kept.
func (k *kustomization) build() (text string, kept *built, err error) {
	k.t.Helper()
	run := kit.NewRun(k.t.Context(), kit.Options{Path: k.path("Tiltfile"), Cache: k.cache})
	dir := k.path("overlay")
	text, err = buildOnce(&kit.Call{Run: run}, dir)
	k.files = nil
	for _, file := range run.ConfigFiles() {
		k.files = append(k.files, strings.TrimPrefix(filepath.ToSlash(file), filepath.ToSlash(k.dir)+"/"))
	}
	value, _ := k.cache.Get(kustomizeKey{dir})
	kept, _ = value.(*built)
	return text, kept, err
}

// must builds what is right.
func (k *kustomization) must() (string, *built) {
	k.t.Helper()
	text, kept, err := k.build()
	if err != nil {
		k.t.Fatal(err)
	}
	return text, kept
}

func TestKustomize_IsBuiltOnceForTheSameFiles(t *testing.T) {
	t.Parallel()
	k := newKustomization(t)
	text, first := k.must()
	noted := k.files
	k.write("overlay/unused.txt", "new\n")
	again, second := k.must()
	if first == nil || second != first || again != text {
		t.Errorf("got %p and %p: it was built again", first, second)
	}
	if !slices.Equal(k.files, noted) {
		t.Errorf("config files are %q, then %q", noted, k.files)
	}
}

func TestKustomize_IsBuiltAgainForWhatChanged(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*kustomization){
		"the kustomization": func(k *kustomization) { k.write("overlay/kustomization.yaml", "resources: [../base]\n") },
		"a resource of the base": func(k *kustomization) {
			k.write("base/a.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: y}}\n")
		},
		"the base": func(k *kustomization) { k.write("base/kustomization.yml", "resources: [a.yaml]\nnamePrefix: x-\n") },
		"a patch": func(k *kustomization) {
			k.write("overlay/patch.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {b: d}}\n")
		},
		"a file of a generator":    func(k *kustomization) { k.write("overlay/data.txt", "changed\n") },
		"variables of a generator": func(k *kustomization) { k.write("overlay/vars.env", "A=2\n") },
		"a link leads elsewhere":   func(k *kustomization) { k.link("overlay/link.yaml", "two.yaml") },
		"what a link leads to": func(k *kustomization) {
			k.write("overlay/one.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: other}}\n")
		},
		"the base is a link": func(k *kustomization) {
			k.write("other/kustomization.yaml", "namePrefix: other-\nresources: [a.yaml]\n")
			k.write("other/a.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n")
			k.link("base", "other")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKustomization(t)
			text, first := k.must()
			if _, second := k.must(); first == nil || second != first {
				t.Fatal("it was built again for no reason: this test shows nothing")
			}
			change(k)
			again, third := k.must()
			if third == nil || third == first || again == text {
				t.Errorf("it was not built again:\n%s", again)
			}
		})
	}
}

// TestKustomize_SeesWhatWasMissing: a second kustomization file is an error, a file that comes back is none.
func TestKustomize_SeesWhatWasMissing(t *testing.T) {
	t.Parallel()
	k := newKustomization(t)
	k.must()
	k.write("base/Kustomization", "resources: [a.yaml]\n")
	if text, _, err := k.build(); err == nil {
		t.Errorf("a second kustomization in the base was not seen:\n%s", text)
	}
	k.remove("base/Kustomization")
	k.remove("overlay/data.txt")
	if text, _, err := k.build(); err == nil {
		t.Errorf("it was not seen that a file is gone:\n%s", text)
	}
	for _, name := range []string{"base/kustomization.yaml", "base/Kustomization", "overlay/data.txt"} {
		if !slices.Contains(k.files, name) {
			t.Errorf("the missing %s is not noted: %q", name, k.files)
		}
	}
	k.write("overlay/data.txt", "data\n")
	k.must()
}

func TestKustomize_NotesAllThatItIsMadeOf(t *testing.T) {
	t.Parallel()
	k := newKustomization(t)
	k.must()
	for _, name := range []string{
		"overlay/kustomization.yaml", "overlay/kustomization.yml", "overlay/Kustomization", "overlay/patch.yaml", "overlay/data.txt", "overlay/vars.env",
		"overlay/link.yaml", "overlay/one.yaml", "base/kustomization.yaml", "base/kustomization.yml", "base/Kustomization", "base/a.yaml", "base",
	} {
		if !slices.Contains(k.files, name) {
			t.Errorf("%s is not noted: %q", name, k.files)
		}
	}
	if slices.Contains(k.files, "overlay/two.yaml") {
		t.Error("a file that nothing names is noted")
	}
}

// TestKustomize_IsNotKeptIfItMayComeFromTheNetwork: what is there can be another thing the next time.
func TestKustomize_IsNotKeptIfItMayComeFromTheNetwork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		kept  bool
	}{
		"an address in the kustomization": {files: map[string]string{
			"overlay/kustomization.yaml": "resources: [one.yaml]\ncommonAnnotations: {home: \"https://example.com\"}\n",
		}},
		"an address in a comment": {kept: true, files: map[string]string{
			"overlay/kustomization.yaml": "# https://example.com\nresources: [one.yaml]\n",
		}},
		"an address in an object": {kept: true, files: map[string]string{
			"overlay/kustomization.yaml": "resources: [one.yaml]\n",
			"overlay/one.yaml":           "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {home: \"https://example.com\"}}\n",
		}},
		"an address where generators are read from files": {files: map[string]string{
			"overlay/kustomization.yaml": "generators: [generator.yaml]\n",
			"overlay/generator.yaml":     "{apiVersion: builtin, kind: ConfigMapGenerator, metadata: {name: a}, literals: [\"home=https://example.com\"]}\n",
		}},
		"generators in files": {kept: true, files: map[string]string{
			"overlay/kustomization.yaml": "generators: [generator.yaml]\n",
			"overlay/generator.yaml":     "{apiVersion: builtin, kind: ConfigMapGenerator, metadata: {name: a}, literals: [a=b]}\n",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKustomization(t)
			for name, text := range c.files {
				k.write(name, text)
			}
			if _, kept := k.must(); (kept != nil) != c.kept {
				t.Errorf("kept: %v, want %v", kept != nil, c.kept)
			}
		})
	}
}

func TestObserver_WhatKustomizeRemovesIsNoConfigFile(t *testing.T) {
	t.Parallel()
	k := newKustomization(t)
	o := newObserver(t.Context())
	for _, name := range []string{"base/a.yaml", "overlay/one.yaml"} {
		if _, err := o.ReadFile(k.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.RemoveAll(k.path("base")); err != nil {
		t.Fatal(err)
	}
	run := kit.NewRun(t.Context(), kit.Options{Path: k.path("Tiltfile")})
	o.note(run)
	if got := run.ConfigFiles(); !slices.Equal(got, []string{k.path("overlay/one.yaml")}) {
		t.Errorf("noted are %q", got)
	}
	if o.certain() {
		t.Error("what was fetched counts as seen")
	}
}

func TestObserver_WhatItCannotRepeatIsNotKept(t *testing.T) {
	t.Parallel()
	k := newKustomization(t)
	for name, look := range map[string]func(*observer) error{
		"Open":    func(o *observer) error { _, err := o.Open(k.path("base/a.yaml")); return err },
		"ReadDir": func(o *observer) error { _, err := o.ReadDir(k.path("base")); return err },
		"Glob":    func(o *observer) error { _, err := o.Glob(k.path("base/*")); return err },
		"Walk": func(o *observer) error {
			return o.Walk(k.path("base"), func(string, os.FileInfo, error) error { return nil })
		},
	} {
		o := newObserver(t.Context())
		if err := look(o); err != nil {
			t.Fatal(err)
		}
		if run := kit.NewRun(t.Context(), kit.Options{Path: k.path("Tiltfile")}); o.certain() {
			t.Errorf("after %s the observer is certain", name)
		} else if o.note(run); len(run.ConfigFiles()) != 1 || !strings.HasPrefix(run.ConfigFiles()[0], k.path("base")) {
			t.Errorf("%s notes %q", name, run.ConfigFiles())
		}
	}
	o := newObserver(t.Context())
	if !o.Exists(k.path("base/a.yaml")) || o.IsDir(k.path("base/a.yaml")) || !o.IsDir(k.path("base")) || o.Exists(k.path("no")) {
		t.Error("the observer sees something else than there is")
	}
	if !o.certain() || !newObserver(t.Context()).sees(o.seen) {
		t.Error("the observer does not see the same again")
	}
	k.remove("base/a.yaml")
	if newObserver(t.Context()).sees(o.seen) {
		t.Error("it is not seen that a file is gone")
	}
}

// TestKustomize_FetchesWithGit: the clone is in a folder that is removed at the end, so that it is no config file, and the
// repository can be another one the next time.
func TestKustomize_FetchesWithGit(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	k := newKustomization(t)
	git := func(args ...string) {
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.com"}, args...)...)
		cmd.Dir = k.path("repo")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	k.write("repo/deploy/kustomization.yaml", "resources: [a.yaml]\n")
	k.write("repo/deploy/a.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: fetched}}\n")
	git("init", "-q", "-b", "main")
	git("add", ".")
	git("commit", "-q", "-m", "first")
	k.write("overlay/kustomization.yaml", "namePrefix: dev-\nresources: [\"file://"+k.path("repo")+"//deploy?ref=main\"]\n")
	text, kept := k.must()
	if !strings.Contains(text, "name: dev-fetched\n") || kept != nil {
		t.Errorf("got %s, kept %v", text, kept)
	}
	for _, file := range k.files {
		if filepath.IsAbs(file) || strings.HasPrefix(file, "repo") {
			t.Errorf("%s is noted", file)
		}
	}
	k.write("repo/deploy/a.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: changed}}\n")
	git("commit", "-q", "-a", "-m", "second")
	if text, _ := k.must(); !strings.Contains(text, "name: dev-changed\n") {
		t.Errorf("got %s of what is there now", text)
	}
}
