package worker

import (
	"context"

	"github.com/envflow/envflow/starlark"
	"github.com/envflow/envflow/starlark/lint"
)

// LintReport is what was found in the files of a project.
type LintReport = lint.Report

// Lint finds what is wrong in a Tiltfile and the files it loads. Without evaluate it only reads them.
func Lint(ctx context.Context, o EvaluateOptions, evaluate bool) (LintReport, error) {
	in := starlark.Options{Path: o.Path}
	if evaluate {
		var err error
		if in, err = o.forStarlark(); err != nil {
			return LintReport{}, err
		}
	}
	return starlark.Lint(ctx, in, evaluate)
}
