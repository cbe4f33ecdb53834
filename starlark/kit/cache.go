package kit

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"sync"
)

// keptEvaluations is for how many evaluations the cache keeps what none of them used. More than one, because an evaluation that
// fails early uses little, and a mistake in a Tiltfile should not make the next one slow.
const keptEvaluations = 5

// Cache keeps what is expensive to make from files, such as the rendering of a chart, from one evaluation to the next. A key says
// all that the value was made from, contents included, so that nothing in it can be stale. What the last evaluations did not use
// is dropped. Several evaluations may use it at once; a nil Cache keeps nothing.
type Cache struct {
	mu         sync.Mutex
	evaluation int
	entries    map[any]*cached
}

type cached struct {
	value any
	used  int // in which evaluation, the last time
}

// NewCache returns an empty cache, for Options.Cache.
func NewCache() *Cache { return &Cache{entries: map[any]*cached{}} }

// Get returns what was kept for the key. Nobody may change it.
func (c *Cache) Get(key any) (value any, ok bool) {
	if c == nil {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.entries[key]
	if !ok {
		return nil, false
	}
	entry.used = c.evaluation
	return entry.value, true
}

// Put keeps a value. The key is of a type of its caller's own, so that no two callers mean different things by one key.
func (c *Cache) Put(key, value any) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[key] = &cached{value: value, used: c.evaluation}
}

// Cached returns what the cache has for the key, or what fn makes, which the cache then keeps unless it is an error.
func Cached[T any](c *Cache, key any, fn func() (T, error)) (T, error) {
	if value, ok := c.Get(key); ok {
		if made, ok := value.(T); ok {
			return made, nil
		}
	}
	made, err := fn()
	if err == nil {
		c.Put(key, made)
	}
	return made, err
}

// begin counts an evaluation and drops what the ones before did not use.
func (c *Cache) begin() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.evaluation++
	for key, entry := range c.entries {
		if c.evaluation-entry.used > keptEvaluations {
			delete(c.entries, key)
		}
	}
}

// Digest identifies a list of texts, for keys of a Cache.
type Digest [sha256.Size]byte

// Digester makes a Digest. No two lists of texts have the same: each text is preceded by its length.
type Digester struct{ hash hash.Hash }

// NewDigester returns the digester of an empty list.
func NewDigester() *Digester { return &Digester{hash: sha256.New()} }

// Add appends texts to the list.
func (d *Digester) Add(texts ...string) {
	for _, text := range texts {
		d.length(len(text))
		_, _ = io.WriteString(d.hash, text) // a hash takes everything
	}
}

// AddBytes appends one text to the list.
func (d *Digester) AddBytes(text []byte) {
	d.length(len(text))
	_, _ = d.hash.Write(text) // a hash takes everything
}

// AddList appends a list as one item, so that its end is part of the digest.
func (d *Digester) AddList(texts []string) {
	d.length(len(texts))
	d.Add(texts...)
}

func (d *Digester) length(n int) {
	var buf [8]byte
	binary.BigEndian.PutUint64(buf[:], uint64(n)) //nolint:gosec // a length is not negative
	_, _ = d.hash.Write(buf[:])                   // a hash takes everything
}

// Sum returns the digest of the list so far.
func (d *Digester) Sum() (sum Digest) {
	copy(sum[:], d.hash.Sum(nil))
	return sum
}
