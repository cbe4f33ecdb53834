package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/envflow/envflow/internal/api"
)

// Selftest runs one activity and returns what it says. It is over in a moment; its ID is new each time.
func Selftest(ctx workflow.Context, in api.SelftestIn) (api.SelftestOut, error) {
	return callSelftest(ctx, in)
}
