package worker

import (
	"context"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/envflow/envflow/activities/control"
	"github.com/envflow/envflow/activities/deploy"
	"github.com/envflow/envflow/activities/image"
	"github.com/envflow/envflow/activities/liveupdate"
	"github.com/envflow/envflow/activities/process"
	"github.com/envflow/envflow/activities/tiltfile"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/logstore"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/workflows"
)

// register wires workflows and activities to this host, under the names that stand in histories.
func (h *Host) register(r sdkworker.Registry) {
	r.RegisterWorkflowWithOptions(workflows.Environment, workflow.RegisterOptions{Name: api.EnvironmentWorkflow})
	r.RegisterWorkflowWithOptions(workflows.Resource, workflow.RegisterOptions{Name: api.ResourceWorkflow})

	tiltfileActivities := &tiltfile.Activities{Run: h.evaluate, Records: h.records, Use: h.use, Watch: h.watchConfig, Keep: h.keep, Log: h.line}
	imageActivities := &image.Activities{
		Plans: &h.plans, Disk: h.disk, Records: h.records,
		Engine: func(ctx context.Context) (image.Engine, error) { return h.clients.engineClient(ctx) },
		Target: h.clients.imageTarget, Enter: h.enter, Lookup: h.lookup, Log: h.line,
		Labels: map[string]string{"dev.envflow.built": "true"},
	}
	deployActivities := &deploy.Activities{
		Environment: h.o.ID, Owner: h.o.Owner, Plans: &h.plans, Records: h.records,
		Cluster: func(context.Context) (deploy.Cluster, error) { return h.clients.clusterClient() },
		Enter:   h.enter, Observe: h.applied, Leave: h.removed, Log: h.line,
	}
	liveupdateActivities := &liveupdate.Activities{
		Plans: &h.plans, Disk: h.disk, Records: h.records, Containers: containers{h}, Streams: streams{h}, Log: h.line,
		Spec: func(i *plan.Image) string { return image.Spec(i, h.lookup) },
		Input: func(p *plan.Plan, i *plan.Image, tree map[string]string, built []api.DeployedImage) string {
			return image.Input(p, i, tree, built, h.lookup)
		},
		WinBack: deployActivities.WinBack,
	}
	controlActivities := &control.Activities{
		Client: h.o.Client, Namespace: h.namespace,
		Ping: map[string]func(context.Context) error{failure.Docker: h.clients.pingEngine, failure.Cluster: h.clients.pingCluster},
	}
	processActivities := h.processes.activities
	for name, f := range map[string]any{
		api.EvaluateActivity:     tiltfileActivities.Evaluate,
		api.SyncActivity:         liveupdateActivities.Sync,
		api.BuildImageActivity:   imageActivities.Build,
		api.PushImageActivity:    imageActivities.Push,
		api.ApplyActivity:        deployActivities.Apply,
		api.RunCommandActivity:   processActivities.Run,
		api.ServeActivity:        processActivities.Serve,
		api.StopActivity:         processActivities.Stop,
		api.DeleteActivity:       deleteAll(deployActivities, processActivities),
		api.AwaitActivity:        controlActivities.Await,
		api.EndResourcesActivity: controlActivities.EndResources,
	} {
		r.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
}

// deleteAll deletes what resources have in the cluster, and ends their processes on this machine.
func deleteAll(objects *deploy.Activities, processes *process.Activities) func(context.Context, api.DeleteIn) (api.DeleteOut, error) {
	return func(ctx context.Context, in api.DeleteIn) (api.DeleteOut, error) {
		stopped, err := processes.Forget(ctx, api.StopIn{Resources: in.Resources})
		if err != nil {
			return api.DeleteOut{}, err
		}
		out, err := objects.Delete(ctx, in)
		out.Processes, out.Ending = stopped.Processes, stopped.Ending
		return out, err
	}
}

// subject names what an activity changes.
func subject(activityType string, in any) string {
	switch in := in.(type) {
	case api.BuildImageIn:
		return activityType + " " + in.Resource + " " + in.Image
	case api.PushImageIn:
		return activityType + " " + in.Resource + " " + in.Image.Ref
	case api.EvaluateIn:
		return activityType
	case api.SyncIn, api.ApplyIn, api.RunCommandIn, api.ServeIn:
		return activityType + " " + resourceOf(in)
	}
	return ""
}

// resourceOf names the resource that an activity is about, "" for none.
func resourceOf(in any) string {
	switch in := in.(type) {
	case api.SyncIn:
		return in.Resource
	case api.BuildImageIn:
		return in.Resource
	case api.PushImageIn:
		return in.Resource
	case api.ApplyIn:
		return in.Resource
	case api.RunCommandIn:
		return in.Resource
	case api.ServeIn:
		return in.Resource
	case api.EvaluateIn:
		return api.TiltfileName
	}
	return ""
}

// failed keeps the whole story of a failure where it may stand: in the log and in the records.
func (h *Host) failed(ctx context.Context, in any, err error) {
	if failure.Of(err).Class == failure.Superseded {
		return // nothing is wrong
	}
	resource := resourceOf(in)
	h.compared(time.Time{}, in, failed{})
	h.retries(resource, err)
	text := err.Error()
	if _, ok := in.(api.RunCommandIn); ok {
		text, _, _ = strings.Cut(text, "\n") // what the command has said stands in the log
	}
	h.log.Append(logstore.Line{Resource: resource, Source: logstore.SourceBuild, Level: logstore.LevelError, Text: text})
	if resource != "" {
		if err := h.records.PutError(context.WithoutCancel(ctx), resource, err.Error()); err != nil {
			h.o.Log.Warn("record an error", "error", err)
		}
	}
	h.dirty()
}

// succeeded clears the error of the step that failed before.
func (h *Host) succeeded(ctx context.Context, began time.Time, in, out any) {
	switch in := in.(type) {
	case api.SyncIn, api.ApplyIn, api.EvaluateIn, api.BuildImageIn, api.RunCommandIn, api.ServeIn:
		if err := h.records.ClearError(context.WithoutCancel(ctx), resourceOf(in)); err != nil {
			h.o.Log.Warn("clear an error", "error", err)
		}
	}
	h.compared(began, in, out)
	h.retries(resourceOf(in), nil)
	if in, ok := in.(api.SyncIn); ok {
		if r := h.currentRuntime(); r != nil {
			sync, _ := out.(api.SyncOut)
			r.comparedOnce(in.Resource, sync.Outcome == api.SyncWaiting)
		}
	}
	h.dirty()
}

// enter waits for one of max_parallel_updates.
func (h *Host) enter(ctx context.Context, resource string) (leave func(), err error) {
	return h.gate.enter(ctx, h.rank(resource), false)
}

// enterCommand is enter for the command of a local resource, which may want to be alone.
func (h *Host) enterCommand(ctx context.Context, resource string, alone bool) (leave func(), err error) {
	return h.gate.enter(ctx, h.rank(resource), alone)
}

// rank orders updates as Tilt does: local commands first, then objects of no resource, then what needs no build, then as in the
// Tiltfile.
func (h *Host) rank(resource string) int {
	const local, uncategorized, unbuilt, others = 0, 1, 2, 3
	p := h.plans.Now()
	if p == nil {
		return others
	}
	for i, r := range p.Resources {
		switch {
		case r.Name != resource:
		case r.Type == plan.TypeLocal:
			return local
		case r.Name == plan.Uncategorized:
			return uncategorized
		case len(r.Images) == 0:
			return unbuilt
		default:
			return others + i
		}
	}
	return others
}
