// Package gitrepo makes repositories of git in temporary folders, which tests reach as https addresses without a network.
package gitrepo

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Repo is a repository with a work tree.
type Repo struct {
	t   *testing.T
	Dir string
}

// New makes a repository whose first commit has these files, with text by path.
func New(t *testing.T, files map[string]string) *Repo {
	t.Helper()
	r := &Repo{t: t, Dir: t.TempDir()}
	r.Git("init", "--quiet", "--initial-branch=main")
	r.Commit(files)
	return r
}

// FromFolder makes a repository of a copy of a folder.
func FromFolder(t *testing.T, folder string) *Repo {
	t.Helper()
	r := &Repo{t: t, Dir: t.TempDir()}
	if err := os.CopyFS(r.Dir, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(r.Dir, ".git")); err != nil {
		t.Fatal(err)
	}
	r.Git("init", "--quiet", "--initial-branch=main")
	r.Commit(nil)
	return r
}

// Commit writes files and commits all that changed. It returns the commit.
func (r *Repo) Commit(files map[string]string) string {
	r.t.Helper()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(r.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			r.t.Fatal(err)
		}
		mode := os.FileMode(0o600)
		if strings.HasPrefix(files[name], "#!") {
			mode = 0o700
		}
		if err := os.WriteFile(path, []byte(files[name]), mode); err != nil {
			r.t.Fatal(err)
		}
	}
	r.Git("add", "--all", "--force")
	r.Git("commit", "--quiet", "--allow-empty", "--message=change")
	return r.Git("rev-parse", "HEAD")
}

// Git runs git in the repository and returns what it printed.
func (r *Repo) Git(args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "git", append([]string{"-C", r.Dir}, args...)...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "GIT_") { // of a hook that runs the tests, or of the user
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@localhost", "GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@localhost")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// Environ returns the variables with which git finds folders under addresses. No other address can be reached.
func Environ(folders map[string]string) []string {
	settings := [][2]string{
		{"protocol.https.allow", "never"}, {"protocol.http.allow", "never"}, {"protocol.ssh.allow", "never"}, {"protocol.git.allow", "never"},
	}
	for _, url := range slices.Sorted(maps.Keys(folders)) {
		settings = append(settings, [2]string{"url." + folders[url] + ".insteadOf", url})
	}
	variables := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nowhere", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_SYSTEM=" + os.DevNull,
		fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(settings)),
	}
	for i, setting := range settings {
		variables = append(variables, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, setting[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, setting[1]))
	}
	return variables
}
