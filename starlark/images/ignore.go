package images

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/ignores"
	"github.com/envflow/envflow/starlark/kit"
)

// ignoresOf returns the ignores of an image: those that always hold, its dockerignore file, ignore= and only=.
func (f *Family) ignoresOf(image *plan.Image, ignore, only []string) ([]plan.Ignore, error) {
	list := append([]plan.Ignore{ignores.Editors(image.Context)}, f.ignores.Git(image.Context)...)
	if rel, err := filepath.Rel(image.Context, f.run.Path); err == nil && filepath.IsLocal(rel) {
		list = append(list, plan.Ignore{Base: image.Context, Patterns: []string{ignores.Escape(filepath.ToSlash(rel))}, Source: "the Tiltfile itself"})
	}
	fromFile, err := f.dockerignore(image)
	if err != nil {
		return nil, err
	}
	list = append(list, fromFile...)
	if patterns := ignores.Patterns(ignore); len(patterns) > 0 {
		list = append(list, plan.Ignore{Base: image.Context, Patterns: patterns, Source: "docker_build(ignore=...)"})
	}
	patterns, err := onlyPatterns(image.Context, only)
	if err != nil {
		return nil, err
	}
	if len(patterns) > 0 {
		list = append(list, plan.Ignore{Base: image.Context, Patterns: patterns, Source: "docker_build(only=...)"})
	}
	return list, nil
}

// ignoresOfDeps returns the ignores of what a custom_build depends on. As in Tilt, ignore= is relative to each of its folders, and
// each has its own .dockerignore.
func (f *Family) ignoresOfDeps(image *plan.Image, ignore []string) ([]plan.Ignore, error) {
	var list []plan.Ignore
	deps := image.Custom.Deps
	for _, dep := range deps {
		base := ignores.Folder(dep)
		editors := ignores.Editors(base)
		if !slices.ContainsFunc(list, func(l plan.Ignore) bool { return l.Base == base && l.Source == editors.Source }) {
			list = append(list, editors)
		}
		if base != dep {
			continue
		}
		fromFile, _, err := f.ignores.Read(filepath.Join(dep, ".dockerignore"), dep)
		if err != nil {
			return nil, err
		}
		list = append(list, fromFile...)
		if patterns := ignores.Patterns(ignore); len(patterns) > 0 {
			list = append(list, plan.Ignore{Base: dep, Patterns: patterns, Source: "custom_build(ignore=...)"})
		}
	}
	if out := image.Custom.OutputsRefTo; out != "" {
		list = append(list, ignores.Path(out, "custom_build(outputs_image_ref_to=...)"))
	}
	return append(list, f.ignores.Git(deps...)...), nil
}

// dockerignore reads the file for this Dockerfile, else that of the context, as docker build does.
func (f *Family) dockerignore(image *plan.Image) ([]plan.Ignore, error) {
	var paths []string
	if image.DockerfilePath != "" {
		paths = append(paths, image.DockerfilePath+".dockerignore")
	}
	for _, path := range append(paths, filepath.Join(image.Context, ".dockerignore")) {
		list, found, err := f.ignores.Read(path, image.Context)
		if err != nil || found {
			return list, err
		}
	}
	return nil, nil
}

// onlyPatterns turns the paths of only= into patterns that ignore everything else.
func onlyPatterns(context string, only []string) ([]string, error) {
	patterns := []string{"**"}
	for _, path := range only {
		if strings.Contains(path, "*") {
			return nil, kit.Hint(fmt.Errorf("only: %q: it takes paths, not patterns", path), "use ignore= for patterns")
		}
		rel := path
		if filepath.IsAbs(path) {
			var err error
			if rel, err = filepath.Rel(context, path); err != nil {
				return nil, fmt.Errorf("only: %w", err)
			}
		}
		rel = filepath.Clean(rel)
		if !filepath.IsLocal(rel) {
			continue // outside of the context, where there is nothing to take
		}
		if rel == "." {
			return nil, nil // the whole context
		}
		patterns = append(patterns, "!"+ignores.Escape(filepath.ToSlash(rel)))
	}
	if len(only) == 0 {
		return nil, nil
	}
	return patterns, nil
}
