package compose

import (
	"testing"

	"github.com/envflow/envflow/starlark/kit"
)

// kit compares the documentation with the arguments that the code takes.
func TestDocumented(t *testing.T) {
	t.Parallel()
	run := kit.NewRun(t.Context(), kit.Options{Path: "/Tiltfile"})
	New(run, nil, nil, nil)
	if _, err := run.Docs(); err != nil {
		t.Fatal(err)
	}
}
