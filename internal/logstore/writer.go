package logstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/envflow/envflow/internal/state"
)

// When lines that were appended are written: so long after the first of them, or when there are so many bytes.
const (
	flushAfter = 50 * time.Millisecond
	flushFrom  = 256 << 10
)

// Writer appends to the log. It is safe for concurrent use. There must be one per folder.
type Writer struct {
	dir    string
	limits limits
	onLoss func(error)
	flush  chan struct{} // has an element when the buffer should be written
	done   chan struct{} // closed when the last of it was

	mu      sync.Mutex
	buf     bytes.Buffer // not written yet
	closed  bool
	dropped int64 // lines that could not be written, in all
	missing int64 // of them, those since the last one that could
	taken   int64 // lines that were appended, in all
	settled int64 // of them, those of which is known whether they are written
	settle  sync.Cond

	// What follows belongs to the goroutine that writes.
	file   *os.File
	number int64
	size   int64
	torn   bool // the file ends within a line
	failed bool // lines were lost, and this was told
}

// Option changes how a Writer works.
type Option func(*Writer)

// OnLoss makes the Writer call fn, from a goroutine of its own, when lines are lost because they cannot be written: once for
// each time that this begins. The log itself gets a line that says how many were lost when it ends.
func OnLoss(fn func(error)) Option { return func(w *Writer) { w.onLoss = fn } }

// Open opens the log in the folder dir for appending, and makes the folder if it is missing. The error is one of making it
// or writing to it, a fault with a remedy where there is one.
func Open(dir string, options ...Option) (*Writer, error) {
	return openWith(dir, defaultLimits, options...)
}

func openWith(dir string, l limits, options ...Option) (*Writer, error) {
	if err := state.EnsureDir(dir); err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	w := &Writer{dir: dir, limits: l, onLoss: func(error) {}, flush: make(chan struct{}, 1), done: make(chan struct{})}
	w.settle.L = &w.mu
	for _, option := range options {
		option(w)
	}
	segments, err := list(dir)
	if err != nil {
		return nil, err
	}
	w.number = time.Now().UnixMilli()
	if len(segments) > 0 {
		w.number = segments[len(segments)-1].number
	}
	if err := w.openSegment(); err != nil {
		return nil, fmt.Errorf("open the log: %w", state.WriteFault(err, dir))
	}
	go w.run()
	return w, nil
}

// Append adds a line. It does not wait for the disk. A line without a time gets the current one. After Close it does nothing.
func (w *Writer) Append(line Line) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	if w.buf.Len() > w.limits.buffer {
		w.lose(1)
		w.wake()
		return
	}
	before := w.buf.Len()
	if err := encode(&w.buf, line); err != nil { // a time outside the years of RFC 3339
		w.buf.Truncate(before)
		w.lose(1)
		return
	}
	w.taken++
	if before == 0 || w.buf.Len() > flushFrom {
		w.wake()
	}
}

// Flush returns when all that was appended before is written, or lost.
func (w *Writer) Flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for upTo := w.taken; w.settled < upTo; {
		w.settle.Wait()
	}
}

// Dropped is how many lines were lost since Open.
func (w *Writer) Dropped() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

// Close writes what was appended and closes the log. The error says that some of it was lost.
func (w *Writer) Close() error {
	w.mu.Lock()
	first := !w.closed
	w.closed = true
	w.mu.Unlock()
	if first {
		close(w.flush)
	}
	<-w.done
	if !first {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.missing > 0 {
		return fmt.Errorf("close the log: %d lines were lost", w.missing)
	}
	return nil
}

// wake makes run look at the buffer. w.mu is held, so that w.flush is not closed meanwhile.
func (w *Writer) wake() {
	select {
	case w.flush <- struct{}{}:
	default:
	}
}

// lose counts lines. w.mu is held.
func (w *Writer) lose(n int64) {
	w.dropped += n
	w.missing += n
}

// run writes the buffer until the Writer is closed.
func (w *Writer) run() {
	defer close(w.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for open := true; open; {
		_, open = <-w.flush
		if open && !w.full() {
			// Wait for more, but not for long.
			timer.Reset(flushAfter)
			for waiting := true; waiting; {
				select {
				case <-timer.C:
					waiting = false
				case _, open = <-w.flush:
					waiting = open && !w.full()
				}
			}
		}
		w.writeBuffer()
	}
	if w.file != nil {
		_ = w.file.Close()
	}
}

func (w *Writer) full() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Len() > flushFrom
}

// writeBuffer takes what was appended and writes it. Trouble is told once, and its end is in the log.
func (w *Writer) writeBuffer() {
	data, missing, upTo := w.take()
	defer w.settleUp(upTo)
	if len(data) == 0 {
		return
	}
	var note bytes.Buffer
	if missing > 0 {
		text := fmt.Sprintf("%d lines of the log were lost: they could not be written", missing)
		if encode(&note, Line{Source: SourceEngine, Level: LevelWarn, Text: text}) == nil {
			data = append(note.Bytes(), data...)
		}
	}
	written, err := w.write(data)
	w.mu.Lock()
	if written >= note.Len() {
		w.missing -= missing
	}
	w.lose(int64(bytes.Count(data[max(written, note.Len()):], []byte("\n"))))
	w.mu.Unlock()
	if err == nil && missing > 0 {
		err = errors.New("the disk is too slow")
	}
	if err != nil && !w.failed {
		w.onLoss(fmt.Errorf("write the log: %w", state.WriteFault(err, w.dir)))
	}
	w.failed = err != nil
}

func (w *Writer) settleUp(to int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settled = to
	w.settle.Broadcast()
}

func (w *Writer) take() (data []byte, missing, upTo int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	upTo = w.taken
	data = bytes.Clone(w.buf.Bytes())
	w.buf.Reset()
	if w.buf.Cap() > 4*flushFrom { // what a burst needed is not kept
		w.buf = bytes.Buffer{}
	}
	return data, w.missing, upTo
}

// write appends whole lines, a segment after the other. It returns how many bytes are in whole lines on the disk.
func (w *Writer) write(data []byte) (written int, err error) {
	for written < len(data) {
		if w.file == nil {
			if err := w.openSegment(); err != nil {
				return written, err
			}
		}
		if w.size >= w.limits.segment {
			if err := w.nextSegment(); err != nil {
				return written, err
			}
		}
		chunk := data[written:]
		if room := w.limits.segment - w.size; int64(len(chunk)) > room {
			end := bytes.IndexByte(chunk[room:], '\n') // the line that fills it stays in one
			chunk = chunk[:int(room)+end+1]
		}
		if w.torn {
			if _, err := w.file.WriteString("\n"); err != nil {
				return written, err
			}
			w.size++
			w.torn = false
		}
		n, err := w.file.Write(chunk)
		w.size += int64(n)
		whole := bytes.LastIndexByte(chunk[:n], '\n') + 1
		w.torn = whole < n
		written += whole
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

func (w *Writer) nextSegment() error {
	err := w.file.Close()
	w.file = nil
	w.number++
	err = errors.Join(err, w.openSegment())
	_ = trim(w.dir, w.limits.total) // what stays now goes with the next segment
	return err
}

// openSegment opens the segment w.number, which may hold lines already, the last of them cut off by a kill.
func (w *Writer) openSegment() error {
	file, err := os.OpenFile(segmentPath(w.dir, w.number), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	size, err := file.Seek(0, io.SeekEnd)
	last := []byte("\n")
	if err == nil && size > 0 {
		_, err = file.ReadAt(last, size-1)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	w.file, w.size, w.torn = file, size, last[0] != '\n'
	return nil
}
