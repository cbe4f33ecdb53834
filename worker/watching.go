package worker

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/ignore"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/watch"
)

// startWatcher prepares the watcher. It watches nothing yet.
func (h *Host) startWatcher(ctx context.Context) (err error) {
	h.watcher, err = watch.New(watch.Options{
		OnBatch: h.onBatch, Log: h.o.Log, Dir: filepath.Join(h.o.Folder, watchFolder),
	})
	if err != nil {
		return fmt.Errorf("watch files: %w", err)
	}
	h.background(ctx, func(ctx context.Context) { _ = h.watcher.Run(ctx) })
	return nil
}

// onBatch tells those concerned that files have changed.
func (h *Host) onBatch(b watch.Batch) {
	if b.Target == api.TiltfileName {
		h.configChanged()
		return
	}
	paths := b.Paths
	if b.Rescan {
		paths = nil
	}
	if resource, ok := strings.CutPrefix(b.Target, localPrefix); ok {
		h.edited(resource)
		h.filesChanged(resource)
		return
	}
	h.disk.Changed(b.Target, paths)
	p := h.plans.Now()
	if p == nil {
		return
	}
	for _, r := range p.Resources {
		if r.Enabled && slices.Contains(r.Images, b.Target) {
			h.edited(r.Name)
			h.filesChanged(r.Name)
		}
	}
}

// watchConfig makes a change of these files a reason to evaluate the Tiltfile.
func (h *Host) watchConfig(files []string) {
	h.watching.Lock()
	h.watching.config = files
	h.watching.Unlock()
	h.setWatches()
}

// localPrefix marks the targets of local resources: no image can be called so.
const localPrefix = "(local) "

// watchFiles watches the build contexts of all images that an enabled resource needs, and the deps of local resources.
func (h *Host) watchFiles(p *plan.Plan) {
	targets := h.imageTargets(p)
	for i := range p.Resources {
		r := &p.Resources[i]
		if !r.Enabled || r.Local == nil || len(r.Local.Deps) == 0 {
			continue
		}
		filter, err := ignore.New(r.Local.Ignores...)
		if err != nil { // the activities tell of it
			h.o.Log.Warn("watch the files of a local resource", "resource", r.Name, "error", err)
			continue
		}
		targets = append(targets, watch.Target{
			Name: localPrefix + r.Name, Roots: r.Local.Deps, Ignored: filter.Ignores, SkipDir: filter.SkipsDir, FilterID: plan.Digest(r.Local.Ignores),
		})
	}
	h.watching.Lock()
	h.watching.files = targets
	h.watching.Unlock()
	h.setWatches()
}

func (h *Host) imageTargets(p *plan.Plan) (targets []watch.Target) {
	for i := range p.Images {
		image := &p.Images[i]
		used := slices.ContainsFunc(p.Resources, func(r plan.Resource) bool { return r.Enabled && slices.Contains(r.Images, image.Ref) })
		if !used || image.Context == "" {
			continue
		}
		filter, err := ignore.New(append(slices.Clone(image.Ignores), image.WatchIgnores...)...)
		if err != nil { // the evaluation has checked it
			h.o.Log.Warn("watch the files of an image", "image", image.Ref, "error", err)
			continue
		}
		targets = append(targets, watch.Target{
			Name: image.Ref, Roots: []string{image.Context}, Ignored: filter.Ignores, SkipDir: filter.SkipsDir,
			FilterID: plan.Digest([]any{image.Ignores, image.WatchIgnores}),
		})
	}
	return targets
}

func (h *Host) setWatches() {
	h.watching.Lock()
	defer h.watching.Unlock()
	targets := slices.Clone(h.watching.files)
	if len(h.watching.config) > 0 {
		targets = append(targets, configTarget(h.watching.config))
	}
	h.watcher.Set(targets)
}

// configTarget watches the files that an evaluation has read: a path that ends in a slash with everything below it, any other
// alone.
func configTarget(files []string) watch.Target {
	alone, folders := map[string]bool{}, []string{}
	roots := make([]string, 0, len(files))
	for _, file := range files {
		path := filepath.Clean(file)
		roots = append(roots, path)
		if strings.HasSuffix(file, "/") {
			folders = append(folders, path+string(filepath.Separator))
		}
		alone[path] = true
	}
	ignored := func(path string, _ bool) bool {
		return !alone[path] && !slices.ContainsFunc(folders, func(f string) bool { return strings.HasPrefix(path, f) })
	}
	return watch.Target{
		Name: api.TiltfileName, Roots: roots, Ignored: ignored, SkipDir: func(path string) bool { return ignored(path, true) },
		FilterID: plan.Digest(files),
	}
}

// sleepLimit is how long the worker must have stood still to take it for sleep.
const sleepLimit = 5 * time.Second

// noticeWake makes everything that holds a connection dial again after the laptop has slept: the other ends have gone, but
// nobody has said so. It shows in a clock that has jumped, or in a tick that came late.
func (h *Host) noticeWake(ctx context.Context) {
	const every = time.Second
	last := time.Now()
	for pause(ctx, every) {
		now := time.Now()
		wall, monotonic := now.Round(0).Sub(last.Round(0)), now.Sub(last)
		if wall > every+sleepLimit || monotonic > every+sleepLimit {
			h.o.Log.Info("woke up", "after", wall)
			h.redial() //nolint:contextcheck // what it dials lasts as long as the worker
		}
		last = now
	}
}

// redial drops every connection and looks at everything again.
func (h *Host) redial() {
	h.clients.redial()
	if r := h.currentRuntime(); r != nil {
		r.redial()
	}
	h.watcher.Rescan()
}
