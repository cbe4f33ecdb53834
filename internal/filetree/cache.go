package filetree

import "sync"

// Cache remembers digests of contents. What Get returns must have been Put with the same path and an equal Stat. It must be
// safe for concurrent use.
//
// Scan and Digest put nothing of a file that was written less than 2 s before they began: a second write within the clock's
// grain would leave the same Stat. Git calls such a file "racily clean".
type Cache interface {
	Get(path string, s Stat) (digest string, ok bool)
	Put(path string, s Stat, digest string)
}

// maxCached is how many digests a MemoryCache holds, about 60 MB of them.
const maxCached = 1 << 18

// MemoryCache is a Cache that lasts as long as the process.
type MemoryCache struct {
	mu      sync.RWMutex
	digests map[string]cached
}

type cached struct {
	stat   Stat
	digest string
}

// NewCache returns an empty cache. One that grows too big forgets everything: files that are gone are not told to it.
func NewCache() *MemoryCache {
	return &MemoryCache{digests: map[string]cached{}}
}

// Get returns the digest of the file if it was put with an equal Stat.
func (c *MemoryCache) Get(path string, s Stat) (digest string, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	entry, ok := c.digests[path]
	return entry.digest, ok && entry.stat == s
}

// Put remembers the digest of the file.
func (c *MemoryCache) Put(path string, s Stat, digest string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.digests[path]; !known && len(c.digests) >= maxCached {
		clear(c.digests)
	}
	c.digests[path] = cached{stat: s, digest: digest}
}
