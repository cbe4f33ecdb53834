package extensions

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/envflow/envflow/starlark/kit"
)

// defaultRepo has the extensions that no other repository is named for, unless the Tiltfile registers another of its name.
var defaultRepo = Repo{Name: "default", URL: "https://github.com/tilt-dev/tilt-extensions"}

const fileScheme = "file://"

// Repo is a repository of extensions, as v1alpha1.extension_repo registers it.
type Repo struct {
	Name       string
	URL        string // https:// or http:// for git, file:// for a folder
	Ref        string // a tag, branch or commit; "": the newest commit
	LoadHost   string // begins the names of its extensions in load(), before a slash; "": only v1alpha1.extension names it
	GitSubpath string // where the extensions are in the repository, with slashes; "": at its root
}

// String names a repository for people.
func (r Repo) String() string {
	if r.Ref != "" {
		return r.URL + " at " + r.Ref
	}
	return r.URL
}

func (r Repo) isFolder() bool { return strings.HasPrefix(r.URL, fileScheme) }

// folder is the path of a repository that is a folder.
func (r Repo) folder() string {
	return filepath.Clean(filepath.FromSlash(strings.TrimPrefix(r.URL, fileScheme)))
}

// AddRepo registers a repository for the call of a builtin.
func (f *Family) AddRepo(c *kit.Call, repo Repo) error {
	if err := repo.check(); err != nil {
		return err
	}
	before := f.repos[repo.Name]
	switch {
	case before != nil && before.value == repo:
		return nil
	case before != nil:
		return f.already("repository", repo.Name, before.at)
	case repo.Name == defaultRepo.Name && len(f.used[key{defaultRepo.URL, ""}]) > 0:
		return kit.Hint(fmt.Errorf("the extension %s was loaded from the usual repository before this call", f.used[key{defaultRepo.URL, ""}][0]),
			"register the repository default above the first load('ext://...')")
	}
	for _, other := range f.repos {
		if repo.LoadHost != "" && other.value.LoadHost == repo.LoadHost {
			return fmt.Errorf("load_host: the repository %s has %q already", other.value.Name, repo.LoadHost)
		}
	}
	f.repos[repo.Name] = &registered[Repo]{value: repo, at: c.Trace()}
	return nil
}

func (r Repo) check() error {
	web := strings.HasPrefix(r.URL, "https://") || strings.HasPrefix(r.URL, "http://")
	switch {
	case !web && !r.isFolder():
		err := fmt.Errorf("url: %q begins with none of https://, http:// and file://", r.URL)
		if strings.HasPrefix(r.URL, "git@") || strings.HasPrefix(r.URL, "ssh://") {
			return kit.Hint(err, "write the https:// address here, and let git reach it by SSH: git config --global url.\"git@HOST:\".insteadOf https://HOST/")
		}
		return err
	case r.isFolder() && !filepath.IsAbs(r.folder()):
		return kit.Hint(fmt.Errorf("url: %s is not absolute", r.URL), "for a folder beside the Tiltfile write 'file://' + os.path.abspath('extensions')")
	case r.isFolder() && r.Ref != "":
		return errors.New("ref: a file:// repository is a folder as it is, and has no refs")
	case r.isFolder() && r.GitSubpath != "":
		return kit.Hint(errors.New("git_subpath: a file:// repository has none"), "add it to the url")
	case strings.HasPrefix(r.Ref, "-") || strings.ContainsAny(r.Ref, " \t\n:^~?*[\\"):
		return fmt.Errorf("ref: %q cannot be a tag, branch or commit", r.Ref)
	case strings.HasPrefix(r.LoadHost, "/") || strings.HasSuffix(r.LoadHost, "/"):
		return fmt.Errorf("load_host: %q begins or ends with a slash", r.LoadHost)
	}
	if r.GitSubpath != "" {
		if err := checkPath(r.GitSubpath); err != nil {
			return fmt.Errorf("git_subpath: %w", err)
		}
	}
	return nil
}

// repo returns a repository by its name.
func (f *Family) repo(name string) (Repo, error) {
	if r := f.repos[name]; r != nil {
		return r.value, nil
	}
	if name == defaultRepo.Name {
		return defaultRepo, nil
	}
	known := []string{defaultRepo.Name}
	for other := range f.repos {
		known = append(known, other)
	}
	slices.Sort(known)
	err := fmt.Errorf("no repository of extensions is called %q", name)
	if near := kit.Closest(name, known); near != "" {
		return Repo{}, kit.Hint(err, "did you mean %q?", near)
	}
	return Repo{}, kit.Hint(err, "register it before: v1alpha1.extension_repo(name='%s', url='https://...')", name)
}

// root is where a repository is on this machine.
type root struct {
	dir    string
	commit string // "" for a folder
}

// root makes sure that a repository is on this machine. Within one evaluation it is always the same state.
func (f *Family) root(repo Repo) (root, error) {
	k := key{repo.URL, repo.Ref}
	if at, ok := f.roots[k]; ok {
		return at, nil
	}
	at, err := f.fetch(repo)
	if err != nil {
		return root{}, err
	}
	f.roots[k] = at
	return at, nil
}

func (f *Family) fetch(repo Repo) (root, error) {
	if repo.isFolder() {
		if !kit.IsDir(repo.folder()) {
			f.run.Note(repo.folder())
			return root{}, fmt.Errorf("there is no folder %s, which is a repository of extensions", repo.folder())
		}
		return root{dir: repo.folder()}, nil
	}
	commit, err := f.pinned(repo)
	switch {
	case err != nil:
		return root{}, err
	case commit != "":
	case repo.Ref != "":
		commit, err = f.store.commitOf(f.run.Ctx, repo.URL, repo.Ref)
	default:
		commit, err = f.newest(repo.URL)
	}
	if err != nil {
		return root{}, err
	}
	dir, err := f.store.tree(f.run.Ctx, repo.URL, commit)
	return root{dir: dir, commit: commit}, err
}

// newest returns the newest commit of a repository. Without a network it is the newest that was seen, with a warning.
func (f *Family) newest(url string) (string, error) {
	head, known := f.run.Heads.Get(url)
	if !known {
		var err error
		if head, err = f.store.newest(f.run.Ctx, url); err != nil {
			return "", err
		}
		f.run.Heads.Put(url, head)
	}
	if head.Stale != "" {
		f.run.Warn(nil, "the extensions of %s may be out of date, since it cannot be asked for newer ones: %s", url, head.Stale)
	}
	return head.Commit, nil
}

// unknown says that a repository has no such extension, and which may be meant.
func (f *Family) unknown(repo Repo, folder, name string) error {
	if kit.IsDir(filepath.Join(folder, filepath.FromSlash(name))) {
		return fmt.Errorf("the folder %s of %s has no Tiltfile, so it is no extension", name, repo)
	}
	err := fmt.Errorf("there is no extension %s in %s", name, repo)
	if near := kit.Closest(name, extensionsIn(folder)); near != "" {
		return kit.Hint(err, "did you mean %s?", near)
	}
	host, _, nested := strings.Cut(name, "/")
	if !nested {
		return kit.Hint(err, "its extensions are the folders that have a Tiltfile")
	}
	var hosts []string
	for other, r := range f.repos {
		if other == host {
			return kit.Hint(err, "give the repository %s load_host='%s' to load its extensions by that name", other, host)
		}
		if r.value.LoadHost != "" {
			hosts = append(hosts, r.value.LoadHost)
		}
	}
	slices.Sort(hosts)
	if near := kit.Closest(host, hosts); near != "" {
		return kit.Hint(err, "no repository has load_host='%s'; did you mean %s?", host, near)
	}
	return kit.Hint(err, "if %s stands for a repository of your own, register it before this line: v1alpha1.extension_repo(name='%s', url='https://...', load_host='%s')", host, host, host)
}

// extensionsIn lists the folders that have a Tiltfile, and those of the folders in them.
func extensionsIn(folder string) (names []string) {
	for _, pattern := range []string{"*/" + tiltfile, "*/*/" + tiltfile} {
		files, err := fs.Glob(os.DirFS(folder), pattern)
		if err != nil {
			continue // only a malformed pattern is an error
		}
		for _, file := range files {
			names = append(names, path.Dir(file))
		}
	}
	return names
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
