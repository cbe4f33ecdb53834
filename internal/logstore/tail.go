package logstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// errEnough ends reading backwards.
var errEnough = errors.New("enough")

// tail finds the last n lines that match, from the end, hands them out in their order, and leaves the reader behind the last
// whole line there was.
func (r *reader) tail(ctx context.Context, segments []segment, n int) error {
	if len(segments) == 0 {
		return nil
	}
	last := segments[len(segments)-1]
	var (
		found []Line // the last one first
		end   int64  // of the last whole line
	)
	for i := len(segments) - 1; i >= 0; i-- {
		s := segments[i]
		whole, err := backwards(ctx, segmentPath(r.dir, s.number), s.info.Size(), func(data []byte) error {
			if len(found) >= n {
				return errEnough
			}
			if line, ok := r.filter.line(data); ok {
				found = append(found, line)
			}
			return nil
		})
		if s.number == last.number {
			end = whole
		}
		if errors.Is(err, errEnough) {
			break
		}
		if err != nil {
			return err
		}
		if s.info.ModTime().Before(r.filter.q.Since) {
			break
		}
	}
	for _, line := range slices.Backward(found) {
		if err := r.fn(line); err != nil {
			return err
		}
	}
	return r.open(last.number, end)
}

// backwards calls fn for the whole lines before offset size of the file, the last one first, without their line breaks. It
// returns where the last of them ends. A file that is not there any more has none.
func backwards(ctx context.Context, path string, size int64, fn func([]byte) error) (end int64, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the log: %w", err)
	}
	defer func() { _ = file.Close() }()
	var rest []byte // what was read, but is not a whole line yet: its beginning is missing
	for at := size; at > 0; {
		if err := ctx.Err(); err != nil {
			return end, err
		}
		n := min(at, blockSize)
		at -= n
		block := make([]byte, n)
		if _, err := file.ReadAt(block, at); err != nil {
			return end, fmt.Errorf("read the log: %w", err)
		}
		data := slices.Concat(block, rest)
		if end == 0 { // what follows the last line break is not whole
			i := bytes.LastIndexByte(data, '\n')
			if i < 0 {
				continue
			}
			data = data[:i+1]
			end = at + int64(i) + 1
		}
		for {
			i := bytes.LastIndexByte(data[:max(0, len(data)-1)], '\n')
			if i < 0 {
				break
			}
			if err := fn(data[i+1 : len(data)-1]); err != nil {
				return end, err
			}
			data = data[:i+1]
		}
		rest = data
	}
	if len(rest) > 0 {
		err = fn(rest[:len(rest)-1])
	}
	return end, err
}
