package workflows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/workflows"
)

// runSelftest runs the workflow in virtual time with probe as its activity.
func runSelftest(t *testing.T, probe func(context.Context, api.SelftestIn) (api.SelftestOut, error)) (out api.SelftestOut, err error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterActivityWithOptions(probe, activity.RegisterOptions{Name: api.SelftestActivity})
	env.ExecuteWorkflow(workflows.Selftest, api.SelftestIn{Nonce: "n"})
	if err := env.GetWorkflowError(); err != nil {
		return out, err
	}
	return out, env.GetWorkflowResult(&out)
}

func TestSelftest_ReturnsWhatTheActivitySays(t *testing.T) {
	t.Parallel()
	want := api.SelftestOut{Nonce: "n", PID: 7, Attempts: 1, Started: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	got, err := runSelftest(t, func(_ context.Context, in api.SelftestIn) (api.SelftestOut, error) {
		out := want
		out.Nonce = in.Nonce
		return out, nil
	})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("result (-want +got):\n%s\nerror %v", diff, err)
	}
}

func TestSelftest_TriesAgain(t *testing.T) {
	t.Parallel()
	tries := 0
	_, err := runSelftest(t, func(context.Context, api.SelftestIn) (api.SelftestOut, error) {
		if tries++; tries < 3 {
			return api.SelftestOut{}, errors.New("not yet")
		}
		return api.SelftestOut{}, nil
	})
	if err != nil || tries != 3 {
		t.Errorf("%d tries, error %v", tries, err)
	}
}

func TestSelftest_GivesUp(t *testing.T) {
	t.Parallel()
	_, err := runSelftest(t, func(context.Context, api.SelftestIn) (api.SelftestOut, error) {
		return api.SelftestOut{}, errors.New("never")
	})
	var failed *temporal.ActivityError
	if !errors.As(err, &failed) {
		t.Errorf("error is %v, want that of the activity", err)
	}
}
