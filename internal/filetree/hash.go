package filetree

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// racyWindow is how old a write must be for its Stat to stand for the content.
const racyWindow = 2 * time.Second

// bufferSize is how much of a file is read at once. Cancelling takes effect between two reads.
const bufferSize = 64 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// hasher gives files their digests.
type hasher struct {
	cache Cache // may be nil
	began time.Time
}

// one completes file.entry, or says that the file is gone.
func (h *hasher) one(ctx context.Context, file *found) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var err error
	switch file.entry.Mode.Type() {
	case fs.ModeDir:
	case fs.ModeSymlink:
		var target string
		if target, err = os.Readlink(file.path); err == nil {
			sum := sha256.Sum256([]byte(target))
			file.entry.Digest = hex.EncodeToString(sum[:])[:digestLength]
		}
	default:
		err = h.content(ctx, file)
	}
	if missing(err) {
		file.gone = true
		return nil
	}
	return err
}

func (h *hasher) content(ctx context.Context, file *found) error {
	if h.cache != nil {
		if digest, ok := h.cache.Get(file.path, file.stat); ok {
			file.entry.Digest, file.entry.Size = digest, file.stat.Size
			return nil
		}
	}
	in, err := os.Open(file.path)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // opened for reading
	hash := sha256.New()
	buffer, _ := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buffer)
	for {
		n, err := in.Read(buffer[:])
		_, _ = hash.Write(buffer[:n]) // never fails
		file.entry.Size += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", file.path, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	file.entry.Digest = hex.EncodeToString(hash.Sum(nil))[:digestLength]
	if h.cache == nil {
		return nil
	}
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("look at %s: %w", file.path, err)
	}
	// What was written while it was read, or just before, may change again without a trace.
	if statOf(info) == file.stat && h.began.Sub(time.Unix(0, max(file.stat.MTime, file.stat.CTime))) >= racyWindow {
		h.cache.Put(file.path, file.stat, file.entry.Digest)
	}
	return nil
}
