package ignores

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher/ignorefile"
	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// editorFiles are those that editors and tools write beside the file being saved. Tilt ignores the same.
var editorFiles = []string{
	"**/4913", "**/*~", "**/.*.swp", "**/.*.swx", "**/.*.swo", "**/.*.swn", // Vim
	"**/.#*",                                              // Emacs
	"**/.*.kate-swp",                                      // Kate
	"**/*___jb_old___", "**/*___jb_tmp___", "**/.idea/**", // JetBrains
	"**/*.go-tmp-umask",                     // go
	"**/envflow.lock", "**/.envflow.lock-*", // envflow: which extensions were loaded
}

// Family finds what one evaluation ignores.
type Family struct {
	run      *kit.Run
	repos    map[string]string // by folder: the root of the git repository around it, "" if none
	settings []plan.Ignore     // of watch_settings
	watch    []plan.Ignore     // what Watch returned
	known    bool              // watch is set
}

//go:embed builtins.md
var docs string

// New registers the family.
func New(run *kit.Run) *Family {
	run.Document(docs)
	f := &Family{run: run, repos: map[string]string{}}
	run.Builtin("watch_settings", f.watchSettings)
	run.Note(f.tiltignore()) // also if the evaluation ends before it is read
	return f
}

// watchSettings adds patterns of files whose changes mean nothing. They stay in build contexts.
func (f *Family) watchSettings(c *kit.Call) (gostarlark.Value, error) {
	var patterns kit.Strs
	if err := c.Unpack("ignore?", &patterns); err != nil {
		return nil, err
	}
	if list := Patterns(patterns); len(list) > 0 {
		f.settings = append(f.settings, plan.Ignore{Base: c.WorkingDir(), Patterns: list, Source: "watch_settings(ignore=...)"})
	}
	return nil, nil
}

// Watch returns what no watch looks at: .tiltignore beside the main Tiltfile, and watch_settings. It is called at assembly, when
// all files were executed.
func (f *Family) Watch() []plan.Ignore {
	if !f.known {
		list, _, err := f.Read(f.tiltignore(), f.run.Dir())
		if err != nil {
			f.run.AddWarning(kit.Warning{Rule: kit.RuleWarning, Text: err.Error()})
		}
		f.watch, f.known = slices.Concat(list, f.settings), true
	}
	return slices.Clone(f.watch)
}

func (f *Family) tiltignore() string { return filepath.Join(f.run.Dir(), ".tiltignore") }

// Editors returns the ignored files of editors below base.
func Editors(base string) plan.Ignore {
	return plan.Ignore{Base: base, Patterns: editorFiles, Source: "files of editors"}
}

// Folder is the folder that patterns about a path are relative to: itself, or that of a file.
func Folder(path string) string {
	if kit.IsDir(path) {
		return path
	}
	return filepath.Dir(path)
}

// Path ignores one file, or a folder with all below it. source says why, for people.
func Path(path, source string) plan.Ignore {
	return plan.Ignore{Base: filepath.Dir(path), Patterns: []string{Escape(filepath.ToSlash(filepath.Base(path)))}, Source: source}
}

// Git returns the data of git in the repositories around paths, each once.
func (f *Family) Git(paths ...string) []plan.Ignore {
	var list []plan.Ignore
	seen := map[string]bool{"": true}
	for _, path := range paths {
		if repo := f.repo(path); !seen[repo] {
			seen[repo] = true
			list = append(list, plan.Ignore{Base: repo, Patterns: []string{".git"}, Source: "git"})
		}
	}
	return list
}

// repo returns the root of the git repository around a path, "" if there is none.
func (f *Family) repo(path string) string {
	if root, ok := f.repos[path]; ok {
		return root
	}
	root := ""
	if _, err := os.Lstat(filepath.Join(path, ".git")); err == nil {
		root = path
	} else if parent := filepath.Dir(path); parent != path {
		root = f.repo(parent)
	}
	f.repos[path] = root
	return root
}

// Read returns the patterns of an ignore file, which are relative to base. found reports whether the file is there.
func (f *Family) Read(path, base string) (list []plan.Ignore, found bool, err error) {
	data, err := f.run.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", f.run.Display(path), err)
	}
	patterns, err := ignorefile.ReadAll(strings.NewReader(string(data)))
	if err != nil {
		return nil, true, fmt.Errorf("read %s: %w", f.run.Display(path), err)
	}
	if len(patterns) == 0 {
		return nil, true, nil
	}
	return []plan.Ignore{{Base: base, Patterns: patterns, Source: path}}, true, nil
}

// Patterns reads patterns as a .dockerignore file has them; one string may hold several lines.
func Patterns(texts []string) []string {
	patterns, err := ignorefile.ReadAll(strings.NewReader(strings.Join(texts, "\n")))
	if err != nil {
		return texts // only a line of 64 KiB is an error here
	}
	return patterns
}

// Escape makes a pattern that matches a path and nothing else.
func Escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
