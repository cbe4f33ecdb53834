package starlark_test

import (
	"os"
	"testing"
)

// TestMain runs the tests. An extension may run sys.executable, which is the test itself here: then there is nothing to do.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "apply" {
		os.Exit(1)
	}
	os.Exit(m.Run())
}
