package worker

import (
	"context"
	"io"

	"github.com/envflow/envflow/internal/state"
	"github.com/envflow/envflow/starlark"
	"github.com/envflow/envflow/starlark/extensions"
	"github.com/envflow/envflow/starlark/lsp"
)

// EditorOptions say which editor is served.
type EditorOptions struct {
	In      io.Reader
	Out     io.Writer
	Lookup  state.Lookup // of environment variables
	Version string
}

// ServeEditor is a language server for Tiltfiles, for the editor at the other end of In and Out. It evaluates and fetches nothing.
func ServeEditor(ctx context.Context, o EditorOptions) error {
	families, err := starlark.Families(ctx)
	if err != nil {
		return err
	}
	var docs []Builtin
	for _, f := range families {
		docs = append(docs, f.Builtins...)
	}
	dir, err := state.DataDir(o.Lookup)
	if err != nil {
		dir = "" // then no extension is known
	}
	return lsp.Serve(ctx, lsp.Options{In: o.In, Out: o.Out, Docs: docs, Extensions: extensions.NewKnown(dir), Version: o.Version})
}
