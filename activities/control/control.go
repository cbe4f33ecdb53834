package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	sdkclient "go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
)

const (
	// updatesInFlight: a workflow takes no more at a time.
	updatesInFlight = 10
	// endLimit is how long a resource may take to end.
	endLimit = time.Minute
	// askEvery is how often what is missing is asked for.
	askEvery = time.Second
)

// Activities are those that concern other workflows and the world at large.
type Activities struct {
	Client    sdkclient.Client
	Namespace string
	Ping      map[string]func(context.Context) error // by failure.Docker, failure.Cluster
}

// EndResources ends resource workflows and waits for that.
func (a *Activities) EndResources(ctx context.Context, in api.EndResourcesIn) error {
	names := slices.Clone(in.Resources)
	if in.Sweep {
		running, err := Running(ctx, a.Client, a.Namespace, in.Environment)
		if err != nil {
			return err
		}
		for _, name := range running { // the list lags behind: what was started a moment ago is named
			if !slices.Contains(in.Keep, name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(updatesInFlight)
	for _, name := range names {
		group.Go(func() error { return a.end(ctx, api.ResourceWorkflowID(in.Environment, name)) })
	}
	return group.Wait()
}

func (a *Activities) end(ctx context.Context, workflowID string) error {
	ctx, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	handle, err := a.Client.UpdateWorkflow(ctx, sdkclient.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateName: api.EndUpdate, WaitForStage: sdkclient.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, nil)
	}
	if notFound, ok := errors.AsType[*serviceerror.NotFound](err); ok && notFound != nil {
		return nil // it has ended
	}
	if _, stuck := errors.AsType[*serviceerror.WorkflowNotReady](err); stuck {
		return a.Client.TerminateWorkflow(ctx, workflowID, "", "its history does not fit this version of envflow")
	}
	if err != nil {
		return fmt.Errorf("end workflow %s: %w", workflowID, err)
	}
	return nil
}

// Running lists the resources of an environment whose workflows run.
func Running(ctx context.Context, client sdkclient.Client, namespace, environment string) (names []string, err error) {
	prefix := api.ResourceWorkflowID(environment, "")
	query := fmt.Sprintf(`WorkflowType = %q AND ExecutionStatus = "Running" AND WorkflowId STARTS_WITH %q`, api.ResourceWorkflow, prefix)
	var page []byte
	for {
		answer, err := client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: namespace, Query: query, NextPageToken: page})
		if err != nil {
			return nil, fmt.Errorf("list the resource workflows: %w", err)
		}
		for _, e := range answer.GetExecutions() {
			names = append(names, strings.TrimPrefix(e.GetExecution().GetWorkflowId(), prefix))
		}
		if page = answer.GetNextPageToken(); len(page) == 0 {
			return names, nil
		}
	}
}

// Await returns once that which is needed answers.
func (a *Activities) Await(ctx context.Context, in api.AwaitIn) error {
	ping, ok := a.Ping[in.Needs]
	if !ok {
		return failure.UserError(nil, "nothing is known of %s", in.Needs)
	}
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		if err := ping(ctx); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
