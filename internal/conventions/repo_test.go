package conventions

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	module = "github.com/envflow/envflow"
	root   = "../.." // from the folder in which go test runs us
)

// nested are the folders with a go.mod of their own. The rules about imports are for the product, the rest for all files.
var nested = sync.OnceValue(func() []string {
	var dirs []string
	for _, f := range allFiles() {
		if path.Base(f) == "go.mod" && f != "go.mod" {
			dirs = append(dirs, path.Dir(f))
		}
	}
	return dirs
})

// goFiles lists the Go files of the repository, slash-separated from its root.
func goFiles(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, f := range allFiles() {
		if strings.HasSuffix(f, ".go") {
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		t.Fatal("no Go file found: the list of files is wrong")
	}
	return out
}

// productFiles lists the Go files of the root module without test data, tests included.
func productFiles(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(goFiles(t), func(f string) bool {
		return slices.Contains(strings.Split(f, "/"), "testdata") ||
			slices.ContainsFunc(nested(), func(dir string) bool { return strings.HasPrefix(f, dir+"/") })
	})
}

// isTest reports whether f belongs to a package's tests only.
func isTest(f string) bool { return strings.HasSuffix(f, "_test.go") }

// allFiles asks git for the tracked files and those about to be, so that a new file is checked before it is committed.
// Where git does not answer (a source archive, a tree of another owner) it walks the tree without what .gitignore names.
var allFiles = sync.OnceValue(func() []string {
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return walk()
	}
	list := slices.DeleteFunc(strings.Split(string(out), "\x00"), func(f string) bool {
		if f == "" {
			return true
		}
		info, err := os.Lstat(filepath.Join(root, f)) // deleted, but still in the index
		return err != nil || !info.Mode().IsRegular()
	})
	slices.Sort(list)
	return slices.Compact(list)
})

func walk() []string {
	var list []string
	skip := []string{".git", "bin", ".testbed", ".testenv", "node_modules"}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(skip, d.Name()):
			return filepath.SkipDir
		case d.Type().IsRegular():
			rel, err := filepath.Rel(root, p)
			if err != nil {
				return err
			}
			list = append(list, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		panic(err) // without the list no test here means anything
	}
	return list
}

// read returns the content of a file of the repository.
func read(t *testing.T, f string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, f))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// pkg is the part of `go list -json` that the tests read.
type pkg struct {
	ImportPath string
	Deps       []string // everything it imports, directly or not
	Error      *struct{ Err string }
	DepsErrors []struct{ Err string }
}

// packages lists the packages of the root module for this system.
func packages(t *testing.T) []pkg {
	t.Helper()
	list, err := goList()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

var goList = sync.OnceValues(func() ([]pkg, error) {
	out, err := goCommand("list", "-e", "-json=ImportPath,Deps,Error,DepsErrors", "./...")
	if err != nil {
		return nil, err
	}
	var list []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
})

// goCommand runs the go command in the root of the repository and returns its output, its complaints in the error.
func goCommand(args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, errors.Join(err, errors.New(stderr.String()))
	}
	return out, nil
}
