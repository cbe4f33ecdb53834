package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Batch is a set of changes for one container, carried out in one go.
type Batch struct {
	Tar     []byte   // files, with names relative to the root of the container; owners are ignored where tar can
	Deletes []string // absolute paths of files and folders to be removed. What has a new file below it goes first, the others last

	inPlace bool // files are not written beside their places first
}

// Extract unpacks an archive at the root of c, in place.
//
// Errors are those of Sync.
func (p *Pool) Extract(ctx context.Context, c Container, tar []byte) error {
	return p.Sync(ctx, c, Batch{Tar: tar, inPlace: true})
}

// Sync carries out b in c. Up to 64 files are unpacked beside their places and renamed, so that nobody reads half a file;
// more are unpacked in place. It returns when the container has answered. A batch may be carried out again after an error,
// and parts of it may be done.
//
// Errors are classified (package failure) and wrap ErrNoTools if the image lacks what is needed, ErrGone if the container
// ended. The text of the error holds the messages of tar, its Summary does not.
func (p *Pool) Sync(ctx context.Context, c Container, b Batch) error {
	list, err := requests(b)
	if err != nil {
		return err
	}
	if len(b.Tar) == 0 && len(b.Deletes) == 0 {
		return nil
	}
	p.mu.Lock()
	e := p.entry(c)
	e.users++
	p.mu.Unlock()
	defer p.look()
	defer p.leave(e)
	select {
	case e.lock <- struct{}{}:
		defer func() { <-e.lock }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, r := range list {
		status, output, err := p.send(ctx, c, e, r)
		if err != nil {
			return fmt.Errorf("sync files into container %s of pod %s: %w", c.Container, c.Pod, err)
		}
		if status != 0 {
			if r.names != nil {
				output = r.names.Replace(output)
			}
			return p.classify(ctx, c, refused(c, status, output))
		}
	}
	return nil
}

// send sends a request over the stream of c, or over a new one if that does not do. The caller has the lock of e.
func (p *Pool) send(ctx context.Context, c Container, e *entryState, r request) (int, string, error) {
	if h := p.current(e); h != nil {
		status, output, err := h.do(ctx, r, limitFor(r))
		if err == nil {
			p.set(e, h)
			return status, output, nil
		}
		p.abandon(e, h)
		if ctx.Err() != nil {
			return 0, "", ctx.Err()
		}
	}
	if err := p.hopeless(e); err != nil {
		return 0, "", err
	}
	h, err := p.open(ctx, c, e)
	if err != nil {
		if ctx.Err() == nil {
			p.failed(e, err)
		}
		return 0, "", err
	}
	var kill strings.Builder
	for _, f := range e.fences {
		fmt.Fprintf(&kill, "k %d %s;", f.pid, f.token)
	}
	r.script = kill.String() + r.script
	status, output, err := h.do(ctx, r, freshLimit+time.Duration(r.megabytes())*perMegabyte)
	if err != nil {
		p.abandon(e, h)
		if ctx.Err() != nil {
			return 0, "", ctx.Err()
		}
		return 0, "", p.classify(ctx, c, err)
	}
	e.fences = nil
	p.keep(c, e, h)
	return status, output, nil
}

// abandon drops a stream with a batch in flight.
func (p *Pool) abandon(e *entryState, h *held) {
	h.drop()
	p.set(e, nil)
	e.fences = append(e.fences, fence{h.pid, h.token})
	if len(e.fences) > openers {
		e.fences = e.fences[1:]
	}
}

// hopeless returns why no stream can be opened, if so.
func (p *Pool) hopeless(e *entryState) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(e.final, ErrNoTools) {
		return e.final
	}
	return nil
}

// keep holds a new stream if its container deserves one, and closes the one that was used least recently if there are too
// many. Else it closes the stream.
func (p *Pool) keep(c Container, e *entryState, h *held) {
	p.set(e, h)
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted := false
	for _, w := range p.wanted {
		wanted = wanted || w == c
	}
	if !wanted || !p.running {
		h.close()
		e.held = nil
		return
	}
	var oldest *entryState
	open := 0
	for _, other := range p.entries {
		if other.held == nil {
			continue
		}
		open++
		if other.users == 0 && (oldest == nil || other.used.Before(oldest.used)) {
			oldest = other
		}
	}
	if open > p.opts.Max && oldest != nil {
		oldest.held.close()
		oldest.held = nil
	}
}
