package starlark

import (
	"path/filepath"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/extensions"
	"github.com/envflow/envflow/starlark/kit"
)

// Heads remember the newest commits of repositories of extensions for as long as a process lives.
type Heads = kit.Heads

// LockPath returns the path of the file that pins the extensions of a main Tiltfile, whether or not it is there.
func LockPath(tiltfile string) string {
	return filepath.Join(filepath.Dir(tiltfile), extensions.LockName)
}

// WriteLock adds to the lock file at path what was loaded (Plan.Extensions) and is not pinned there. It reports whether it wrote
// the file. What is pinned already stays as it is.
func WriteLock(path string, loaded []plan.Extension) (changed bool, err error) {
	return extensions.WriteLock(path, loaded)
}
