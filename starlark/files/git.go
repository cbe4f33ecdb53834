package files

import (
	"fmt"
	"os"
	"path/filepath"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/starlark/kit"
)

// repo is a git repository of this machine.
type repo struct{ path string }

var (
	_ gostarlark.HasAttrs = repo{}
	_ kit.Folder          = repo{}
)

// localGitRepo returns the repository in a folder, which tells paths in it.
func localGitRepo(c *kit.Call) (gostarlark.Value, error) {
	var path kit.Str
	if err := c.Unpack("paths", &path); err != nil {
		return nil, err
	}
	r := repo{c.Path(string(path))}
	if !kit.IsDir(r.path) {
		return nil, fmt.Errorf("there is no folder %s", path)
	}
	if _, err := os.Lstat(filepath.Join(r.path, ".git")); err != nil {
		return nil, fmt.Errorf("%s is not the folder of a git repository: it has no .git", path)
	}
	return r, nil
}

// FolderPath implements kit.Folder.
func (r repo) FolderPath() string { return r.path }

// String implements starlark.Value.
func (r repo) String() string { return fmt.Sprintf("git.Repo(%q)", r.path) }

// Type implements starlark.Value.
func (r repo) Type() string { return "git.Repo" }

// Freeze implements starlark.Value.
func (r repo) Freeze() {}

// Truth implements starlark.Value.
func (r repo) Truth() gostarlark.Bool { return true }

// Hash implements starlark.Value.
func (r repo) Hash() (uint32, error) { return gostarlark.String(r.path).Hash() }

// AttrNames implements starlark.HasAttrs.
func (r repo) AttrNames() []string { return []string{"paths"} }

// Attr implements starlark.HasAttrs.
func (r repo) Attr(name string) (gostarlark.Value, error) {
	if name != "paths" {
		return nil, nil // what there is, Starlark says
	}
	return gostarlark.NewBuiltin("paths", func(_ *gostarlark.Thread, b *gostarlark.Builtin, args gostarlark.Tuple, kwargs []gostarlark.Tuple) (gostarlark.Value, error) {
		var path kit.Str
		if err := gostarlark.UnpackArgs(b.Name(), args, kwargs, "paths", &path); err != nil {
			return nil, err
		}
		return gostarlark.String(filepath.Join(r.path, string(path))), nil
	}), nil
}
