package render

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"

	gostarlark "go.starlark.net/starlark"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/provenance"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/envflow/envflow/starlark/kit"
)

// kustomizeVersion is that of the program whose library this is. TestVersions compares it with dev/tools/go.mod.
const kustomizeVersion = "v5.8.1"

// kustomize builds a kustomization.
func kustomize(c *kit.Call) (gostarlark.Value, error) {
	var path kit.Path
	var bin kit.Str
	var flags kit.Seq
	if err := c.Unpack("paths", &path, "kustomize_bin?", &bin, "flags?", &flags); err != nil {
		return nil, err
	}
	dir := c.Path(string(path))
	if err := checkKustomization(c, string(path), dir); err != nil {
		return nil, err
	}
	build := func() (string, error) { return buildOnce(c, dir) }
	if bin != "" || len(flags) > 0 {
		build = func() (string, error) { return runProgram(c, string(bin), flags, dir) }
	}
	text, err := build()
	if err != nil {
		return nil, explainKustomize(fmt.Errorf("%s: %w", filepath.ToSlash(c.Display(dir)), err))
	}
	return &kit.Blob{Text: text}, nil
}

// checkKustomization refuses what is not the folder of a kustomization.
func checkKustomization(c *kit.Call, named, dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.Note(dir)
		return kit.Hint(fmt.Errorf("there is no folder %s", named), "paths start from %s", c.WorkingDir())
	case err != nil:
		return err
	case !info.IsDir():
		c.Note(dir)
		return kit.Hint(fmt.Errorf("%s is a file, want the folder of a kustomization", named), "name the folder that it is in")
	}
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		c.Note(filepath.Join(dir, name))
	}
	if kustomizationFile(dir) == "" {
		return kit.Hint(fmt.Errorf("%s has no %s", named, konfig.DefaultKustomizationFileName()), "name the folder that has one")
	}
	return nil
}

// kustomizationFile returns the path of the kustomization in a folder, "" if there is none.
func kustomizationFile(dir string) string {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
	}
	return ""
}

// kustomizeKey is the key of a build in the cache. What was built from is in the value.
type kustomizeKey struct{ dir string }

// built is a build with all that it saw on disk.
type built struct {
	text string
	seen []observation
}

// buildOnce returns the objects of a kustomization. If kustomize would see what it saw the last time, it is not run again.
func buildOnce(c *kit.Call, dir string) (string, error) {
	key := kustomizeKey{dir}
	if value, ok := c.Cache.Get(key); ok {
		again := newObserver(c.Ctx)
		if last, ok := value.(*built); ok && again.sees(last.seen) {
			again.note(c.Run)
			return last.text, nil
		}
	}
	o := newObserver(c.Ctx)
	text, err := await(c.Ctx, func() (string, error) { return build(o, dir) })
	if cancelled := c.Ctx.Err(); cancelled != nil {
		return "", cancelled // o may still be in use
	}
	o.note(c.Run)
	if err != nil {
		return "", err
	}
	if o.certain() {
		c.Cache.Put(key, &built{text: text, seen: o.seen})
	}
	return text, nil
}

// building is held by the one build that runs: kustomize keeps its OpenAPI schema in package variables.
var building sync.Mutex

// build runs kustomize: `kustomize build`.
func build(disk filesys.FileSystem, dir string) (text string, err error) {
	building.Lock()
	defer building.Unlock()
	defer func() {
		if r := recover(); r != nil { // kustomize has ended so on odd files; the program would only say so too
			text, err = "", fmt.Errorf("kustomize panicked: %v\n%s", r, debug.Stack())
		}
	}()
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	objects, err := krusty.MakeKustomizer(options).Run(disk, dir)
	if err != nil {
		return "", err
	}
	if err := signed(objects); err != nil {
		return "", err
	}
	data, err := objects.AsYaml()
	return string(data), err
}

// signed puts the version of kustomize in the labels of a kustomization that wants it there: the library knows only that of the
// program it is linked to.
func signed(objects resmap.ResMap) error {
	unknown := "kustomize-" + provenance.GetProvenance().Semver()
	for _, object := range objects.Resources() {
		labels := object.GetLabels()
		if labels[konfig.ManagedbyLabelKey] != unknown {
			continue
		}
		labels[konfig.ManagedbyLabelKey] = "kustomize-" + kustomizeVersion
		if err := object.SetLabels(labels); err != nil {
			return err
		}
	}
	return nil
}

// explainKustomize adds to an error of kustomize what to do about it.
func explainKustomize(err error) error {
	text := err.Error()
	for _, known := range []struct{ part, hint string }{
		{"must specify --enable-helm", "flags=['--enable-helm'] runs the programs kustomize and helm, which have to be installed"},
		{"external plugins disabled", "flags=['--enable-alpha-plugins'] runs the program kustomize, which has to be installed"},
		{"security; file", "move the file into the folder, or use the program kustomize: flags=['--load-restrictor=LoadRestrictionsNone']"},
		{"no 'git' program on path", "what comes from a repository needs the program git"},
	} {
		if strings.Contains(text, known.part) {
			return kit.Hint(err, "%s", known.hint)
		}
	}
	return err
}
