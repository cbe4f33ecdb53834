package worker

import (
	"context"

	"github.com/envflow/envflow/starlark"
)

// TiltVersion is the version of Tilt whose language Tiltfiles are evaluated in, such as 0.37.6.
const TiltVersion = starlark.TiltVersion

// Builtin says what people are told of a builtin of Tiltfiles.
type Builtin = starlark.Doc

// BuiltinFamily is the documentation of the builtins of one topic.
type BuiltinFamily = starlark.Family

// Builtins returns the documentation of all builtins of Tiltfiles, by topic.
func Builtins(ctx context.Context) ([]BuiltinFamily, error) { return starlark.Families(ctx) }
