package extensions_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/testenv/gitrepo"
	"github.com/envflow/envflow/starlark/config"
	"github.com/envflow/envflow/starlark/extensions"
	"github.com/envflow/envflow/starlark/ignores"
	"github.com/envflow/envflow/starlark/kit"
	"github.com/envflow/envflow/starlark/language"
	"github.com/envflow/envflow/starlark/local"
	"github.com/envflow/envflow/starlark/settings"
	"github.com/envflow/envflow/starlark/system"
)

// evaluation is a Tiltfile with what is registered by builtins of the test: repo and extension.
type evaluation struct {
	t      *testing.T
	o      kit.Options
	output strings.Builder
}

func newEvaluation(t *testing.T, tiltfile string) *evaluation {
	t.Helper()
	e := &evaluation{t: t}
	dir := t.TempDir()
	e.o = kit.Options{Path: filepath.Join(dir, "Tiltfile"), Subcommand: "up", Environ: gitrepo.Environ(nil), Output: &e.output, DataDir: t.TempDir()}
	e.write("Tiltfile", strings.ReplaceAll(tiltfile, "DIR", dir))
	return e
}

func (e *evaluation) write(name, text string) {
	e.t.Helper()
	path := filepath.Join(filepath.Dir(e.o.Path), name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		e.t.Fatal(err)
	}
}

// run evaluates, and returns the error's whole text.
func (e *evaluation) run() (p *plan.Plan, problem string) {
	e.t.Helper()
	run := kit.NewRun(e.t.Context(), e.o)
	run.Guard = func(string) error { return nil }
	if err := evaluate(run); err != nil {
		return nil, strings.ReplaceAll(run.Explain(err).Error(), filepath.Dir(e.o.Path), "DIR")
	}
	return run.Plan, ""
}

func evaluate(run *kit.Run) error {
	language.New(run)
	system.New(run)
	ignore := ignores.New(run)
	local.New(run, ignore, settings.New(run))
	family := extensions.New(run, func(run *kit.Run, o kit.Options) (*plan.Plan, error) {
		own := kit.NewRun(run.Ctx, o)
		if err := evaluate(own); err != nil {
			return nil, own.Explain(err)
		}
		return own.Plan, nil
	})
	config.New(run)
	run.OnFinish(family.Enable)
	run.Builtin("repo", func(c *kit.Call) (gostarlark.Value, error) {
		var name, url, ref, host, subpath string
		if err := c.Unpack("name", &name, "url", &url, "ref?", &ref, "load_host?", &host, "git_subpath?", &subpath); err != nil {
			return nil, err
		}
		return nil, add(c, family, "ExtensionRepo", name, map[string]any{"url": url, "ref": ref, "loadHost": host, "gitSubpath": subpath})
	})
	run.Builtin("extension", func(c *kit.Call) (gostarlark.Value, error) {
		var name, repo, path string
		var args kit.Strs
		if err := c.Unpack("name", &name, "repo_name", &repo, "repo_path", &path, "args?", &args); err != nil {
			return nil, err
		}
		return nil, add(c, family, "Extension", name, map[string]any{"repoName": repo, "repoPath": path, "args": args})
	})
	if _, err := run.Exec(run.Path); err != nil {
		return err
	}
	err := run.Assemble()
	run.Plan.ConfigFiles = run.ConfigFiles()
	return err
}

// add registers an object as v1alpha1 makes it.
func add(c *kit.Call, family *extensions.Family, kind, name string, spec map[string]any) error {
	data, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return family.AddObject(c, plan.APIObject{Kind: kind, Name: name, Spec: data})
}

const says = "print('%s executed')\ndef hi():\n    print('%s called')\n"

func said(name string) string { return fmt.Sprintf(says, name, name) }

func TestRepos(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ tiltfile, output, problem string }{
		"a fork of the default": {"repo('default', 'file://DIR/fork')\nload('ext://a', 'hi')\nhi()", "fork/a called", ""},
		"by its host":           {"repo('mine', 'file://DIR/own', load_host='acme')\nload('ext://acme/b', 'hi')\nhi()", "own/b called", ""},
		"a folder in a host":    {"repo('mine', 'file://DIR/own', load_host='acme')\nload('ext://acme/deep/c', 'hi')\nhi()", "own/deep/c called", ""},
		"the longer host wins": {
			"repo('mine', 'file://DIR/own', load_host='acme')\nrepo('other', 'file://DIR/fork', load_host='acme/deep')\nload('ext://acme/deep/a', 'hi')\nhi()", "fork/a called", "",
		},
		"a host is a whole word": {"repo('default', 'file://DIR/fork')\nrepo('mine', 'file://DIR/own', load_host='ac')\nload('ext://acme/b', 'hi')", "", "there is no extension acme/b in file://DIR/fork"},
		"host without a name":    {"repo('default', 'file://DIR/fork')\nrepo('mine', 'file://DIR/own', load_host='acme')\nload('ext://acme', 'hi')", "", "there is no extension acme in file://DIR/fork"},
		"an extension by its name": {
			"repo('mine', 'file://DIR/own')\nextension('mine', 'mine', 'deep/c')\nload('ext://mine', 'hi')\nhi()", "own/deep/c called", "",
		},
		"a slash in load is an underscore in the name": {
			"repo('mine', 'file://DIR/own')\nextension('x_y', 'mine', 'b')\nload('ext://x/y', 'hi')\nhi()", "own/b called", "",
		},
		"a name of an extension comes before a host": {
			"repo('mine', 'file://DIR/own', load_host='acme')\nrepo('other', 'file://DIR/fork')\nextension('acme_b', 'other', 'a')\nload('ext://acme/b', 'hi')\nhi()", "fork/a called", "",
		},
		"the same twice": {"repo('mine', 'file://DIR/own')\nrepo('mine', 'file://DIR/own')\nextension('b', 'mine', 'b')\nextension('b', 'mine', 'b')\nload('ext://b', 'hi')\nhi()", "own/b called", ""},

		"another of the name":                           {"repo('mine', 'file://DIR/own')\nrepo('mine', 'file://DIR/fork')", "", "Tiltfile:2:1: repo: there is another repository mine already, registered at Tiltfile:1"},
		"another of the host":                           {"repo('mine', 'file://DIR/own', load_host='a')\nrepo('other', 'file://DIR/fork', load_host='a')", "", `repo: load_host: the repository mine has "a" already`},
		"another extension of the name":                 {"repo('mine', 'file://DIR/own')\nextension('x', 'mine', 'b')\nextension('x', 'mine', 'c')", "", "Tiltfile:3:1: extension: there is another extension x already, registered at Tiltfile:2"},
		"unknown repository":                            {"repo('mine', 'file://DIR/own')\nextension('x', 'min', 'b')", "", "Tiltfile:2:1: v1alpha1.extension: no repository of extensions is called \"min\"\n  2 | extension('x', 'min', 'b')\n    | ^\nhint: did you mean \"mine\"?"},
		"unknown repository in a load":                  {"extension('x', 'mine', 'b')\nload('ext://x', 'hi')", "", "hint: register it before: v1alpha1.extension_repo(name='mine'"},
		"unknown host":                                  {"repo('default', 'file://DIR/fork')\nrepo('mine', 'file://DIR/own', load_host='acme')\nload('ext://acne/b', 'hi')", "", "hint: no repository has load_host='acne'; did you mean acme?"},
		"repository without host":                       {"repo('default', 'file://DIR/fork')\nrepo('acme', 'file://DIR/own')\nload('ext://acme/b', 'hi')", "", "hint: give the repository acme load_host='acme'"},
		"path that leaves":                              {"extension('x', 'default', '../b')", "", "extension: repo_path: it leaves the repository"},
		"path with backslashes":                         {`extension('x', 'default', 'a\\b')`, "", "extension: repo_path: the parts are separated by /"},
		"ssh address":                                   {"repo('mine', 'git@github.com:a/b')", "", "begins with none of https://, http:// and file://"},
		"ssh address, what to do":                       {"repo('mine', 'git@github.com:a/b')", "", "hint: write the https:// address here"},
		"relative folder":                               {"repo('mine', 'file://own')", "", "url: file://own is not absolute"},
		"folder with a ref":                             {"repo('mine', 'file:///own', ref='v1')", "", "ref: a file:// repository is a folder as it is"},
		"folder with a subpath":                         {"repo('mine', 'file:///own', git_subpath='a')", "", "git_subpath: a file:// repository has none"},
		"folder that is not there":                      {"repo('mine', 'file://DIR/none', load_host='a')\nload('ext://a/b', 'hi')", "", "there is no folder DIR/none, which is a repository of extensions"},
		"ref that is an option":                         {"repo('mine', 'https://a/b', ref='--upload-pack=x')", "", `ref: "--upload-pack=x" cannot be a tag, branch or commit`},
		"subpath that leaves":                           {"repo('mine', 'https://a/b', git_subpath='../c')", "", "git_subpath: it leaves the repository"},
		"host with a slash":                             {"repo('mine', 'https://a/b', load_host='/c')", "", `load_host: "/c" begins or ends with a slash`},
		"a fork of the default, after another was used": {"repo('other', 'file://DIR/own', load_host='a')\nload('ext://a/b', 'hi')\nrepo('default', 'file://DIR/fork')\nload('ext://a', x='hi')\nx()", "fork/a called", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEvaluation(t, test.tiltfile)
			for _, file := range []string{"fork/a", "own/b", "own/deep/c"} {
				e.write(file+"/Tiltfile", said(file))
			}
			_, problem := e.run()
			if test.problem == "" && problem != "" {
				t.Fatalf("got:\n%s", problem)
			}
			if !strings.Contains(problem, test.problem) {
				t.Errorf("got:\n%s\nwant in it:\n%s", problem, test.problem)
			}
			if !strings.Contains(e.output.String(), test.output) {
				t.Errorf("printed:\n%s\nwant in it: %s", e.output.String(), test.output)
			}
		})
	}
}

// A second default repository would give one name two meanings.
func TestRepos_DefaultThatWasUsed(t *testing.T) {
	t.Parallel()
	repo := gitrepo.New(t, map[string]string{"a/Tiltfile": said("a")})
	e := newEvaluation(t, "load('ext://a', 'hi')\nrepo('default', 'file://DIR/fork')\n")
	e.o.Environ = gitrepo.Environ(map[string]string{"https://github.com/tilt-dev/tilt-extensions": repo.Dir})
	want := "Tiltfile:2:1: repo: the extension a was loaded from the usual repository before this call"
	if _, problem := e.run(); !strings.Contains(problem, want) || !strings.Contains(problem, "hint: register the repository default above") {
		t.Errorf("got:\n%s\nwant in it:\n%s", problem, want)
	}
}

func TestRefs(t *testing.T) {
	t.Parallel()
	const url = "https://git.example/extensions.git"
	repo := gitrepo.New(t, map[string]string{"in/here/x/Tiltfile": "text = 'first'\n"})
	first := repo.Git("rev-parse", "HEAD")
	repo.Git("tag", "light")
	repo.Git("tag", "--annotate", "--message=release", "v1.0")
	repo.Git("checkout", "--quiet", "-b", "feature/x")
	branch := repo.Commit(map[string]string{"in/here/x/Tiltfile": "text = 'branch'\n"})
	repo.Git("checkout", "--quiet", "main")
	newest := repo.Commit(map[string]string{"in/here/x/Tiltfile": "text = 'newest'\n"})
	for name, test := range map[string]struct{ ref, commit, text, problem string }{
		"newest":                {"", newest, "newest", ""},
		"tag":                   {"light", first, "first", ""},
		"tag with a message":    {"v1.0", first, "first", ""},
		"branch":                {"feature/x", branch, "branch", ""},
		"commit":                {first, first, "first", ""},
		"beginning of a commit": {branch[:10], branch, "branch", ""},
		"unknown, near another": {"v1.1", "", "", "has no tag, branch or commit v1.1\n  2 | load('ext://own/x', 'text')\n    | ^\nhint: did you mean v1.0?"},
		"unknown":               {"release-2026", "", "", "hint: git ls-remote " + url + " lists its tags and branches"},
		"unknown commit":        {strings.Repeat("ab", 20), "", "", "has no commit " + strings.Repeat("ab", 20) + " any more"},
		"unknown short commit":  {"abcdef1", "", "", "has no tag, branch or commit abcdef1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEvaluation(t, fmt.Sprintf("repo('own', '%s', ref='%s', load_host='own', git_subpath='in/here')\nload('ext://own/x', 'text')\nprint('it is ' + text)\n", url, test.ref))
			e.o.Environ = gitrepo.Environ(map[string]string{url: repo.Dir})
			p, problem := e.run()
			if test.problem != "" {
				if !strings.Contains(problem, test.problem) {
					t.Errorf("got:\n%s\nwant in it:\n%s", problem, test.problem)
				}
				return
			}
			if problem != "" {
				t.Fatal(problem)
			}
			want := []plan.Extension{{URL: url, Ref: test.ref, Commit: test.commit, Names: []string{"own/x"}}}
			if !slices.EqualFunc(p.Extensions, want, func(a, b plan.Extension) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
				t.Errorf("got %+v, want %+v", p.Extensions, want)
			}
			if !strings.Contains(e.output.String(), "it is "+test.text) {
				t.Errorf("printed:\n%s", e.output.String())
			}
			if test.ref == "" {
				return
			}
			// A ref that was named is not asked for again.
			e.o.Environ = gitrepo.Environ(nil)
			p, problem = e.run()
			if problem != "" || len(p.Warnings) > 0 {
				t.Errorf("without a network: %s, %+v", problem, p)
			}
		})
	}
}

func TestRegistered(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ tiltfile, output, problem, resources string }{
		"is evaluated":             {"extension('x', 'own', 'plain')", "plain executed", "", "[main:true plain:true]"},
		"has arguments":            {"extension('x', 'own', 'args', args=['--who=me'])", "hello me", "", "[main:true]"},
		"has arguments of its own": {"extension('x', 'own', 'args', args=['--who=me'])\nextension('y', 'own', 'args', args=['--who=you'])", "hello you", "", "[main:true]"},
		"enables by its arguments": {"extension('x', 'own', 'two', args=['one'])", "", "", "[main:true one:true two:false]"},
		"is main for itself":       {"extension('x', 'own', 'plain')", "plain is __main__ in plain", "", "[main:true plain:true]"},
		"once if it is loaded too": {"extension('x', 'own', 'plain')\nload('ext://x', 'hi')\nhi()", "plain called", "", "[main:true plain:true]"},
		"registers others":         {"extension('x', 'own', 'more')", "plain executed", "", "[main:true more:true plain:true]"},
		"registers itself":         {"extension('x', 'own', 'self')", "", "", "[main:true self:true]"},
		"keeps its variables":      {"extension('x', 'own', 'putenv')", "", "", "[main:true]"},
		"clashes":                  {"extension('x', 'own', 'clash')", "", "v1alpha1.extension: the extension x: there is a resource main already; it is defined at Tiltfile:2", ""},
		"fails":                    {"extension('x', 'own', 'fails')", "", "own/fails/Tiltfile:1:1: no luck\n  1 | fail('no luck')\n    | ^\ncalled from:\n  Tiltfile:3:1 in <toplevel>", ""},
		"wrong arguments":          {"extension('x', 'own', 'args', args=['--whom=me'])", "", "own/args/Tiltfile:2:", ""},
		"takes no arguments":       {"extension('x', 'own', 'plain', args=['--who=me'])", "", "Tiltfile:3:1: v1alpha1.extension: the extension x: the argument --who=me is not known", ""},
		"is not there":             {"extension('x', 'own', 'plan')", "", "Tiltfile:3:1: v1alpha1.extension: there is no extension plan in file://DIR/own\n  3 | extension('x', 'own', 'plan')\n    | ^\nhint: did you mean plain?", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEvaluation(t, "repo('own', 'file://DIR/own')\nlocal_resource('main', 'true')\n"+test.tiltfile+"\n")
			own := filepath.Join(filepath.Dir(e.o.Path), "own")
			for file, text := range map[string]string{
				"plain":  said("plain") + "print('plain is ' + __name__ + ' in ' + os.path.basename(config.main_dir))\nlocal_resource('plain', 'true')\n",
				"args":   "config.define_string('who')\nprint('hello ' + config.parse()['who'])\n",
				"two":    "local_resource('one', 'true')\nlocal_resource('two', 'true')\n",
				"more":   "repo('own', 'file://" + own + "')\nextension('plain', 'own', 'plain')\nlocal_resource('more', 'true')\n",
				"self":   "repo('own', 'file://" + own + "')\nextension('self', 'own', 'self')\nlocal_resource('self', 'true')\n",
				"putenv": "os.putenv('A', 'b')\n",
				"clash":  "local_resource('main', 'true')\n",
				"fails":  "fail('no luck')\n",
			} {
				e.write("own/"+file+"/Tiltfile", text)
			}
			p, problem := e.run()
			if !strings.Contains(problem, test.problem) || test.problem == "" && problem != "" {
				t.Fatalf("got:\n%s\nwant in it:\n%s", problem, test.problem)
			}
			if !strings.Contains(e.output.String(), test.output) {
				t.Errorf("printed:\n%s\nwant in it: %s", e.output.String(), test.output)
			}
			if p == nil {
				return
			}
			if n := strings.Count(e.output.String(), "plain executed"); n > 1 {
				t.Errorf("it was executed %d times", n)
			}
			var resources []string
			for _, r := range p.Resources {
				resources = append(resources, fmt.Sprintf("%s:%t", r.Name, r.Enabled))
			}
			slices.Sort(resources)
			if got := fmt.Sprint(resources); got != test.resources {
				t.Errorf("resources: %s, want %s", got, test.resources)
			}
			if len(p.Settings.Env) > 0 {
				t.Errorf("variables of the extension are the main Tiltfile's: %v", p.Settings.Env)
			}
			if len(p.Extensions) != 1 || !slices.Contains(p.Extensions[0].Names, "x") || p.Extensions[0].Commit != "" {
				t.Errorf("extensions: %+v", p.Extensions)
			}
			if !slices.ContainsFunc(p.ConfigFiles, func(path string) bool { return strings.HasPrefix(path, own) }) {
				t.Errorf("config files: %v", p.ConfigFiles)
			}
		})
	}
}

// The arguments of the main Tiltfile choose among its own resources.
func TestRegistered_IsEnabledByItsOwnArguments(t *testing.T) {
	t.Parallel()
	e := newEvaluation(t, "repo('own', 'file://DIR/own')\nextension('x', 'own', 'x')\nlocal_resource('a', 'true')\nlocal_resource('b', 'true')\n")
	e.write("own/x/Tiltfile", "local_resource('c', 'true')\n")
	e.o.Resources = []string{"a"}
	p, problem := e.run()
	if problem != "" {
		t.Fatal(problem)
	}
	for name, want := range map[string]bool{"a": true, "b": false, "c": true} {
		if got := p.Resource(name).Enabled; got != want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

// What a failing extension has read is a reason to try again.
func TestRegistered_ConfigFilesOfAFailure(t *testing.T) {
	t.Parallel()
	e := newEvaluation(t, "repo('own', 'file://DIR/own')\nextension('x', 'own', 'x')\n")
	e.write("own/x/Tiltfile", "fail('no luck')\n")
	run := kit.NewRun(t.Context(), e.o)
	err := evaluate(run)
	if err == nil {
		t.Fatal("it evaluated")
	}
	files := run.Explain(err).ConfigFiles
	for _, name := range []string{"Tiltfile", "own/x/Tiltfile"} {
		if path := filepath.Join(filepath.Dir(e.o.Path), name); !slices.Contains(files, path) {
			t.Errorf("%s is not in %v", path, files)
		}
	}
}
