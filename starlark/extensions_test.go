package starlark_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/testenv"
	"github.com/envflow/envflow/internal/testenv/gitrepo"
	"github.com/envflow/envflow/starlark"
)

const defaultExtensions = "https://github.com/tilt-dev/tilt-extensions"

// hello is an extension.
const hello = "def hi():\n    print('hi from ' + __file__)\n"

// newExtensionProject is a project whose default repository has these files.
func newExtensionProject(t *testing.T, text string, files map[string]string) (*project, *gitrepo.Repo) {
	t.Helper()
	repo := gitrepo.New(t, files)
	p := newProject(t, text)
	p.opts.Environ = gitrepo.Environ(map[string]string{defaultExtensions: repo.Dir})
	p.opts.DataDir = t.TempDir()
	return p, repo
}

// offline takes the network away.
func (p *project) offline() { p.opts.Environ = gitrepo.Environ(nil) }

func (p *project) lock() string {
	p.t.Helper()
	data, err := os.ReadFile(filepath.Join(p.dir, "envflow.lock"))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(data)
}

func TestExtension_Loads(t *testing.T) {
	t.Parallel()
	for name, tiltfile := range map[string]string{
		"load":              "load('ext://hello', 'hi')\nhi()\n",
		"load_dynamic":      "load_dynamic('ext://hello')['hi']()\n",
		"include":           "include('ext://user')\n",
		"nested":            "load('ext://deep/hello', 'hi')\nhi()\n",
		"from an extension": "load('ext://user', 'say')\nsay()\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, repo := newExtensionProject(t, tiltfile, map[string]string{
				"hello/Tiltfile": hello, "deep/hello/Tiltfile": hello,
				"user/Tiltfile": "load('ext://hello', 'hi')\nhi()\ndef say():\n    hi()\n",
			})
			got := p.plan()
			commit := repo.Git("rev-parse", "HEAD")
			if !strings.Contains(p.printed(), "hi from "+p.opts.DataDir) || !strings.Contains(p.printed(), commit) {
				t.Errorf("printed:\n%s\nwant a file below %s for %s", p.printed(), p.opts.DataDir, commit)
			}
			if n := strings.Count(p.printed(), "extensions: fetching "+defaultExtensions+" ("+commit[:12]+")\n"); n != 1 {
				t.Errorf("it is told %d times what takes time:\n%s", n, p.printed())
			}
			if len(got.Extensions) != 1 || got.Extensions[0].URL != defaultExtensions || got.Extensions[0].Commit != commit {
				t.Errorf("the plan has the extensions %+v", got.Extensions)
			}
		})
	}
}

func TestExtension_IsExecutedOnceInItsOwnFolder(t *testing.T) {
	t.Parallel()
	p, _ := newExtensionProject(t, "include('ext://hello')\nload('ext://hello', 'text')\ninclude('sub/Tiltfile')\nprint(text)\n-- sub/Tiltfile --\nload_dynamic('ext://hello')\n",
		map[string]string{"hello/Tiltfile": "print('executed')\nload('lib.star', 'name')\ntext = name\n", "hello/lib.star": "name = str(read_file('name.txt'))\n", "hello/name.txt": "from the file"})
	got := p.plan()
	if n := strings.Count(p.printed(), "executed\n"); n != 1 {
		t.Errorf("it was executed %d times:\n%s", n, p.printed())
	}
	if !strings.Contains(p.printed(), "from the file") {
		t.Errorf("printed:\n%s", p.printed())
	}
	for _, name := range []string{"Tiltfile", "lib.star", "name.txt"} {
		if !slices.ContainsFunc(got.ConfigFiles, func(path string) bool { return strings.HasSuffix(path, filepath.Join("hello", name)) }) {
			t.Errorf("%s of the extension is no config file: %v", name, got.ConfigFiles)
		}
	}
	if !slices.Contains(got.ConfigFiles, filepath.Join(p.dir, "envflow.lock")) {
		t.Errorf("envflow.lock is no config file: %v", got.ConfigFiles)
	}
}

func TestExtension_NewestIsAskedForOncePerProcess(t *testing.T) {
	t.Parallel()
	p, repo := newExtensionProject(t, "load('ext://hello', 'text')\nprint(text)\n", map[string]string{"hello/Tiltfile": "text = 'one'\n"})
	p.opts.Heads = &starlark.Heads{}
	p.plan()
	repo.Commit(map[string]string{"hello/Tiltfile": "text = 'two'\n"})
	p.plan()
	if strings.Contains(p.printed(), "two") {
		t.Errorf("a process that is running has taken a newer commit:\n%s", p.printed())
	}
	p.opts.Heads = &starlark.Heads{}
	if got := p.plan(); got.Extensions[0].Commit != repo.Git("rev-parse", "HEAD") || !strings.Contains(p.printed(), "two") {
		t.Errorf("another process has not taken the newer commit: %+v\n%s", got.Extensions, p.printed())
	}
}

func TestExtension_OfflineTakesTheStaleCopy(t *testing.T) {
	t.Parallel()
	p, repo := newExtensionProject(t, "load('ext://hello', 'hi')\n", map[string]string{"hello/Tiltfile": hello})
	p.plan()
	p.offline()
	got := p.plan()
	if len(got.Warnings) == 0 || !strings.Contains(got.Warnings[0], "may be out of date") {
		t.Errorf("warnings: %q", got.Warnings)
	}
	if got.Extensions[0].Commit != repo.Git("rev-parse", "HEAD") {
		t.Errorf("extensions: %+v", got.Extensions)
	}
}

func TestExtension_OfflineWithoutACopyIsAnError(t *testing.T) {
	t.Parallel()
	p, _ := newExtensionProject(t, "load('ext://hello', 'hi')\n", map[string]string{"hello/Tiltfile": hello})
	p.offline()
	text := p.fails()
	for _, want := range []string{"Tiltfile:1:1", "git cannot fetch " + defaultExtensions, "not allowed", "hint: "} {
		if !strings.Contains(text, want) {
			t.Errorf("got:\n%s\nwant in it: %s", text, want)
		}
	}
}

func TestExtension_WithoutGit(t *testing.T) {
	t.Parallel()
	p, _ := newExtensionProject(t, "load('ext://hello', 'hi')\n", map[string]string{"hello/Tiltfile": hello})
	p.opts.Environ = []string{"PATH=" + t.TempDir()}
	if text := p.fails(); !strings.Contains(text, "fetched with git, which is not on this machine") || !strings.Contains(text, "hint: install git") {
		t.Errorf("got:\n%s", text)
	}
	p.opts.Environ = gitrepo.Environ(nil)
	p.opts.DataDir = ""
	if text := p.fails(); !strings.Contains(text, "no folder to keep the extensions") {
		t.Errorf("got:\n%s", text)
	}
}

// What git finds in the environment of a hook would make it work in the repository of the hook.
func TestExtension_IgnoresTheRepositoryOfAHook(t *testing.T) {
	t.Parallel()
	p, _ := newExtensionProject(t, "load('ext://hello', 'hi')\n", map[string]string{"hello/Tiltfile": hello})
	p.opts.Environ = append(p.opts.Environ, "GIT_DIR=/nowhere", "GIT_WORK_TREE=/nowhere", "GIT_INDEX_FILE=/nowhere/index")
	p.plan()
}

func TestExtension_CancelledWhileFetching(t *testing.T) {
	t.Parallel()
	p, _ := newExtensionProject(t, "load('ext://hello', 'hi')\n", map[string]string{"hello/Tiltfile": hello})
	bin := t.TempDir()
	p.write("ready", "") // so that the folder is there
	script := "#!/bin/sh\necho started >>" + filepath.Join(p.dir, "started") + "\nwhile :; do sleep 1; done\n"
	testenv.Program(t, filepath.Join(bin, "git"), script)
	p.opts.Environ = []string{"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH")}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := starlark.Evaluate(ctx, p.opts)
		done <- err
	}()
	waitForFile(t, filepath.Join(p.dir, "started"))
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestExtension_LockPinsTheCommit(t *testing.T) {
	t.Parallel()
	p, repo := newExtensionProject(t, "load('ext://hello', 'text')\nprint(text)\n", map[string]string{"hello/Tiltfile": "text = 'one'\n"})
	first := p.plan()
	path := starlark.LockPath(p.opts.Path)
	if changed, err := starlark.WriteLock(path, first.Extensions); err != nil || !changed {
		t.Fatalf("write the lock: %v, %v", changed, err)
	}
	repo.Commit(map[string]string{"hello/Tiltfile": "text = 'two'\n"})
	if got := p.plan(); got.Extensions[0].Commit != first.Extensions[0].Commit || strings.Contains(p.printed(), "two") {
		t.Errorf("got %+v, printed:\n%s", got.Extensions, p.printed())
	}
	// Nor is a network needed for it, and nothing is out of date.
	p.offline()
	if got := p.plan(); slices.ContainsFunc(got.Warnings, func(w string) bool { return strings.Contains(w, "out of date") }) {
		t.Errorf("warnings: %q", got.Warnings)
	}
	// Elsewhere the pinned commit is fetched, although it is not the newest.
	p.opts.Environ, p.opts.DataDir = gitrepo.Environ(map[string]string{defaultExtensions: repo.Dir}), t.TempDir()
	if got := p.plan(); got.Extensions[0].Commit != first.Extensions[0].Commit {
		t.Errorf("got %+v", got.Extensions)
	}
}

func TestExtension_LockNamesACommitThatIsGone(t *testing.T) {
	t.Parallel()
	p, _ := newExtensionProject(t, "load('ext://hello', 'hi')\n", map[string]string{"hello/Tiltfile": hello})
	p.write("envflow.lock", `{"extensions": [{"url": "`+defaultExtensions+`", "ref": "", "commit": "1111111111111111111111111111111111111111"}]}`)
	if text := p.fails(); !strings.Contains(text, "has no commit 1111111111111111111111111111111111111111 any more") || !strings.Contains(text, "hint: if envflow.lock names it") {
		t.Errorf("got:\n%s", text)
	}
}

func TestExtension_LocksThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"":                                       "envflow.lock cannot be read",
		"{":                                      "envflow.lock cannot be read",
		`{"extensions": []} {}`:                  "more follows after its end",
		`{"extensions": [{"url": "https://x"}]}`: "no url or no whole commit",
		`{"version": 2, "extensions": []}`:       `has the field "version", which this version of envflow does not know`,
	} {
		p, _ := newExtensionProject(t, "load('ext://hello', 'hi')\n", map[string]string{"hello/Tiltfile": hello})
		p.write("envflow.lock", content)
		if text := p.fails(); !strings.Contains(text, want) || !strings.Contains(text, "hint: ") {
			t.Errorf("%q: got:\n%s\nwant in it: %s, and a hint", content, text, want)
		}
		if _, err := starlark.WriteLock(starlark.LockPath(p.opts.Path), nil); err == nil {
			t.Errorf("%q: it can be added to", content)
		}
	}
}

func TestExtension_InCI(t *testing.T) {
	t.Parallel()
	p, _ := newExtensionProject(t, "load('ext://hello', 'hi')\n", map[string]string{"hello/Tiltfile": hello})
	p.opts.Subcommand = "ci"
	got := p.plan()
	if !slices.ContainsFunc(got.Warnings, func(w string) bool { return strings.Contains(w, "there is no envflow.lock") }) {
		t.Errorf("warnings: %q", got.Warnings)
	}
	p.write("envflow.lock", `{"extensions": []}`)
	if text := p.fails(); !strings.Contains(text, "envflow.lock does not pin the repository "+defaultExtensions) || !strings.Contains(text, "hint: run `envflow up` once") {
		t.Errorf("got:\n%s", text)
	}
	if _, err := starlark.WriteLock(starlark.LockPath(p.opts.Path), got.Extensions); err != nil {
		t.Fatal(err)
	}
	if got := p.plan(); slices.ContainsFunc(got.Warnings, func(w string) bool { return strings.Contains(w, "lock") }) {
		t.Errorf("warnings: %q", got.Warnings)
	}
}

func TestWriteLock(t *testing.T) {
	t.Parallel()
	p := newProject(t, "")
	path := starlark.LockPath(p.opts.Path)
	one, two := strings.Repeat("1", 40), strings.Repeat("2", 40)
	write := func(list ...plan.Extension) bool {
		t.Helper()
		changed, err := starlark.WriteLock(path, list)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	if write(plan.Extension{URL: "file:///src"}) {
		t.Error("a folder is in the lock file")
	}
	if !write(plan.Extension{URL: "https://b", Commit: one}, plan.Extension{URL: "https://a", Ref: "v2", Commit: one}) {
		t.Error("nothing was written")
	}
	if write(plan.Extension{URL: "https://b", Commit: two}) {
		t.Error("what is pinned was changed")
	}
	if !write(plan.Extension{URL: "https://a", Ref: "v1", Commit: two}) {
		t.Error("nothing was added")
	}
	want := `{
  "extensions": [
    {
      "url": "https://a",
      "ref": "v1",
      "commit": "` + two + `"
    },
    {
      "url": "https://a",
      "ref": "v2",
      "commit": "` + one + `"
    },
    {
      "url": "https://b",
      "ref": "",
      "commit": "` + one + `"
    }
  ]
}
`
	if got := p.lock(); got != want {
		t.Errorf("got:\n%s", got)
	}
	left, err := filepath.Glob(filepath.Join(p.dir, ".envflow.lock*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left beside it: %v, %v", left, err)
	}
}

func TestExtension_UnknownNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"restart_proces":  {"there is no extension restart_proces in " + defaultExtensions, "did you mean restart_process?"},
		"something/else":  {"there is no extension something/else", "load_host='something'"},
		"nothing_like_it": {"there is no extension nothing_like_it", "folders that have a Tiltfile"},
		"empty":           {"the folder empty of " + defaultExtensions + " has no Tiltfile"},
		"../secrets":      {"no name of an extension", "leaves the repository"},
		"":                {"no name of an extension", "it is empty"},
		"deep/hell":       {"did you mean deep/hello?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := newExtensionProject(t, "load('ext://"+name+"', 'x')\n", map[string]string{
				"restart_process/Tiltfile": "x = 1\n", "empty/README.md": "nothing", "deep/hello/Tiltfile": "x = 1\n",
			})
			text := p.fails()
			for _, each := range append(want, "Tiltfile:1:1") {
				if !strings.Contains(text, each) {
					t.Errorf("got:\n%s\nwant in it: %s", text, each)
				}
			}
		})
	}
}

func TestExtension_ErrorInItsFileHasBothPlaces(t *testing.T) {
	t.Parallel()
	p, _ := newExtensionProject(t, "load('ext://broken', 'x')\n", map[string]string{"broken/Tiltfile": "x = 1\nfail('no luck')\n"})
	text := p.fails()
	for _, want := range []string{filepath.Join("broken", "Tiltfile") + ":2:1: no luck", "Tiltfile:1:1 in <toplevel>", "2 | fail('no luck')"} {
		if !strings.Contains(text, want) {
			t.Errorf("got:\n%s\nwant in it: %s", text, want)
		}
	}
}

func TestExtension_MissingProgram(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{
		"in a shell line":   "local('no-such-program --version')",
		"in a pipe's end":   "local('echo a | no-such-program')",
		"as argv":           "local(['no-such-program', '--version'])",
		"by env":            "local('env no-such-program')",
		"below a function":  "def f():\n    local('no-such-program')\nf()",
		"quietly":           "local('no-such-program', quiet=True)",
		"by bash, in words": "local('''echo 'bash: line 1: no-such-program: command not found' >&2; exit 127''')",
		"by zsh, in words":  "local('''echo 'zsh:1: command not found: no-such-program' >&2; exit 127''')",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := newExtensionProject(t, "include('ext://needy')\n", map[string]string{"needy/Tiltfile": command + "\n"})
			text := p.fails()
			for _, want := range []string{"local: the extension needy needs the program no-such-program, which is not on this machine", "hint: install no-such-program"} {
				if !strings.Contains(text, want) {
					t.Errorf("got:\n%s\nwant in it: %s", text, want)
				}
			}
		})
	}
	// Other failures are what they are, and the Tiltfile's own commands are its own.
	for name, tiltfile := range map[string]string{
		"own command":  "local('no-such-program')\n",
		"other status": "include('ext://other')\n",
		"no folder":    "include('ext://folder')\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := newExtensionProject(t, tiltfile, map[string]string{
				"other/Tiltfile": "local('echo x: not found >&2; exit 1')\n", "folder/Tiltfile": "local('true', dir='no-such-folder')\n",
			})
			if text := p.fails(); strings.Contains(text, "needs the program") {
				t.Errorf("got:\n%s", text)
			}
		})
	}
}

// Evaluations of several environments fetch into one folder.
func TestExtension_ManyAtOnce(t *testing.T) {
	t.Parallel()
	p, _ := newExtensionProject(t, "", map[string]string{"hello/Tiltfile": hello})
	results := make(chan error)
	const many = 6
	for range many {
		other := newProject(t, "load('ext://hello', 'hi')\nhi()\n")
		other.opts.Environ, other.opts.DataDir = p.opts.Environ, p.opts.DataDir
		go func() {
			_, err := starlark.Evaluate(t.Context(), other.opts)
			results <- err
		}()
	}
	for range many {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(p.opts.DataDir, "extensions", "tilt_modules", "*", "tmp-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// Whoever is killed while fetching leaves a folder, which the next one removes.
func TestExtension_AfterAKill(t *testing.T) {
	t.Parallel()
	p, repo := newExtensionProject(t, "load('ext://hello', 'hi')\n", map[string]string{"hello/Tiltfile": hello})
	p.plan()
	folders, err := filepath.Glob(filepath.Join(p.opts.DataDir, "extensions", "tilt_modules", "*"))
	if err != nil || len(folders) != 1 {
		t.Fatalf("folders: %v, %v", folders, err)
	}
	left := filepath.Join(folders[0], "tmp-123")
	for _, damaged := range []string{`{"HEAD": `, "null", `{"HEAD": "../.."}`, "[]"} {
		if err := os.MkdirAll(filepath.Join(left, "files", "hello"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folders[0], "refs.json"), []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		repo.Commit(nil)
		if got := p.plan(); got.Extensions[0].Commit != repo.Git("rev-parse", "HEAD") {
			t.Errorf("%s: got %+v", damaged, got.Extensions)
		}
		if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", left, err)
		}
	}
}

func TestExtension_FilesOfARunningEvaluationStay(t *testing.T) {
	t.Parallel()
	p, repo := newExtensionProject(t, "load('ext://hello', 'dir')\nprint('in ' + dir)\n", map[string]string{"hello/Tiltfile": "dir = os.getcwd()\n", "hello/data": "one"})
	p.plan()
	_, dir, _ := strings.Cut(p.printed(), "in ")
	dir, _, _ = strings.Cut(dir, "\n")
	repo.Commit(map[string]string{"hello/data": "two"})
	p.plan()
	if data, err := os.ReadFile(filepath.Join(dir, "data")); err != nil || string(data) != "one" {
		t.Errorf("got %q, %v", data, err)
	}
}
