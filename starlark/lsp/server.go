package lsp

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/envflow/envflow/starlark/kit"
)

// Options say whom to serve.
type Options struct {
	In         io.Reader  // from the editor
	Out        io.Writer  // to the editor
	Docs       []kit.Doc  // of all builtins
	Extensions Extensions // nil: none are known
	Version    string
}

type server struct {
	Options
	docs    map[string]*kit.Doc // by name
	modules map[string]bool     // names with members, such as os.path

	encoding     encoding
	labelOffsets bool // the editor wants numbers for the parameters in a signature
	initialized  bool
	shutdown     bool

	documents map[string]*document // open, by URI
	stored    map[string]stored    // not open, by path
	changed   []string             // URIs of documents whose mistakes are to be looked for
}

func newServer(o Options) *server {
	s := &server{
		Options: o, docs: map[string]*kit.Doc{}, modules: map[string]bool{}, encoding: utf16Units,
		documents: map[string]*document{}, stored: map[string]stored{},
	}
	for i := range o.Docs {
		name := o.Docs[i].Name
		s.docs[name] = &o.Docs[i]
		for at, c := range name {
			if c == '.' {
				s.modules[name[:at]] = true
			}
		}
	}
	return s
}

// predeclared reports whether a name is there without being defined.
func (s *server) predeclared(name string) bool {
	return !strings.Contains(name, ".") && (s.docs[name] != nil || s.modules[name])
}

// errExit ends Serve.
var errExit = errors.New("the editor says exit")

// Serve answers the editor until it says exit or goes away. The goroutine that reads ends with In.
func Serve(ctx context.Context, o Options) error {
	s := newServer(o)
	q := &queue{frames: make(chan frame, waiting)}
	go q.read(ctx, o.In)
	for {
		err := s.step(ctx, q)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, errExit) && s.shutdown:
			return nil
		case errors.Is(err, errExit):
			return errors.New("the editor says exit without shutdown")
		case err != nil:
			return err
		}
	}
}

// step does what is to be done next. Mistakes are looked for when nobody waits for an answer: the next letter may be typed already.
func (s *server) step(ctx context.Context, q *queue) error {
	r := q.next()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case r != nil:
		return s.handle(r)
	case len(s.changed) > 0:
		return s.publishNext()
	case q.end != nil:
		return q.end
	}
	return q.wait(ctx)
}
