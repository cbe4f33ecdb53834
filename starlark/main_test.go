package starlark_test

import (
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/envflow/envflow/internal/plan"
)

// TestMain runs the tests. An extension may run sys.executable, which is the test itself here: then it is `envflow apply -f -`.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "apply" {
		data, err := io.ReadAll(os.Stdin)
		if err == nil {
			err = os.WriteFile(os.Getenv(plan.ApplyVariable), data, 0o600)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}
