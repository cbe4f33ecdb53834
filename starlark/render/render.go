package render

import (
	"context"
	_ "embed"

	"github.com/envflow/envflow/starlark/kit"
)

//go:embed builtins.md
var docs string

// New registers the family.
func New(run *kit.Run) {
	run.Document(docs)
	run.Builtin("helm", helm)
	run.Builtin("kustomize", kustomize)
}

// await returns what fn returns, or that ctx has ended: helm and kustomize know nothing of it. What fn is at then ends later, for
// nobody.
func await(ctx context.Context, fn func() (string, error)) (string, error) {
	type outcome struct {
		text string
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		text, err := fn()
		done <- outcome{text, err}
	}()
	select {
	case o := <-done:
		return o.text, o.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
