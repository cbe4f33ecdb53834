package logstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Query says which lines are read. The zero Query reads all that are there.
type Query struct {
	Resources []string  // of one of these; empty: of all
	Sources   []string  // from one of these (SourceBuild, ...); empty: from all
	Level     string    // of this one (LevelWarn, ...), as Tilt; "": of all
	Since     time.Time // not before; zero: from the beginning
	Tail      int       // the last so many of those that match; 0: all, negative: none of those that are there already
	Follow    bool      // wait for more, until the context ends
}

// How often a reader looks for new lines by itself: where nothing tells it of them, and where something does.
const (
	pollEvery    = 500 * time.Millisecond
	watchedEvery = 5 * time.Second
)

// blockSize is how much is read at a time.
const blockSize = 256 << 10

// Read calls fn for the lines of the log in dir that q asks for, in the order they were appended. Without a log there are
// none; with q.Follow it waits for one. It works whether or not somebody writes, and does not hinder them.
//
// It ends with the error of fn, or with that of ctx. Lines that are dropped while they are read are passed over.
func Read(ctx context.Context, dir string, q Query, fn func(Line) error) error {
	r := &reader{dir: dir, filter: newFilter(q), fn: fn}
	defer r.close()
	segments, err := list(dir)
	if err != nil {
		return err
	}
	if !q.Follow { // what is written from now on is not read, or a quick writer would keep this from ending
		if len(segments) == 0 {
			return nil
		}
		r.stop = &segments[len(segments)-1]
	}
	if q.Tail != 0 {
		err = r.tail(ctx, segments, q.Tail)
	} else {
		err = r.begin(segments, q.Since)
	}
	if err == nil {
		err = r.drain(ctx)
	}
	if err != nil || !q.Follow {
		return err
	}
	return r.follow(ctx)
}

// reader is at one position in the log.
type reader struct {
	dir    string
	filter filter
	fn     func(Line) error

	stop    *segment // nil: there is no end
	number  int64    // of the segment that is open
	file    *os.File // nil: none yet
	offset  int64    // in it, of what is read next
	pending []byte   // the beginning of a line whose end is not there yet
	block   []byte
}

func (r *reader) close() {
	if r.file != nil {
		_ = r.file.Close()
		r.file = nil
	}
}

// begin goes to the first segment that may hold a line of q.
func (r *reader) begin(segments []segment, since time.Time) error {
	for i, s := range segments {
		// A line may be written some time after its own. That a segment was last written before since says enough.
		if i == len(segments)-1 || !s.info.ModTime().Before(since) {
			return r.open(s.number, 0)
		}
	}
	return nil
}

// open goes to offset in the segment number. If it was dropped meanwhile, the position is before what follows it.
func (r *reader) open(number, offset int64) error {
	r.close()
	r.number, r.pending = number, nil
	file, err := os.Open(segmentPath(r.dir, number))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		_, err = file.Seek(offset, io.SeekStart)
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	r.file, r.offset = file, offset
	return nil
}

// drain reads all that is there, through all segments.
func (r *reader) drain(ctx context.Context) error {
	for {
		if err := r.drainSegment(ctx); err != nil {
			return err
		}
		if r.stop != nil && r.number >= r.stop.number {
			return nil
		}
		segments, err := list(r.dir)
		if err != nil {
			return err
		}
		later := slices.IndexFunc(segments, func(s segment) bool { return s.number > r.number })
		if later < 0 {
			return nil
		}
		// The writer is done with a segment when there is a later one: what is in it now is all.
		if err := r.drainSegment(ctx); err != nil {
			return err
		}
		if err := r.open(segments[later].number, 0); err != nil {
			return err
		}
	}
}

// drainSegment reads what is in the open segment.
func (r *reader) drainSegment(ctx context.Context) error {
	if r.file == nil {
		return nil
	}
	if r.block == nil {
		r.block = make([]byte, blockSize)
	}
	for {
		block := r.block
		if r.stop != nil && r.stop.number == r.number {
			block = block[:min(int64(len(block)), max(0, r.stop.info.Size()-r.offset))]
			if len(block) == 0 {
				return nil
			}
		}
		n, err := r.file.Read(block)
		r.offset += int64(n)
		r.pending = append(r.pending, r.block[:n]...)
		for {
			i := bytes.IndexByte(r.pending, '\n')
			if i < 0 {
				break
			}
			if line, ok := r.filter.line(r.pending[:i]); ok {
				if err := r.fn(line); err != nil {
					return err
				}
			}
			r.pending = r.pending[i+1:]
		}
		r.pending = bytes.Clone(r.pending) // lets go of what was read
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// follow waits for lines until ctx ends.
func (r *reader) follow(ctx context.Context) error {
	var (
		written <-chan fsnotify.Event
		missed  <-chan error // the timer finds what was
	)
	watcher, err := fsnotify.NewWatcher()
	if err == nil { // else there are too many on this machine, and the timer has to do
		defer func() { _ = watcher.Close() }()
		written, missed = watcher.Events, watcher.Errors
	}
	for {
		every := pollEvery
		// At every turn, because the folder may come, go and come again.
		if watcher != nil && watcher.Add(r.dir) == nil {
			every = watchedEvery
		}
		if err := r.drain(ctx); err != nil {
			return err
		}
		timer := time.NewTimer(every)
		select {
		case <-ctx.Done():
		case <-written:
		case <-missed: //nolint:errcheck // whatever it is, there is the timer
		case <-timer.C:
		}
		timer.Stop()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// filter is a Query, made quick.
type filter struct {
	q         Query
	resources [][]byte // how a line of one of them has it
}

func newFilter(q Query) filter {
	f := filter{q: q}
	for _, resource := range q.Resources {
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if resource == "" || enc.Encode(resource) != nil {
			f.resources = nil // lines of no resource have no such key
			break
		}
		f.resources = append(f.resources, append([]byte(`"r":`), bytes.TrimSpace(buf.Bytes())...))
	}
	return f
}

// line decodes data if it is a line that was asked for.
func (f *filter) line(data []byte) (line Line, ok bool) {
	// Decoding costs ten times as much as this.
	if len(f.resources) > 0 && !slices.ContainsFunc(f.resources, func(r []byte) bool { return bytes.Contains(data, r) }) {
		return Line{}, false
	}
	if line, ok = decode(data); !ok {
		return Line{}, false
	}
	ok = (len(f.q.Resources) == 0 || slices.Contains(f.q.Resources, line.Resource)) &&
		(len(f.q.Sources) == 0 || slices.Contains(f.q.Sources, line.Source)) &&
		(f.q.Level == "" || f.q.Level == line.Level) &&
		!line.Time.Before(f.q.Since)
	return line, ok
}
