package worker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	sdkclient "go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/envflow/envflow/activities/control"
	"github.com/envflow/envflow/internal/api"
)

// epochKey is where records keep the epoch of the last worker.
const epochKey = "epoch"

func (h *Host) workflowID() string { return api.EnvironmentWorkflowID(h.o.ID) }

// attach tells the environment's workflow that this worker is there, and starts the workflow if it does not run.
func (h *Host) attach(ctx context.Context, setArgs bool) error {
	epoch, err := h.nextEpoch(ctx)
	if err != nil {
		return err
	}
	// Before the workflow has it: what is seen from now on belongs to this epoch, and is ignored by workflows that do not know it.
	h.forgetCompared()
	h.epoch.Store(epoch)
	h.o.Log.Info("attaching", "after", time.Since(h.me.Started).Round(time.Millisecond))
	h.dropStickyQueues(ctx)
	in := api.AttachIn{Epoch: epoch, Worker: h.me, SetArgs: setArgs, Resources: h.o.Resources, Adopt: h.o.Adopt, Stopped: !h.processes.activities.Any()}
	env := api.EnvironmentIn{Environment: h.o.ID, Project: h.o.Project, User: h.o.User, Attributes: true}
	err = h.updateWithStart(ctx, in, env)
	if _, unknown := errors.AsType[*serviceerror.InvalidArgument](err); unknown {
		env.Attributes = false
		err = h.updateWithStart(ctx, in, env)
		h.o.Log.Warn("the Temporal server does not know envflow's search attributes; its UI cannot filter by them", "error", err)
	}
	for try := 0; try < attachTries && notReady(err); try++ { // a signal that meets the end of a run may have refused it
		pause(ctx, attachPause)
		err = h.updateWithStart(ctx, in, env)
	}
	if notReady(err) {
		h.o.Log.Warn("this version of envflow cannot go on with the environment's workflows; they begin anew from the records", "error", err)
		if err = h.terminateWorkflows(ctx); err == nil {
			err = h.updateWithStart(ctx, in, env)
		}
	}
	if err != nil {
		return fmt.Errorf("attach to the environment's workflow: %w", err)
	}
	h.o.Log.Info("attached", "epoch", epoch, "after", time.Since(h.me.Started).Round(time.Millisecond))
	h.reportAll()
	h.dirty()
	return nil
}

// How often an attach that the workflow did not take is tried again, and after what time.
const (
	attachTries = 2
	attachPause = 100 * time.Millisecond
)

// notReady reports whether a workflow failed to take an update.
func notReady(err error) bool {
	_, is := errors.AsType[*serviceerror.WorkflowNotReady](err)
	return is
}

func (h *Host) updateWithStart(ctx context.Context, in api.AttachIn, env api.EnvironmentIn) error {
	options := sdkclient.StartWorkflowOptions{
		ID: h.workflowID(), TaskQueue: h.workflowID(),
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowTaskTimeout:      api.WorkflowTaskTimeout,
		StaticSummary:            "environment " + h.o.Project,
		StaticDetails:            "Tiltfile `" + h.o.Path + "`",
		Memo:                     map[string]any{"project": h.o.Project, "path": h.o.Path, "user": h.o.User},
	}
	if env.Attributes {
		options.TypedSearchAttributes = api.Attributes(h.o.Project, h.o.ID, h.o.User, "")
	}
	start := h.o.Client.NewWithStartWorkflowOperation(options, api.EnvironmentWorkflow, env)
	handle, err := h.o.Client.UpdateWithStartWorkflow(ctx, sdkclient.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: sdkclient.UpdateWorkflowOptions{
			UpdateName: api.AttachUpdate, Args: []any{in}, WaitForStage: sdkclient.WorkflowUpdateStageCompleted,
		},
	})
	if err != nil {
		return err
	}
	var out api.AttachOut
	return handle.Get(ctx, &out)
}

// terminateWorkflows ends workflows whose histories this version's code does not lead to. What they knew stands in the records.
func (h *Host) terminateWorkflows(ctx context.Context) error {
	resources, err := control.Running(ctx, h.o.Client, h.namespace, h.o.ID)
	if err != nil {
		return err
	}
	ids := []string{h.workflowID()}
	for _, name := range resources {
		ids = append(ids, api.ResourceWorkflowID(h.o.ID, name))
	}
	for _, id := range ids {
		err := h.o.Client.TerminateWorkflow(ctx, id, "", "its history does not fit this version of envflow")
		if _, gone := errors.AsType[*serviceerror.NotFound](err); err != nil && !gone {
			return err
		}
	}
	return nil
}

// nextEpoch is greater than all before it, also those of a machine whose clock went backwards since.
func (h *Host) nextEpoch(ctx context.Context) (int64, error) {
	last, _, err := h.records.Meta(ctx, epochKey)
	if err != nil {
		return 0, err
	}
	before, _ := strconv.ParseInt(last, 10, 64) // without one, it is 0
	epoch := max(before+1, time.Now().UnixMilli())
	return epoch, h.records.PutMeta(ctx, epochKey, strconv.FormatInt(epoch, 10))
}

// dropStickyQueues makes the server hand workflow tasks to this worker at once. It would wait first for the one that had
// these workflows in its memory, and that was killed.
func (h *Host) dropStickyQueues(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ids := []string{h.workflowID()}
	if s, ok := h.lastStatus(ctx); ok {
		for _, r := range s.Resources {
			ids = append(ids, api.ResourceWorkflowID(h.o.ID, r.Name))
		}
	}
	var group errgroup.Group
	group.SetLimit(8)
	for _, id := range ids {
		group.Go(func() error {
			// Most do not exist, or have no such queue; then there is nothing to wait for either.
			_, _ = h.o.Client.WorkflowService().ResetStickyTaskQueue(ctx, &workflowservice.ResetStickyTaskQueueRequest{
				Namespace: h.namespace, Execution: &commonpb.WorkflowExecution{WorkflowId: id},
			})
			return nil
		})
	}
	_ = group.Wait() // of calls that return no error
}

// follow returns nil once the environment is down. While the server is away it waits for it; a workflow that is lost with
// its database is started again: the records have all it needs.
func (h *Host) follow(ctx context.Context) error {
	for ctx.Err() == nil {
		err := h.awaitEnd(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
		case h.lost(ctx, err):
			h.o.Log.Warn("the environment's workflow is gone from the server; it is started again")
			h.epoch.Store(0)
			if err := h.attach(ctx, true); err != nil {
				h.o.Log.Warn("cannot attach", "error", err)
				pause(ctx, time.Second)
			}
		default:
			h.o.Log.Debug("following the environment's workflow", "error", err)
			pause(ctx, time.Second)
		}
	}
	return nil
}

// endLimit is how long the end of a workflow may take that says of itself that it has ended.
const endLimit = 2 * time.Second

// awaitEnd returns nil once the environment is down, by the word of the server or of the status: the server's may be late.
func (h *Host) awaitEnd(ctx context.Context) error {
	waiting, enough := context.WithCancel(ctx)
	defer enough()
	go func() {
		select {
		case <-h.status.down:
			pause(waiting, endLimit)
			enough()
		case <-waiting.Done():
		}
	}()
	err := h.o.Client.GetWorkflow(waiting, h.workflowID(), "").Get(waiting, nil)
	select {
	case <-h.status.down:
		return nil
	default:
		return err
	}
}

// lost is true if the workflow does not run any more although nobody took the environment down.
func (h *Host) lost(ctx context.Context, err error) bool {
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return true
	}
	d, err := h.o.Client.DescribeWorkflowExecution(ctx, h.workflowID(), "")
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return true
	}
	return err == nil && d.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
}

// serverEvery is how often the worker looks whether the embedded server is there: seldom enough not to keep a laptop awake.
const serverEvery = time.Second

// keepServer starts the embedded server again when it has gone.
func (h *Host) keepServer(ctx context.Context) {
	if h.o.Server == nil {
		return
	}
	for pause(ctx, serverEvery) {
		if h.o.Server.Alive() {
			continue
		}
		if _, _, err := h.o.Server.Ensure(ctx); err != nil && ctx.Err() == nil {
			h.o.Log.Warn("cannot start the server", "error", err)
		}
	}
}

// pause waits. It returns false if ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
