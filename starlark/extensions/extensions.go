package extensions

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// tiltfile is the file of an extension that is executed.
const tiltfile = "Tiltfile"

// Extension is an extension under a name of the Tiltfile's own, as v1alpha1.extension registers it.
type Extension struct {
	Name     string
	RepoName string
	RepoPath string   // in the repository, with slashes
	Args     []string // for config.parse, if no file loads it
}

// Evaluate evaluates the Tiltfile of o within that of run.
type Evaluate func(run *kit.Run, o kit.Options) (*plan.Plan, error)

// Family knows repositories and extensions, and what was loaded of them.
type Family struct {
	run        *kit.Run
	evaluate   Evaluate
	store      *store
	lock       *lockFile // nil until a repository of git is used
	repos      map[string]*registered[Repo]
	extensions map[string]*registered[Extension]
	names      []string          // of extensions, in the order they were registered
	roots      map[key]root      // of repositories that were used
	folders    map[string]string // of extensions that were loaded: the name by the folder
	used       map[key][]string  // names of extensions, by repository
	results    []plan.Resource   // of registered extensions
}

// registered is what a call of the Tiltfile registered.
type registered[T any] struct {
	value T
	at    kit.Trace
}

// key is a state of a repository.
type key struct{ url, ref string }

// New registers the family. It has to come before all that looks at the plan as a whole.
func New(run *kit.Run, evaluate Evaluate) *Family {
	f := &Family{
		run: run, evaluate: evaluate, store: newStore(run), roots: map[key]root{}, folders: map[string]string{}, used: map[key][]string{},
		repos: map[string]*registered[Repo]{}, extensions: map[string]*registered[Extension]{},
	}
	run.FindExtension = f.find
	run.ExtensionOf = f.extensionOf
	run.OnAssemble(f.evaluateRegistered)
	run.OnFinish(f.report)
	return f
}

// find returns the Tiltfile of an extension.
func (f *Family) find(name string) (string, error) {
	if err := checkPath(name); err != nil {
		return "", fmt.Errorf("%q is no name of an extension: %w", name, err)
	}
	repo, path, err := f.locate(name)
	if err != nil {
		return "", err
	}
	return f.open(name, repo, path)
}

// locate returns where an extension is: what was registered under its name comes first, then the repository whose load_host
// begins the name, then the default repository.
func (f *Family) locate(name string) (repo Repo, path string, err error) {
	if e := f.extensions[flat(name)]; e != nil {
		repo, err = f.repo(e.value.RepoName)
		return repo, e.value.RepoPath, err
	}
	host := ""
	for _, r := range f.repos {
		rest, ok := strings.CutPrefix(name, r.value.LoadHost+"/")
		if ok && r.value.LoadHost != "" && len(r.value.LoadHost) > len(host) {
			repo, path, host = r.value, rest, r.value.LoadHost
		}
	}
	if host != "" {
		return repo, path, nil
	}
	repo, err = f.repo(defaultRepo.Name)
	return repo, name, err
}

// flat is the name that an extension is registered under: a slash is none that the name of an object can have.
func flat(name string) string { return strings.ReplaceAll(name, "/", "_") }

// open makes sure that the repository is on this machine, and returns the Tiltfile at path in it.
func (f *Family) open(name string, repo Repo, path string) (string, error) {
	at, err := f.root(repo)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(at.dir, filepath.FromSlash(repo.GitSubpath))
	file := filepath.Join(folder, filepath.FromSlash(path), tiltfile)
	if !isFile(file) {
		f.run.Note(file)
		return "", f.unknown(repo, folder, path)
	}
	f.folders[filepath.Dir(file)] = name
	used := f.used[key{repo.URL, repo.Ref}]
	if !slices.Contains(used, name) {
		f.used[key{repo.URL, repo.Ref}] = append(used, name)
	}
	return file, nil
}

// extensionOf returns the name of the extension whose folder a file is in.
func (f *Family) extensionOf(path string) string {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if name, ok := f.folders[dir]; ok {
			return name
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

// AddExtension registers an extension for the call of a builtin.
func (f *Family) AddExtension(c *kit.Call, e Extension) error {
	if err := checkPath(e.RepoPath); err != nil {
		return fmt.Errorf("repo_path: %w", err)
	}
	if before := f.extensions[e.Name]; before != nil {
		if slices.Equal(before.value.Args, e.Args) && before.value.RepoName == e.RepoName && before.value.RepoPath == e.RepoPath {
			return nil
		}
		return f.already("extension", e.Name, before.at)
	}
	f.extensions[e.Name] = &registered[Extension]{value: e, at: c.Trace()}
	f.names = append(f.names, e.Name)
	return nil
}

// already says that a name is taken.
func (f *Family) already(kind, name string, at kit.Trace) error {
	err := fmt.Errorf("there is another %s %s already", kind, name)
	if len(at) > 0 {
		err = fmt.Errorf("%w, registered at %s:%d", err, f.run.Display(at[0].File), at[0].Line)
	}
	return err
}

// checkPath refuses what is no path below a folder.
func checkPath(path string) error {
	switch {
	case path == "":
		return errors.New("it is empty")
	case strings.Contains(path, `\`):
		return errors.New("the parts are separated by /")
	case !filepath.IsLocal(filepath.FromSlash(path)):
		return errors.New("it leaves the repository")
	}
	return nil
}

// report says in the plan what was loaded.
func (f *Family) report() error {
	for k, names := range f.used {
		e := plan.Extension{URL: k.url, Ref: k.ref, Commit: f.roots[k].commit, Names: slices.Clone(names)}
		f.run.Plan.Extensions = mergeExtension(f.run.Plan.Extensions, e)
	}
	f.warnUnlocked()
	return nil
}

// mergeExtension adds what was loaded to a list that is sorted by URL and ref.
func mergeExtension(list []plan.Extension, e plan.Extension) []plan.Extension {
	i, found := slices.BinarySearchFunc(list, e, compareExtensions)
	if !found {
		list = slices.Insert(list, i, plan.Extension{URL: e.URL, Ref: e.Ref, Commit: e.Commit})
	}
	names := slices.Concat(list[i].Names, e.Names)
	slices.Sort(names)
	list[i].Names = slices.Compact(names)
	return list
}

func compareExtensions(a, b plan.Extension) int {
	if c := strings.Compare(a.URL, b.URL); c != 0 {
		return c
	}
	return strings.Compare(a.Ref, b.Ref)
}
