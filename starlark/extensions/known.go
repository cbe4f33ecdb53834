package extensions

import (
	"os"
	"path/filepath"

	"github.com/envflow/envflow/starlark/kit"
)

// Known finds extensions of the usual repository that are on this machine already, for an editor: nothing is evaluated, so it does not
// know what a Tiltfile registers, and nothing is fetched.
type Known struct{ store store }

// NewKnown returns what is known in the folder of what envflow fetches; "" if there is none.
func NewKnown(dataDir string) *Known { return &Known{store{dir: storeDir(dataDir)}} }

// Find returns the Tiltfile of an extension that a file in the folder dir loads, "" if it is not here.
func (k *Known) Find(dir, name string) string {
	root := k.root(dir)
	if root == "" || checkPath(name) != nil {
		return ""
	}
	file := filepath.Join(root, filepath.FromSlash(name), tiltfile)
	if !isFile(file) {
		return ""
	}
	return file
}

// Names lists the extensions that a file in the folder dir can load.
func (k *Known) Names(dir string) []string {
	root := k.root(dir)
	if root == "" {
		return nil
	}
	return extensionsIn(root)
}

// root returns the tree of the commit that the nearest lock file pins, or else of the newest that was seen; "" if it is not here.
func (k *Known) root(dir string) string {
	repo, err := k.store.repo(defaultRepo.URL)
	if err != nil {
		return ""
	}
	commit := pinnedNear(dir)
	if commit == "" {
		commit = readRefs(repo)[headRef]
	}
	if root := filepath.Join(repo, commit); commit != "" && kit.IsDir(root) {
		return root
	}
	return ""
}

// pinnedNear returns what the lock file of a folder or of one above it pins the usual repository to, "" if there is none. It stands beside
// the main Tiltfile, which only an evaluation knows.
func pinnedNear(dir string) string {
	for dir != "" {
		data, err := os.ReadFile(filepath.Join(dir, LockName))
		if lock, err := parseLock(data, err); err == nil && lock.found {
			return lock.commit(key{url: defaultRepo.URL})
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return ""
}
