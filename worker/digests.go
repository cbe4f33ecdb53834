package worker

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/envflow/envflow/internal/filetree"
	"github.com/envflow/envflow/internal/records"
)

// digestCache remembers digests of files over the life of a worker: without it, each start would read every build context.
type digestCache struct {
	*filetree.MemoryCache

	mu  sync.Mutex
	new map[string]records.FileDigest // not recorded yet
}

// keepDigestsEvery is how often new digests are recorded. What is lost is read again.
const keepDigestsEvery = 5 * time.Second

func loadDigests(ctx context.Context, store *records.Store) (*digestCache, error) {
	c := &digestCache{MemoryCache: filetree.NewCache(), new: map[string]records.FileDigest{}}
	known, err := store.Digests(ctx)
	for path, d := range known {
		c.MemoryCache.Put(path, filetree.Stat{Size: d.Size, MTime: d.Mtime, CTime: d.Ctime, Inode: d.Inode}, d.Digest)
	}
	return c, err
}

// Put remembers the digest of a file.
func (c *digestCache) Put(path string, s filetree.Stat, digest string) {
	c.MemoryCache.Put(path, s, digest)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.new[path] = records.FileDigest{FileStat: records.FileStat{Size: s.Size, Mtime: s.MTime, Ctime: s.CTime, Inode: s.Inode}, Digest: digest}
}

// keepDigests records what was learned, now and then and at the end.
func (h *Host) keepDigests(ctx context.Context) {
	for more := true; more; {
		more = pause(ctx, keepDigestsEvery)
		h.digests.mu.Lock()
		batch := maps.Clone(h.digests.new)
		clear(h.digests.new)
		h.digests.mu.Unlock()
		if len(batch) == 0 {
			continue
		}
		if err := h.records.PutDigests(context.WithoutCancel(ctx), batch); err != nil {
			h.o.Log.Warn("record the digests of files", "error", err)
		}
	}
}
