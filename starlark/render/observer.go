package render

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/starlark/kit"
)

// observer is the disk as kustomize sees it. It keeps what kustomize learned: a build in which it learns the same has the same
// result.
type observer struct {
	filesys.FileSystem                 // the disk
	ctx                context.Context // of the evaluation: kustomize knows none, and ends when it can read no more
	seen               []observation
	trees              []string // folders that were looked through
	removed            []string // folders that kustomize made and removed

	network bool // a kustomization names what may be in the network
	plugins bool // a kustomization has generators or transformers in files of their own, which may name anything
	urls    bool // a file other than a kustomization has an address in it
}

// observation is what kustomize learned of the disk in one step.
type observation struct {
	step   string
	path   string
	result kit.Digest
}

const (
	stepRead    = "read"
	stepResolve = "resolve"
	stepExists  = "exists"
	stepFolder  = "folder"
)

func newObserver(ctx context.Context) *observer {
	return &observer{FileSystem: filesys.MakeFsOnDisk(), ctx: ctx}
}

// certain reports whether the build depends on nothing but what was seen. What git fetched is in a folder that is removed.
func (o *observer) certain() bool {
	return len(o.trees) == 0 && len(o.removed) == 0 && !o.network && !(o.plugins && o.urls)
}

// sees reports whether the disk shows what was seen before.
func (o *observer) sees(before []observation) bool {
	for i, b := range before {
		switch b.step {
		case stepRead:
			_, _ = o.ReadFile(b.path) // an error is an observation too
		case stepResolve:
			_, _, _ = o.CleanedAbs(b.path) // an error is an observation too
		case stepExists:
			o.Exists(b.path)
		case stepFolder:
			o.IsDir(b.path)
		}
		if i >= len(o.seen) || o.seen[i] != b {
			return false
		}
	}
	return true
}

// note notes all that was seen as config files.
func (o *observer) note(run *kit.Run) {
	for _, each := range o.seen {
		if !o.isRemoved(each.path) {
			run.Note(each.path)
		}
	}
	for _, path := range o.trees {
		if !o.isRemoved(path) {
			run.NoteTree(path)
		}
	}
}

func (o *observer) isRemoved(path string) bool {
	return slices.ContainsFunc(o.removed, func(dir string) bool { return isBelow(dir, path) })
}

func isBelow(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

func (o *observer) saw(step, path string, result ...string) {
	d := kit.NewDigester()
	d.Add(result...)
	o.seen = append(o.seen, observation{step, path, d.Sum()})
}

// ReadFile implements filesys.FileSystem.
func (o *observer) ReadFile(path string) ([]byte, error) {
	if err := o.ctx.Err(); err != nil {
		return nil, err
	}
	data, err := o.FileSystem.ReadFile(path)
	o.saw(stepRead, path, message(err), string(data))
	if slices.Contains(konfig.RecognizedKustomizationFileNames(), filepath.Base(path)) {
		o.inspect(data)
	} else if strings.Contains(string(data), "://") {
		o.urls = true
	}
	return data, err
}

// CleanedAbs implements filesys.FileSystem: it follows links.
func (o *observer) CleanedAbs(path string) (filesys.ConfirmedDir, string, error) {
	if err := o.ctx.Err(); err != nil {
		return "", "", err
	}
	dir, file, err := o.FileSystem.CleanedAbs(path)
	o.saw(stepResolve, path, message(err), string(dir), file)
	return dir, file, err
}

// Exists implements filesys.FileSystem.
func (o *observer) Exists(path string) bool {
	there := o.FileSystem.Exists(path)
	o.saw(stepExists, path, strconv.FormatBool(there))
	return there
}

// IsDir implements filesys.FileSystem.
func (o *observer) IsDir(path string) bool {
	folder := o.FileSystem.IsDir(path)
	o.saw(stepFolder, path, strconv.FormatBool(folder))
	return folder
}

// RemoveAll implements filesys.FileSystem.
func (o *observer) RemoveAll(path string) error {
	o.removed = append(o.removed, path)
	return o.FileSystem.RemoveAll(path)
}

// Open implements filesys.FileSystem.
func (o *observer) Open(path string) (filesys.File, error) {
	o.trees = append(o.trees, path)
	return o.FileSystem.Open(path)
}

// ReadDir implements filesys.FileSystem.
func (o *observer) ReadDir(path string) ([]string, error) {
	o.trees = append(o.trees, path)
	return o.FileSystem.ReadDir(path)
}

// Glob implements filesys.FileSystem.
func (o *observer) Glob(pattern string) ([]string, error) {
	o.trees = append(o.trees, filepath.Dir(pattern))
	return o.FileSystem.Glob(pattern)
}

// Walk implements filesys.FileSystem.
func (o *observer) Walk(path string, fn filepath.WalkFunc) error {
	o.trees = append(o.trees, path)
	return o.FileSystem.Walk(path, fn)
}

// inspect looks in a kustomization for what may come from the network.
func (o *observer) inspect(data []byte) {
	var fields map[string]any
	if err := yaml.Unmarshal(data, &fields); err != nil {
		return // kustomize says what is wrong
	}
	for _, name := range []string{"generators", "transformers", "validators"} {
		if fields[name] != nil {
			o.plugins = true
		}
	}
	for text := range texts(fields) {
		if strings.Contains(text, "://") {
			o.network = true
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return "error: " + err.Error()
}
