package worker

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/envflow/envflow/activities/control"
	"github.com/envflow/envflow/activities/deploy"
	"github.com/envflow/envflow/activities/image"
	"github.com/envflow/envflow/activities/liveupdate"
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
	for name, f := range map[string]any{
		api.EvaluateActivity:     tiltfileActivities.Evaluate,
		api.SyncActivity:         liveupdateActivities.Sync,
		api.BuildImageActivity:   imageActivities.Build,
		api.PushImageActivity:    imageActivities.Push,
		api.ApplyActivity:        deployActivities.Apply,
		api.DeleteActivity:       deployActivities.Delete,
		api.AwaitActivity:        controlActivities.Await,
		api.EndResourcesActivity: controlActivities.EndResources,
	} {
		r.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
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
	case api.SyncIn, api.ApplyIn:
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
	h.log.Append(logstore.Line{Resource: resource, Source: logstore.SourceBuild, Level: "error", Text: err.Error()})
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
	case api.SyncIn, api.ApplyIn, api.EvaluateIn, api.BuildImageIn:
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

// enter waits for one of max_parallel_updates, as Tilt orders them: objects of no resource first, then what needs no build,
// then as in the Tiltfile.
func (h *Host) enter(ctx context.Context, resource string) (leave func(), err error) {
	rank := 0
	if p := h.plans.Now(); p != nil {
		for i, r := range p.Resources {
			if r.Name != resource {
				continue
			}
			rank = i + 2
			if len(r.Images) == 0 {
				rank = 1
			}
			if r.Name == plan.Uncategorized {
				rank = 0
			}
		}
	}
	return h.gate.enter(ctx, rank)
}
