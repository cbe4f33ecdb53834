package worker

import (
	"context"

	"github.com/envflow/envflow/starlark"
	"github.com/envflow/envflow/starlark/lint"
)

// LintReport is what was found in the files of a project.
type LintReport = lint.Report

// Lint evaluates a Tiltfile, and finds what is wrong in it and the files it loads.
func Lint(ctx context.Context, o EvaluateOptions) (LintReport, error) {
	in, end, err := o.forStarlark()
	if err != nil {
		return LintReport{}, err
	}
	defer end()
	return starlark.Lint(ctx, in)
}

// LintFiles finds what can be found by reading the Tiltfile at path, and runs nothing.
func LintFiles(ctx context.Context, path string) LintReport { return starlark.LintFiles(ctx, path) }
