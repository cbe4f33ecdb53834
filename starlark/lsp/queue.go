package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// waiting is how many messages are read ahead: the typing of some seconds.
const waiting = 64

// frame is a message of the editor, or the end of them.
type frame struct {
	body []byte
	err  error
}

// queue are the messages that have come and are not handled yet.
type queue struct {
	frames   chan frame
	requests []*request
	end      error // why no more come, nil if they do
}

// read reads messages until there are no more.
func (q *queue) read(ctx context.Context, in io.Reader) {
	for r := newFrameReader(in); ; {
		body, err := readFrame(r)
		select {
		case q.frames <- frame{body, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// next returns the oldest message, nil if none is there. All that has come is looked at before, since it may cancel the oldest.
func (q *queue) next() *request {
	for range cap(q.frames) {
		select {
		case f := <-q.frames:
			q.add(f)
			continue
		default:
		}
		break
	}
	if len(q.requests) == 0 {
		return nil
	}
	r := q.requests[0]
	q.requests = q.requests[1:]
	return r
}

// wait waits until a message comes.
func (q *queue) wait(ctx context.Context) error {
	select {
	case f := <-q.frames:
		q.add(f)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// add adds a message. One that cancels another marks it, unless that is handled already.
func (q *queue) add(f frame) {
	if f.err != nil {
		q.end = f.err
		if !errors.Is(f.err, io.EOF) {
			q.end = fmt.Errorf("read from the editor: %w", f.err)
		}
		return
	}
	r := &request{}
	if err := json.Unmarshal(f.body, r); err != nil {
		r = &request{ID: json.RawMessage("null"), malformed: true}
	}
	var cancel cancelParams
	if r.Method != "$/cancelRequest" || json.Unmarshal(r.Params, &cancel) != nil {
		q.requests = append(q.requests, r)
		return
	}
	i := slices.IndexFunc(q.requests, func(r *request) bool { return len(r.ID) > 0 && string(r.ID) == string(cancel.ID) })
	if i >= 0 {
		q.requests[i].cancelled = true
	}
}
