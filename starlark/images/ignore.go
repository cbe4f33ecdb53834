package images

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/patternmatcher/ignorefile"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// editorFiles are those that editors write beside the file being saved. Tilt ignores the same.
var editorFiles = []string{
	"**/4913", "**/*~", "**/.*.swp", "**/.*.swx", "**/.*.swo", "**/.*.swn", // Vim
	"**/.#*",                                              // Emacs
	"**/.*.kate-swp",                                      // Kate
	"**/*___jb_old___", "**/*___jb_tmp___", "**/.idea/**", // JetBrains
	"**/*.go-tmp-umask", // go
}

// ignoreFiles finds what says that a path of a build context is ignored.
type ignoreFiles struct {
	run   *kit.Run
	repos map[string]string // by folder: the root of the git repository around it, "" if none
}

func newIgnoreFiles(run *kit.Run) *ignoreFiles {
	return &ignoreFiles{run: run, repos: map[string]string{}}
}

// ofBuild returns the ignores of an image: those that always hold, its dockerignore file, ignore= and only=.
func (i *ignoreFiles) ofBuild(image *plan.Image, ignore, only []string) ([]plan.Ignore, error) {
	list := []plan.Ignore{{Base: image.Context, Patterns: editorFiles, Source: "files of editors"}}
	if repo := i.repo(image.Context); repo != "" {
		list = append(list, plan.Ignore{Base: repo, Patterns: []string{".git"}, Source: "git"})
	}
	if rel, err := filepath.Rel(image.Context, i.run.Path); err == nil && filepath.IsLocal(rel) {
		list = append(list, plan.Ignore{Base: image.Context, Patterns: []string{escape(filepath.ToSlash(rel))}, Source: "the Tiltfile itself"})
	}
	fromFile, err := i.dockerignore(image)
	if err != nil {
		return nil, err
	}
	list = append(list, fromFile...)
	if patterns := parsePatterns(ignore); len(patterns) > 0 {
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

// dockerignore reads the file for this Dockerfile, else that of the context, as docker build does.
func (i *ignoreFiles) dockerignore(image *plan.Image) ([]plan.Ignore, error) {
	var paths []string
	if image.DockerfilePath != "" {
		paths = append(paths, image.DockerfilePath+".dockerignore")
	}
	for _, path := range append(paths, filepath.Join(image.Context, ".dockerignore")) {
		list, found, err := i.read(path, image.Context)
		if err != nil || found {
			return list, err
		}
	}
	return nil, nil
}

// tiltignore reads the .tiltignore beside the main Tiltfile.
func (i *ignoreFiles) tiltignore() []plan.Ignore {
	list, _, err := i.read(i.tiltignorePath(), i.run.Dir())
	if err != nil {
		i.run.Warn(nil, "%v", err)
	}
	return list
}

func (i *ignoreFiles) tiltignorePath() string { return filepath.Join(i.run.Dir(), ".tiltignore") }

func (i *ignoreFiles) read(path, base string) (list []plan.Ignore, found bool, err error) {
	data, err := i.run.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", i.run.Display(path), err)
	}
	patterns, err := ignorefile.ReadAll(strings.NewReader(string(data)))
	if err != nil {
		return nil, true, fmt.Errorf("read %s: %w", i.run.Display(path), err)
	}
	if len(patterns) == 0 {
		return nil, true, nil
	}
	return []plan.Ignore{{Base: base, Patterns: patterns, Source: path}}, true, nil
}

// repo returns the root of the git repository around dir, "" if there is none.
func (i *ignoreFiles) repo(dir string) string {
	if root, ok := i.repos[dir]; ok {
		return root
	}
	root := ""
	if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
		root = dir
	} else if parent := filepath.Dir(dir); parent != dir {
		root = i.repo(parent)
	}
	i.repos[dir] = root
	return root
}

// parsePatterns reads patterns as a .dockerignore file has them; one string may hold several lines.
func parsePatterns(texts []string) []string {
	patterns, err := ignorefile.ReadAll(strings.NewReader(strings.Join(texts, "\n")))
	if err != nil {
		return texts // only a line of 64 KiB is an error here
	}
	return patterns
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
			return nil, fmt.Errorf("only: %q is not in the context %s", path, context)
		}
		if rel == "." {
			return nil, nil // the whole context
		}
		patterns = append(patterns, "!"+escape(filepath.ToSlash(rel)))
	}
	if len(only) == 0 {
		return nil, nil
	}
	return patterns, nil
}

// escape makes a pattern that matches a path and nothing else.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
