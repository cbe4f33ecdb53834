package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/envflow/envflow/internal/api"
)

// Each activity is called through one function here, which owns its timeouts and its retry policy.

func callSelftest(ctx workflow.Context, in api.SelftestIn) (out api.SelftestOut, err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 5 * time.Second,
		// A selftest that needs longer has failed: it says whether this machine is all right now.
		ScheduleToCloseTimeout: 20 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2},
		Summary:                "prove that worker and server reach each other",
	})
	return out, workflow.ExecuteActivity(ctx, api.SelftestActivity, in).Get(ctx, &out)
}
