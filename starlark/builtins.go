package starlark

import (
	"context"
	"fmt"

	"github.com/envflow/envflow/starlark/kit"
)

// Doc is what people are told of a builtin.
type Doc = kit.Doc

// Param is an argument of a builtin.
type Param = kit.Param

// Builtins returns the documentation of all builtins, sorted by name. It evaluates nothing.
func Builtins() ([]Doc, error) {
	run := kit.NewRun(context.Background(), kit.Options{Path: "/Tiltfile", Subcommand: "up"})
	register(run)
	docs, err := run.Docs()
	if err != nil {
		return nil, fmt.Errorf("read the documentation of the builtins: %w", err)
	}
	return docs, nil
}
