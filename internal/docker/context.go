package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	gofs "io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"

	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/ignore"
)

// dockerfileName is what the Dockerfile is called on its way to the engine.
const dockerfileName = "Dockerfile"

// contextFiles returns the build context.
func (b *task) contextFiles() (fsutil.FS, error) {
	if b.Image.Context == "" {
		return memoryFiles{}, nil
	}
	base, err := fsutil.NewFS(b.Image.Context)
	if err != nil {
		return nil, failure.UserError(fmt.Errorf("read the build context of %s: %w", b.Image.Ref, err), "the build context cannot be read")
	}
	return &filteredFiles{FS: base, root: filepath.Clean(b.Image.Context), filter: b.Filter}, nil
}

// dockerfileFiles returns the Dockerfile as a folder of its own. The list of what to ignore beside it is one of comments: for
// want of it BuildKit would apply the context's .dockerignore, and our filter has decided already.
func (b *task) dockerfileFiles() fsutil.FS {
	return memoryFiles{
		{name: dockerfileName, content: []byte(b.file.text)},
		{name: dockerfileName + ".dockerignore", content: []byte("# envflow sends only what belongs to the context\n")},
	}
}

// filteredFiles leaves out what a filter ignores. Folders that are ignored show up only if something below them is not.
type filteredFiles struct {
	fsutil.FS
	root   string
	filter *ignore.Filter
}

// Walk calls fn in the order of WalkDir. Everything belongs to root, as docker does it: who owns a file on a laptop says
// nothing in an image.
func (f *filteredFiles) Walk(ctx context.Context, target string, fn gofs.WalkDirFunc) error {
	type folder struct {
		prefix string
		entry  gofs.DirEntry
	}
	var pending []folder // ignored, around the path of this call, not shown yet
	skipped := ""        // what is below was not wanted
	show := func(path string, entry gofs.DirEntry) error {
		info, err := entry.Info()
		if errors.Is(err, gofs.ErrNotExist) {
			return nil // it went away meanwhile
		}
		if err != nil {
			return err
		}
		stat, ok := info.Sys().(*types.Stat)
		if !ok {
			return fmt.Errorf("look at %s: no status", path)
		}
		stat.Uid, stat.Gid = 0, 0
		return fn(path, &fsutil.DirEntryInfo{Stat: stat}, nil)
	}
	return f.FS.Walk(ctx, target, func(path string, entry gofs.DirEntry, err error) error {
		abs := filepath.Join(f.root, path)
		if entry == nil {
			if errors.Is(err, gofs.ErrNotExist) {
				return nil
			}
			return fn(path, entry, err)
		}
		if entry.IsDir() && f.filter.SkipsDir(abs) {
			return filepath.SkipDir
		}
		for len(pending) > 0 && !strings.HasPrefix(path, pending[len(pending)-1].prefix) {
			pending = pending[:len(pending)-1]
		}
		ignored := f.filter.Ignores(abs, entry.IsDir())
		switch {
		case err != nil && ignored || skipped != "" && strings.HasPrefix(path, skipped):
			return nil
		case err != nil:
			return fn(path, entry, err)
		case ignored && entry.IsDir():
			pending = append(pending, folder{prefix: path + string(filepath.Separator), entry: entry})
			return nil
		case ignored:
			return nil
		}
		for i, p := range pending {
			err := show(strings.TrimSuffix(p.prefix, string(filepath.Separator)), p.entry)
			if errors.Is(err, filepath.SkipDir) {
				skipped, pending = p.prefix, pending[:i]
				return nil
			}
			if err != nil {
				return err
			}
		}
		pending = pending[:0]
		return show(path, entry)
	})
}

// memoryFile is a file that is not on disk.
type memoryFile struct {
	name    string
	content []byte
}

// memoryFiles is a flat folder of such files, in the order of their names.
type memoryFiles []memoryFile

// Walk calls fn for the file target, or all if it is the folder.
func (files memoryFiles) Walk(ctx context.Context, target string, fn gofs.WalkDirFunc) error {
	target = strings.Trim(filepath.ToSlash(filepath.Clean("/"+target)), "/")
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if target != "" && target != file.name {
			continue
		}
		// What the engine still has from the last build it takes for the same if size and time are: so the time is made of
		// the content.
		hash := fnv.New64a()
		_, _ = hash.Write(file.content) // never fails
		stat := &types.Stat{Path: file.name, Mode: 0o644, Size: int64(len(file.content)), ModTime: int64(hash.Sum64() >> 4)}
		if err := fn(file.name, &fsutil.DirEntryInfo{Stat: stat}, nil); err != nil {
			return err
		}
	}
	return nil
}

// Open returns the content of a file.
func (files memoryFiles) Open(path string) (io.ReadCloser, error) {
	for _, file := range files {
		if file.name == filepath.ToSlash(path) {
			return io.NopCloser(bytes.NewReader(file.content)), nil
		}
	}
	return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
}
