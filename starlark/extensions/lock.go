package extensions

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// LockName is the file beside the main Tiltfile that pins repositories to commits.
const LockName = "envflow.lock"

// pin is an entry of the lock file.
type pin struct {
	URL    string `json:"url"`
	Ref    string `json:"ref"` // "": the newest commit
	Commit string `json:"commit"`
}

// lockFile is what the lock file says.
type lockFile struct {
	found bool
	pins  []pin
}

// commit returns what a state of a repository is pinned to, "" if it is not.
func (l *lockFile) commit(k key) string {
	for _, p := range l.pins {
		if p.URL == k.url && p.Ref == k.ref {
			return p.Commit
		}
	}
	return ""
}

// pinned returns the commit that a repository is pinned to, "" if it may be any.
func (f *Family) pinned(repo Repo) (string, error) {
	lock, err := f.readLock()
	if err != nil {
		return "", err
	}
	commit := lock.commit(key{repo.URL, repo.Ref})
	if commit == "" && lock.found && f.run.Subcommand == "ci" && !fullHash.MatchString(repo.Ref) {
		return "", kit.Hint(fmt.Errorf("%s does not pin the repository %s", LockName, repo),
			"run `envflow up` once, which adds it, and commit %s", LockName)
	}
	return commit, nil
}

// warnUnlocked warns that a run of ci takes whatever is newest.
func (f *Family) warnUnlocked() {
	if f.run.Subcommand != "ci" || len(f.run.Within) > 0 {
		return
	}
	open := slices.ContainsFunc(f.run.Plan.Extensions, func(e plan.Extension) bool { return e.Commit != "" && !fullHash.MatchString(e.Ref) })
	if !open {
		return
	}
	if lock, err := f.readLock(); err == nil && !lock.found {
		f.run.Warn(nil, "there is no %s, so another run may load other extensions; run `envflow up` once, which writes it, and commit it", LockName)
	}
}

func (f *Family) readLock() (*lockFile, error) {
	if f.lock != nil {
		return f.lock, nil
	}
	data, err := f.run.ReadFile(filepath.Join(f.run.MainDir(), LockName))
	lock, err := parseLock(data, err)
	f.lock = lock
	return lock, err
}

// parseLock reads the content of a lock file; err is that of reading it.
func parseLock(data []byte, err error) (*lockFile, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return &lockFile{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", LockName, err)
	}
	var content struct {
		Extensions []pin `json:"extensions"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&content)
	if _, field, ok := strings.Cut(fmt.Sprint(err), "unknown field "); ok {
		return nil, kit.Hint(fmt.Errorf("%s has the field %s, which this version of envflow does not know", LockName, field),
			"a newer envflow wrote it: update yours")
	}
	if err == nil {
		if _, end := decoder.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("more follows after its end")
		}
	}
	for _, p := range content.Extensions {
		if err == nil && (p.URL == "" || !fullHash.MatchString(p.Commit)) {
			err = fmt.Errorf("the entry of %q has no url or no whole commit", p.URL)
		}
	}
	if err != nil {
		return nil, kit.Hint(fmt.Errorf("%s cannot be read: %w", LockName, err), "take it back from your version control, or delete it: `envflow up` writes it again")
	}
	return &lockFile{found: true, pins: content.Extensions}, nil
}

// WriteLock adds to the lock file at path what was loaded and is not pinned there. It reports whether it wrote the file.
func WriteLock(path string, loaded []plan.Extension) (changed bool, err error) {
	data, err := os.ReadFile(path)
	lock, err := parseLock(data, err)
	if err != nil {
		return false, err
	}
	for _, e := range loaded {
		if e.Commit != "" && lock.commit(key{e.URL, e.Ref}) == "" {
			lock.pins, changed = append(lock.pins, pin{URL: e.URL, Ref: e.Ref, Commit: e.Commit}), true
		}
	}
	if !changed {
		return false, nil
	}
	slices.SortFunc(lock.pins, func(a, b pin) int { return cmp.Or(strings.Compare(a.URL, b.URL), strings.Compare(a.Ref, b.Ref)) })
	if err := replaceFile(path, map[string][]pin{"extensions": lock.pins}); err != nil {
		return false, fmt.Errorf("write %s: %w", LockName, err)
	}
	return true, nil
}

// replaceFile writes JSON as one step: a reader finds the old content or the new.
func replaceFile(path string, value any) (err error) {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(append(data, '\n'))
	if err == nil {
		err = tmp.Chmod(0o644) // it is committed, as the Tiltfile is
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
