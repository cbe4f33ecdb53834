package starlark

import (
	"context"
	"fmt"

	"github.com/envflow/envflow/starlark/kit"
	"github.com/envflow/envflow/starlark/settings"
)

// TiltVersion is the version of Tilt whose language this is, such as 0.37.6.
const TiltVersion = settings.TiltVersion

// Doc is what people are told of a builtin.
type Doc = kit.Doc

// Param is an argument of a builtin.
type Param = kit.Param

// Family is the documentation of the builtins of one family.
type Family = kit.Family

// Builtins returns the documentation of all builtins, sorted by name. It evaluates nothing.
func Builtins() ([]Doc, error) {
	docs, err := documented(context.Background()).Docs() //nolint:forbidigo // nothing is evaluated that could be cancelled
	if err != nil {
		return nil, fmt.Errorf("read the documentation of the builtins: %w", err)
	}
	return docs, nil
}

// Families is Builtins by family, in the order in which people should meet them.
func Families(ctx context.Context) ([]Family, error) {
	families, err := documented(ctx).Families()
	if err != nil {
		return nil, fmt.Errorf("read the documentation of the builtins: %w", err)
	}
	return families, nil
}

// documented is a run that nothing is evaluated in.
func documented(ctx context.Context) *kit.Run {
	run := kit.NewRun(ctx, kit.Options{Path: "/Tiltfile", Subcommand: "up"})
	register(run)
	return run
}
