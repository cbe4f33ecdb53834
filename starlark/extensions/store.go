package extensions

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/envflow/envflow/starlark/kit"
)

// Files of the folder of a repository. The others are trees, by commit.
const (
	refsFile    = "refs.json" // a map from refs to commits
	storeLock   = "lock"      // held while something is added
	unfinished  = "tmp-"      // begins the names of folders being filled
	lockPolling = 20 * time.Millisecond
)

// modulesDir is where Tilt has its repositories. helm_remote and git_resource look for a folder that has one of this name, from
// their own upwards, and keep what they fetch beside it.
const modulesDir = "tilt_modules"

// headRef is the ref of the newest commit.
const headRef = "HEAD"

// store keeps repositories of git on this machine: a folder each. What is in it under its final name is complete and never
// changes, so that only those who add something need the lock, and whoever is killed leaves nothing that is half there.
type store struct {
	dir string // "" if nothing can be kept
	git *git
}

func newStore(run *kit.Run) *store {
	return &store{dir: storeDir(run.DataDir), git: &git{run: run}}
}

// storeDir is where repositories are kept in the folder of what envflow fetches; "" if there is no such folder.
func storeDir(dataDir string) string {
	if dataDir == "" {
		return ""
	}
	return filepath.Join(dataDir, "extensions", modulesDir)
}

// newest asks for the newest commit of a repository, and makes sure that its tree is here. If that is not possible now, it is the
// newest that was seen before.
func (s *store) newest(ctx context.Context, url string) (kit.Head, error) {
	repo, err := s.repo(url)
	if err != nil {
		return kit.Head{}, err
	}
	commit, err := s.ask(ctx, url, headRef)
	if err == nil {
		_, err = s.tree(ctx, url, commit)
	}
	if err == nil {
		return kit.Head{Commit: commit}, s.remember(ctx, repo, headRef, commit)
	}
	if ctx.Err() != nil {
		return kit.Head{}, ctx.Err()
	}
	known := readRefs(repo)[headRef]
	failed, ok := errors.AsType[*gitError](err)
	if !ok || known == "" || !kit.IsDir(filepath.Join(repo, known)) {
		return kit.Head{}, err
	}
	return kit.Head{Commit: known, Stale: failed.words}, nil
}

var (
	fullHash  = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)
	shortHash = regexp.MustCompile(`^[0-9a-f]{4,}$`)
)

// commitOf returns the commit that a tag, branch or commit stands for. Once known, it is not asked for again.
func (s *store) commitOf(ctx context.Context, url, ref string) (string, error) {
	repo, err := s.repo(url)
	if err != nil {
		return "", err
	}
	if fullHash.MatchString(ref) {
		return ref, nil
	}
	if commit := readRefs(repo)[ref]; commit != "" {
		return commit, nil
	}
	commit, err := s.ask(ctx, url, ref)
	if err != nil {
		return "", err
	}
	return commit, s.remember(ctx, repo, ref, commit)
}

// ask asks the repository what a ref stands for.
func (s *store) ask(ctx context.Context, url, ref string) (string, error) {
	refs, err := s.git.list(ctx, url, ref)
	if err != nil {
		return "", err
	}
	for _, name := range []string{"refs/tags/" + ref + "^{}", "refs/tags/" + ref, "refs/heads/" + ref, ref} {
		if commit := refs[name]; commit != "" {
			return commit, nil
		}
	}
	if ref == headRef {
		return "", fmt.Errorf("the repository %s is empty", url)
	}
	if shortHash.MatchString(ref) {
		if commit, err := s.complete(ctx, url, ref); commit != "" || err != nil {
			return commit, err
		}
	}
	return "", s.badRef(ctx, url, ref)
}

func (s *store) badRef(ctx context.Context, url, ref string) error {
	err := fmt.Errorf("the repository %s has no tag, branch or commit %s", url, ref)
	refs, listErr := s.git.list(ctx, url, "refs/tags/*", "refs/heads/*")
	if listErr != nil {
		return err
	}
	var names []string
	for name := range refs {
		name = strings.TrimPrefix(strings.TrimPrefix(name, "refs/tags/"), "refs/heads/")
		names = append(names, strings.TrimSuffix(name, "^{}"))
	}
	slices.Sort(names)
	if near := kit.Closest(ref, names); near != "" {
		return kit.Hint(err, "did you mean %s?", near)
	}
	return kit.Hint(err, "git ls-remote %s lists its tags and branches", url)
}

// complete returns the whole name of a commit from its beginning, "" if there is none such. Only who has all commits can tell.
func (s *store) complete(ctx context.Context, url, ref string) (commit string, err error) {
	repo, err := s.repo(url)
	if err != nil {
		return "", err
	}
	err = s.change(ctx, repo, func(tmp string) error {
		if err := s.git.fetchAll(ctx, url, tmp); err != nil {
			return err
		}
		commit, err = s.git.resolve(ctx, tmp, ref)
		return err
	})
	return commit, err
}

// tree returns the folder with the files of a commit, and fetches them if they are not here.
func (s *store) tree(ctx context.Context, url, commit string) (string, error) {
	repo, err := s.repo(url)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(repo, commit)
	if kit.IsDir(dir) {
		return dir, nil
	}
	return dir, s.change(ctx, repo, func(tmp string) error {
		if kit.IsDir(dir) {
			return nil // another evaluation was faster
		}
		s.git.say("fetching %s (%.12s)", url, commit)
		files := filepath.Join(tmp, "files")
		if err := s.git.checkout(ctx, url, commit, tmp, files); err != nil {
			return err
		}
		return os.Rename(files, dir)
	})
}

// remember writes down what a ref stands for.
func (s *store) remember(ctx context.Context, repo, ref, commit string) error {
	if readRefs(repo)[ref] == commit {
		return nil
	}
	return s.change(ctx, repo, func(tmp string) error {
		refs := readRefs(repo)
		refs[ref] = commit
		data, err := json.MarshalIndent(refs, "", "  ")
		if err != nil {
			return err
		}
		next := filepath.Join(tmp, refsFile)
		if err := os.WriteFile(next, data, 0o600); err != nil {
			return err
		}
		return os.Rename(next, filepath.Join(repo, refsFile))
	})
}

// readRefs returns what is known of refs. A file that is lost or damaged means that nothing is.
func readRefs(repo string) map[string]string {
	refs := map[string]string{}
	data, err := os.ReadFile(filepath.Join(repo, refsFile))
	if err != nil || json.Unmarshal(data, &refs) != nil || refs == nil {
		return map[string]string{}
	}
	maps.DeleteFunc(refs, func(_, commit string) bool { return !fullHash.MatchString(commit) })
	return refs
}

// change calls add with the lock of a repository's folder held, and with a temporary folder in it. What others that were killed have
// left there is removed first.
func (s *store) change(ctx context.Context, repo string, add func(tmp string) error) (err error) {
	if err := os.MkdirAll(repo, 0o700); err != nil {
		return fmt.Errorf("keep extensions on this machine: %w", err)
	}
	lock := flock.New(filepath.Join(repo, storeLock), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockPolling); err != nil {
		return cmp.Or(ctx.Err(), fmt.Errorf("lock the folder of extensions: %w", err))
	}
	defer func() { err = cmp.Or(err, lock.Unlock()) }()
	removeUnfinished(repo)
	tmp, err := os.MkdirTemp(repo, unfinished)
	if err != nil {
		return fmt.Errorf("keep extensions on this machine: %w", err)
	}
	defer func() { err = cmp.Or(err, os.RemoveAll(tmp)) }()
	return add(tmp)
}

// removeUnfinished removes what is left of those that were killed. What a git of theirs still writes to is left to the next time.
func removeUnfinished(repo string) {
	entries, err := os.ReadDir(repo)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), unfinished) {
			_ = os.RemoveAll(filepath.Join(repo, entry.Name()))
		}
	}
}

// repo returns the folder of a repository. It begins with what people know it by.
func (s *store) repo(url string) (string, error) {
	if s.dir == "" {
		return "", kit.Hint(fmt.Errorf("there is no folder to keep the extensions of %s in", url), "set HOME or XDG_DATA_HOME")
	}
	_, address, _ := strings.Cut(url, "://")
	readable := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' {
			return c
		}
		return '_'
	}, address)
	sum := sha256.Sum256([]byte(url))
	return filepath.Join(s.dir, fmt.Sprintf("%.60s-%s", readable, hex.EncodeToString(sum[:6]))), nil
}
