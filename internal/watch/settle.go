package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrStopped is returned by Settled when Run has ended.
var ErrStopped = errors.New("files are not watched any more")

// cookies are files that Settled makes: events come in the order of the changes, so when that of the file is there, all of
// before are.
type cookies struct {
	dir     string
	blind   bool // there is no watch on dir: what is there when they are asked for has to do
	last    int
	waiting map[string]*waiter // by name
	seen    []*waiter
}

const cookiePrefix = ".settled-"

type waiter struct{ done chan struct{} }

// saw takes in that something happened to the file name in dir. It reports whether that is a cookie.
func (c *cookies) saw(dir, name string) bool {
	if dir != c.dir || !strings.HasPrefix(name, cookiePrefix) {
		return false
	}
	if w := c.waiting[name]; w != nil {
		delete(c.waiting, name)
		c.seen = append(c.seen, w)
	}
	return true
}

func (c *cookies) allSeen() {
	for name := range c.waiting {
		c.saw(c.dir, name)
	}
}

// take returns those that were seen since the last take.
func (c *cookies) take() []*waiter {
	if c.blind {
		c.allSeen()
	}
	seen := c.seen
	c.seen = nil
	return seen
}

// prepareCookies makes and watches the folder they are put in.
func (w *Watcher) prepareCookies() (err error) {
	c := &w.cookies
	c.waiting = map[string]*waiter{}
	if c.dir = w.o.Dir; c.dir == "" {
		c.dir, err = os.MkdirTemp("", "envflow-watch-")
	} else {
		err = os.MkdirAll(c.dir, 0o700)
	}
	if err == nil {
		c.dir, err = filepath.EvalSymlinks(c.dir) // that is how events name it
	}
	if err != nil {
		return err
	}
	if w.source == nil {
		c.blind = true
	} else if err = w.source.fs.Add(c.dir); isLimit(err) {
		w.limited(err)
		c.blind, err = true, nil
	}
	return err
}

// Settled waits until every change of a file that was made before the call is delivered. Batches that wait for quiet are
// delivered at once.
func (w *Watcher) Settled(ctx context.Context) error {
	path, waiter := w.bake()
	defer func() {
		_ = os.Remove(path)
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.cookies.waiting, filepath.Base(path))
	}()
	err := os.WriteFile(path, nil, 0o600)
	if errors.Is(err, fs.ErrNotExist) { // somebody has removed the folder with what else is temporary, and its watch with it
		err = w.restoreCookies(path)
	}
	if err != nil {
		return fmt.Errorf("wait for changes of files: %w", err)
	}
	w.nudge()
	select {
	case <-waiter.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-w.done:
		return ErrStopped
	}
}

// restoreCookies makes the folder of cookies again, and one in it.
func (w *Watcher) restoreCookies(path string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := os.MkdirAll(w.cookies.dir, 0o700); err != nil {
		return err
	}
	if !w.cookies.blind {
		if err := w.source.fs.Add(w.cookies.dir); err != nil {
			return err
		}
	}
	return os.WriteFile(path, nil, 0o600)
}

// bake prepares a cookie: the caller makes the file.
func (w *Watcher) bake() (path string, _ *waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &w.cookies
	c.last++
	name := cookiePrefix + strconv.Itoa(os.Getpid()) + "-" + strconv.Itoa(c.last)
	waiter := &waiter{done: make(chan struct{})}
	c.waiting[name] = waiter
	return filepath.Join(c.dir, name), waiter
}
