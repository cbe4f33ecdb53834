package extensions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/envflow/envflow/starlark/kit"
)

const askLimit = 20 * time.Second // for an answer to a question: then it goes on with what is there

// git runs the git binary, so that all that people have set up for it holds: addresses, proxies, credentials.
type git struct{ run *kit.Run }

// gitError is what git has to say of a repository that it cannot reach.
type gitError struct {
	url   string
	words string
}

func (e *gitError) Error() string { return fmt.Sprintf("git cannot fetch %s: %s", e.url, e.words) }

// list returns the refs of a repository that match patterns.
func (g *git) list(ctx context.Context, url string, patterns ...string) (map[string]string, error) {
	asking, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	args := []string{"ls-remote", url}
	for _, pattern := range patterns {
		args = append(args, pattern, pattern+"^{}") // the second is the commit of a tag that is an object of its own
	}
	out, err := g.call(asking, url, args...)
	if asking.Err() != nil && ctx.Err() == nil {
		return nil, g.explain(url, fmt.Sprintf("no answer within %s", askLimit))
	}
	refs := map[string]string{}
	for line := range strings.Lines(out) {
		if commit, name, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			refs[name] = commit
		}
	}
	return refs, err
}

// checkout writes the files of a commit to a folder. tmp is a folder to work in.
func (g *git) checkout(ctx context.Context, url, commit, tmp, files string) error {
	repo := filepath.Join(tmp, "git")
	if err := g.init(ctx, url, repo); err != nil {
		return err
	}
	// Most servers give any commit, and one is much less than all.
	if _, err := g.call(ctx, url, "--git-dir="+repo, "fetch", "--quiet", "--no-tags", "--depth=1", url, commit); err != nil {
		if ctx.Err() != nil {
			return err
		}
		if allErr := g.fetchAll(ctx, url, tmp); allErr != nil {
			return err
		}
		if known, resolveErr := g.resolve(ctx, tmp, commit); known == "" || resolveErr != nil {
			return kit.Hint(fmt.Errorf("the repository %s has no commit %s any more", url, commit),
				"if envflow.lock names it, remove that entry to take the newest commit")
		}
	}
	if err := os.Mkdir(files, 0o700); err != nil {
		return err
	}
	_, err := g.call(ctx, url, "--git-dir="+repo, "--work-tree="+files, "checkout", "--quiet", "--force", commit, "--", ".")
	return err
}

// fetchAll fetches all branches and tags into a folder to work in.
func (g *git) fetchAll(ctx context.Context, url, tmp string) error {
	repo := filepath.Join(tmp, "git")
	if err := g.init(ctx, url, repo); err != nil {
		return err
	}
	_, err := g.call(ctx, url, "--git-dir="+repo, "fetch", "--quiet", "--no-tags", url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
	return err
}

// resolve returns the commit that ref stands for in what fetchAll fetched, "" if there is none.
func (g *git) resolve(ctx context.Context, tmp, ref string) (string, error) {
	out, err := g.call(ctx, "", "--git-dir="+filepath.Join(tmp, "git"), "rev-parse", "--verify", "--quiet", ref+"^{commit}")
	if _, failed := errors.AsType[*gitError](err); failed {
		return "", nil
	}
	return strings.TrimSpace(out), err
}

// init makes a repository without the hooks that people may have for theirs.
func (g *git) init(ctx context.Context, url, repo string) error {
	_, err := g.call(ctx, url, "init", "--quiet", "--bare", "--template=", repo)
	return err
}

// call runs git and returns what it printed. url is for messages.
func (g *git) call(ctx context.Context, url string, args ...string) (string, error) {
	program, err := g.run.Environ.LookPath("git")
	if err != nil {
		return "", kit.Hint(fmt.Errorf("the extensions of %s are fetched with git, which is not on this machine", url), "install git, and see that it is in PATH")
	}
	options := []string{"-c", "core.autocrlf=false", "-c", "advice.detachedHead=false", "-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=30"}
	cmd := g.run.Command(ctx, slices.Concat([]string{program}, options, args)...)
	detach(cmd)
	cmd.Dir = g.run.MainDir()
	cmd.Env = gitEnviron(cmd.Env)
	stdout, stderr, err := kit.Capture(ctx, cmd)
	switch {
	case ctx.Err() != nil, errors.Is(err, kit.ErrTooMuch):
		return "", err
	case err != nil:
		return "", g.explain(url, lastWords(stderr, err))
	}
	return stdout, nil
}

// gitEnviron is the environment of git: that of other commands, without what points to a repository (git sets it for hooks), and
// such that git never asks a person. Git LFS would look for a remote, which is none here.
func gitEnviron(list []string) []string {
	list = slices.DeleteFunc(list, func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains([]string{
			"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR",
			"GIT_NAMESPACE", "GIT_PREFIX", "GIT_CEILING_DIRECTORIES", "GIT_QUARANTINE_PATH", "LANGUAGE",
		}, name)
	})
	return append(list, "GIT_TERMINAL_PROMPT=0", "GCM_INTERACTIVE=never", "GIT_LFS_SKIP_SMUDGE=1", "LC_ALL=C")
}

// say tells what takes time.
func (g *git) say(format string, args ...any) {
	_, _ = fmt.Fprintf(g.run.Output(), "extensions: "+format+"\n", args...) // no one to tell if the log is gone
}

// lastWords is the line of git's output that says why it failed.
func lastWords(stderr string, err error) string {
	words, last := "", ""
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		fatal, ok := strings.CutPrefix(line, "fatal: ")
		switch {
		case ok && strings.HasPrefix(fatal, "Could not read from remote"): // ssh has said why
			words = cmp.Or(last, fatal)
		case ok:
			words = fatal
		case words == "" && strings.HasPrefix(line, "error: "):
			words = strings.TrimPrefix(line, "error: ")
		}
		last = line
	}
	if words == "" {
		return err.Error()
	}
	if _, reason, ok := strings.Cut(words, "': "); ok && strings.HasPrefix(words, "unable to access") {
		words = reason
	}
	return strings.TrimSuffix(words, ".")
}

// explain adds what to do to the words of git.
func (g *git) explain(url, words string) error {
	err := &gitError{url: url, words: words}
	lower := strings.ToLower(words)
	says := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(lower, part) })
	}
	switch {
	case says("could not resolve host", "failed to connect", "couldn't connect", "timed out", "no answer within", "network is unreachable"):
		return kit.Hint(err, "extensions that were fetched once also work without a network; these were not fetched yet")
	case says("could not read username", "could not read password", "authentication failed", "terminal prompts disabled", "permission denied"):
		return kit.Hint(err, "the repository is private, or is not there; see that `git ls-remote %s` works without asking for a password", url)
	case says("not found", "does not exist", "does not appear to be"):
		return kit.Hint(err, "check the address; `git ls-remote %s` tries it", url)
	}
	return kit.Hint(err, "`git ls-remote %s` tries the same by hand", url)
}
