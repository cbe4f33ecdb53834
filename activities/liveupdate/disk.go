package liveupdate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/envflow/envflow/internal/filetree"
	"github.com/envflow/envflow/internal/ignore"
	"github.com/envflow/envflow/internal/plan"
)

// Mark stands for content and permissions of a file. "" is a file that is not there.
func Mark(e filetree.Entry) string { return fmt.Sprintf("%s:%o", e.Digest, e.Mode.Perm()) }

// Unsure is the mark of a file of an image of which nobody knows what the image holds: it changed during the build.
const Unsure = "?"

// Disk knows what the contexts of all images hold. It reads a file again only when it is told that it has changed.
type Disk struct {
	digests filetree.Cache

	mu     sync.Mutex
	images map[string]*contextFiles // by plan.Image.Ref
}

// NewDisk returns a Disk that remembers digests of files in digests.
func NewDisk(digests filetree.Cache) *Disk {
	return &Disk{digests: digests, images: map[string]*contextFiles{}}
}

// contextFiles are those of one image's context.
type contextFiles struct {
	root   string
	filter *ignore.Filter
	rules  string // digest of root and filter

	dirtyMu sync.Mutex
	dirty   map[string]bool // changed since the last look
	lost    bool            // everything may have changed

	mu    sync.Mutex
	tree  map[string]string // path -> mark
	stats filetree.Stats    // of the last full look
	key   string            // names base
	base  map[string]string // what tree was compared with last
	diff  map[string]string // path -> mark, of what is not as in base; nil: not compared
}

// Use makes the images of a plan known.
func (d *Disk) Use(p *plan.Plan) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	images := map[string]*contextFiles{}
	for i := range p.Images {
		image := &p.Images[i]
		rules := plan.Digest([]any{image.Context, image.Ignores})
		if old := d.images[image.Ref]; old != nil && old.rules == rules {
			images[image.Ref] = old
			continue
		}
		filter, err := ignore.New(image.Ignores...)
		if err != nil {
			return err
		}
		images[image.Ref] = &contextFiles{root: image.Context, filter: filter, rules: rules, dirty: map[string]bool{}, lost: true}
	}
	d.images = images
	return nil
}

// Filter returns what decides which files belong to the context of an image.
func (d *Disk) Filter(image string) (*ignore.Filter, error) {
	c, err := d.context(image)
	if err != nil {
		return nil, err
	}
	return c.filter, nil
}

// Changed says that files of an image's context may have changed; without paths, that all may have.
func (d *Disk) Changed(image string, paths []string) {
	c, err := d.context(image)
	if err != nil {
		return // of a plan that is gone
	}
	c.dirtyMu.Lock()
	defer c.dirtyMu.Unlock()
	c.lost = c.lost || len(paths) == 0
	for _, path := range paths {
		c.dirty[path] = true
	}
}

func (d *Disk) context(image string) (*contextFiles, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.images[image]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("no image %s in the Tiltfile", image)
}

// Scan reads the whole context of an image: path to mark, and what tells later which files were touched since.
func (d *Disk) Scan(ctx context.Context, image string) (map[string]string, filetree.Stats, error) {
	c, err := d.context(image)
	if err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lose()
	if err := c.refresh(ctx, d.digests); err != nil {
		return nil, nil, err
	}
	return maps.Clone(c.tree), c.stats, nil
}

// Difference returns the marks of those files that are not on disk as in base, a set of files that key names.
func (d *Disk) Difference(ctx context.Context, image, key string, base map[string]string) (map[string]string, error) {
	c, err := d.context(image)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key != key {
		c.key, c.base, c.diff = key, base, nil
	}
	if err := c.refresh(ctx, d.digests); err != nil {
		return nil, err
	}
	if c.diff == nil {
		c.diff = map[string]string{}
		for path := range c.tree {
			c.compare(path)
		}
		for path := range c.base {
			c.compare(path)
		}
	}
	return maps.Clone(c.diff), nil
}

// lose makes the next refresh read everything.
func (c *contextFiles) lose() {
	c.dirtyMu.Lock()
	defer c.dirtyMu.Unlock()
	c.lost = true
}

// refresh reads what has changed. It is called with c.mu held.
func (c *contextFiles) refresh(ctx context.Context, digests filetree.Cache) (err error) {
	c.dirtyMu.Lock()
	dirty, lost := c.dirty, c.lost
	c.dirty, c.lost = map[string]bool{}, false
	c.dirtyMu.Unlock()
	defer func() {
		if err != nil { // nothing of it counts as read
			c.dirtyMu.Lock()
			defer c.dirtyMu.Unlock()
			maps.Copy(c.dirty, dirty)
			c.lost = c.lost || lost
		}
	}()
	if c.root == "" { // an empty context
		c.tree, c.stats = map[string]string{}, filetree.Stats{}
		return nil
	}
	if lost || c.tree == nil {
		tree, stats, err := filetree.Scan(ctx, c.root, c.filter, digests)
		if err != nil {
			return err
		}
		c.tree, c.stats, c.diff = marks(tree), stats, nil
		return nil
	}
	for path := range dirty {
		if err := c.look(ctx, path, digests); err != nil {
			return err
		}
	}
	return nil
}

// look reads one path again, and what is below it.
func (c *contextFiles) look(ctx context.Context, path string, digests filetree.Cache) error {
	if path != c.root && !strings.HasPrefix(path, strings.TrimSuffix(c.root, "/")+"/") {
		return nil
	}
	entry, exists, err := filetree.Digest(ctx, path, digests)
	if err != nil {
		return err
	}
	now := map[string]string{}
	switch {
	case exists && entry.Mode.IsDir():
		tree, _, err := filetree.Scan(ctx, path, c.filter, digests)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // gone meanwhile: an event of its own says so
			return err
		}
		now = marks(tree)
	case exists && !c.filter.Ignores(path, false):
		now[path] = Mark(entry)
	}
	if old, known := c.tree[path]; known && now[path] == old && len(now) == 1 {
		return nil // by far the most frequent: saved without a change
	}
	changed := slices.Collect(maps.Keys(now))
	if _, known := c.tree[path]; !known || !exists || entry.Mode.IsDir() {
		for old := range c.tree { // it is or was a folder
			if old == path || strings.HasPrefix(old, path+"/") {
				changed = append(changed, old)
			}
		}
	} else {
		changed = append(changed, path)
	}
	for _, p := range changed {
		if mark, is := now[p]; is {
			c.tree[p] = mark
		} else {
			delete(c.tree, p)
		}
		if c.diff != nil {
			c.compare(p)
		}
	}
	return nil
}

// compare brings diff up to date for one path.
func (c *contextFiles) compare(path string) {
	if now := c.tree[path]; now != c.base[path] {
		c.diff[path] = now
	} else {
		delete(c.diff, path)
	}
}

func marks(tree filetree.Tree) map[string]string {
	out := make(map[string]string, len(tree))
	for path, entry := range tree {
		if !entry.Mode.IsDir() { // an empty folder is nothing to sync
			out[path] = Mark(entry)
		}
	}
	return out
}

// known returns the files that key names, if they were the last to be compared with an image's context.
func (d *Disk) known(image, key string) map[string]string {
	c, err := d.context(image)
	if err != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key == key {
		return c.base
	}
	return nil
}
