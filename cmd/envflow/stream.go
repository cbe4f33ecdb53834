package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// stream is stdout for a command that prints while it runs, from several goroutines.
type stream struct {
	mu     sync.Mutex
	w      io.Writer
	last   string // the last document
	err    error  // the first of writing
	broken chan struct{}
}

func newStream(w io.Writer) *stream { return &stream{w: w, broken: make(chan struct{})} }

// put writes text as one piece. After the first error it writes nothing any more.
func (s *stream) put(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || text == "" {
		return
	}
	if _, err := io.WriteString(s.w, text); err != nil {
		s.err = fmt.Errorf("write to stdout: %w", err)
		close(s.broken)
	}
}

// failed returns the first error of writing.
func (s *stream) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// document writes value as JSON in a line, unless the last one was the same. It is called from one goroutine.
func (s *stream) document(value any) error {
	line, err := jsonLine(value)
	if err != nil {
		return err
	}
	if line != s.last {
		s.last = line
		s.put(line)
	}
	return s.failed()
}

// jsonLine is value as JSON in one line. People read it, so & in URLs stays as it is.
func jsonLine(value any) (string, error) {
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return "", fmt.Errorf("write the answer as JSON: %w", err)
	}
	return line.String(), nil
}
