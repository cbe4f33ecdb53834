package workflows_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	sdkclient "go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/envflow/envflow/activities/control"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/testenv"
	"github.com/envflow/envflow/internal/testenv/devserver"
)

// limit is how long a test waits for a condition: much longer than anything takes, on a busy machine too.
const limit = 20 * time.Second

// world is an environment whose workflows and server are the real ones, and whose activities are played by the test.
//
// Without further instructions everything succeeds: a resource with images is built at its first sync and in sync from then
// on, and what was applied is ready at once.
type world struct {
	t      *testing.T
	client sdkclient.Client
	id     string

	mu       sync.Mutex
	specs    []api.Spec
	left     []string // what evaluations find left over
	calls    []call
	rules    []*rule
	built    map[string]bool
	applied  map[string]bool
	slow     map[string]bool // resources that are not ready by themselves
	ran      map[string]int  // how often the command of a local resource has run
	served   map[string]int  // how often it had when its server was started, and once more
	changed  map[string]bool // what its deps hold since its last run
	versions int64
	names    map[string]bool // every resource there was
}

// call is one attempt of an activity.
type call struct {
	activity, resource string
	in                 any
}

// rule makes an activity do something else than succeed.
type rule struct {
	activity, resource string
	times              int // how often it still holds; negative: for ever
	out                any
	err                error
	entered            chan struct{} // of a hold: gets a value for each attempt that has come
	release            chan struct{} // of a hold: closed to let them go on
	once               sync.Once
	cancelled          chan struct{} // of a hold: gets a value for each attempt that was cancelled
}

func newWorld(t *testing.T, specs ...api.Spec) *world {
	t.Helper()
	t.Parallel()
	c, _ := devserver.Shared(t)
	var random [6]byte
	_, _ = rand.Read(random[:])
	w := &world{
		t: t, client: c, id: "test-" + hex.EncodeToString(random[:]),
		built: map[string]bool{}, applied: map[string]bool{}, slow: map[string]bool{}, names: map[string]bool{},
		ran: map[string]int{}, served: map[string]int{}, changed: map[string]bool{},
	}
	w.plan(specs...)
	w.work()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		_ = c.TerminateWorkflow(ctx, w.workflowID(), "", "the test is over")
		for name := range w.names {
			_ = c.TerminateWorkflow(ctx, w.resourceID(name), "", "the test is over")
		}
	})
	return w
}

// replay makes sure that the histories of this test can be replayed. It costs too much for every test.
func (w *world) replay() {
	w.t.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	ids := []string{w.workflowID()}
	for name := range w.names {
		ids = append(ids, w.resourceID(name))
	}
	for _, id := range ids {
		var h historypb.History
		it := w.client.GetWorkflowHistory(ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for it.HasNext() {
			event, err := it.Next()
			if err != nil {
				break // there is no such workflow
			}
			h.Events = append(h.Events, event)
		}
		if len(h.Events) < 4 {
			continue
		}
		replayer := sdkworker.NewWorkflowReplayer()
		registerAll(replayer)
		if err := replayer.ReplayWorkflowHistory(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)), &h); err != nil {
			w.t.Errorf("replay %s: %v", id, err)
		}
	}
}

func (w *world) workflowID() string             { return api.EnvironmentWorkflowID(w.id) }
func (w *world) resourceID(name string) string  { return api.ResourceWorkflowID(w.id, name) }
func (w *world) ctx() (context.Context, func()) { return context.WithTimeout(w.t.Context(), limit) }

// work runs a worker until the test ends.
func (w *world) work() {
	w.t.Helper()
	worker := sdkworker.New(w.client, w.workflowID(), sdkworker.Options{
		StickyScheduleToStartTimeout: 2 * time.Second, DisableRegistrationAliasing: true,
		MaxHeartbeatThrottleInterval: 200 * time.Millisecond, DefaultHeartbeatThrottleInterval: 200 * time.Millisecond,
	})
	registerAll(worker)
	controls := &control.Activities{Client: w.client, Namespace: api.Namespace}
	for name, f := range map[string]any{
		api.EvaluateActivity: func(ctx context.Context, in api.EvaluateIn) (out api.EvaluateOut, err error) {
			return out, w.play(ctx, api.EvaluateActivity, "", in, &out, func() { out = api.EvaluateOut{Plan: "plan", Specs: w.specs, Leftover: w.left} })
		},
		api.SyncActivity: func(ctx context.Context, in api.SyncIn) (out api.SyncOut, err error) {
			return out, w.play(ctx, api.SyncActivity, in.Resource, in, &out, func() {
				if out.Outcome = api.SyncInSync; !w.built[in.Resource] {
					out.Outcome = api.SyncBuild
				}
			})
		},
		api.BuildImageActivity: func(ctx context.Context, in api.BuildImageIn) (out api.BuildImageOut, err error) {
			return out, w.play(ctx, api.BuildImageActivity, in.Resource, in, &out, func() {
				w.built[in.Resource] = true
				out = api.BuildImageOut{Image: api.DeployedImage{Ref: in.Image, ImageID: "sha256:1"}, Push: true}
			})
		},
		api.PushImageActivity: func(ctx context.Context, in api.PushImageIn) error {
			return w.play(ctx, api.PushImageActivity, in.Resource, in, nil, func() {})
		},
		api.ApplyActivity: func(ctx context.Context, in api.ApplyIn) (out api.ApplyOut, err error) {
			return out, w.play(ctx, api.ApplyActivity, in.Resource, in, &out, func() {
				out = api.ApplyOut{Objects: 1, Runtime: w.runtime(in.Resource)}
				if !w.applied[in.Resource] || len(in.Images) > 0 {
					out.Changed = 1
				}
				w.applied[in.Resource] = true
			})
		},
		api.RunCommandActivity: func(ctx context.Context, in api.RunCommandIn) (out api.RunCommandOut, err error) {
			return out, w.play(ctx, api.RunCommandActivity, in.Resource, in, &out, func() {
				if out.Due = w.ran[in.Resource] == 0 || w.changed[in.Resource] || in.Anew; out.Due && !in.Check {
					w.ran[in.Resource]++
					w.changed[in.Resource] = false
				}
				if i := slices.IndexFunc(w.specs, func(s api.Spec) bool { return s.Name == in.Resource }); i < 0 || !w.specs[i].Serve {
					out.Runtime = w.runtime(in.Resource)
				}
			})
		},
		api.ServeActivity: func(ctx context.Context, in api.ServeIn) (out api.ServeOut, err error) {
			return out, w.play(ctx, api.ServeActivity, in.Resource, in, &out, func() {
				runs := w.ran[in.Resource] + 1
				out = api.ServeOut{Started: w.served[in.Resource] != runs, Runtime: w.runtime(in.Resource)}
				w.served[in.Resource] = runs
			})
		},
		api.StopActivity: func(ctx context.Context, in api.StopIn) (out api.StopOut, err error) {
			return out, w.play(ctx, api.StopActivity, strings.Join(in.Resources, ","), in, &out, func() {
				out.Processes = len(w.served)
				clear(w.served)
			})
		},
		api.DeleteActivity: func(ctx context.Context, in api.DeleteIn) (out api.DeleteOut, err error) {
			return out, w.play(ctx, api.DeleteActivity, strings.Join(in.Resources, ","), in, &out, func() {
				out.Objects = len(w.applied)
				for _, name := range in.Resources {
					delete(w.applied, name)
					delete(w.built, name)
				}
			})
		},
		api.AwaitActivity: func(ctx context.Context, in api.AwaitIn) error {
			return w.play(ctx, api.AwaitActivity, in.Needs, in, nil, func() {})
		},
		api.EndResourcesActivity: func(ctx context.Context, in api.EndResourcesIn) error {
			if err := w.play(ctx, api.EndResourcesActivity, strings.Join(in.Resources, ","), in, nil, func() {}); err != nil {
				return err
			}
			return controls.EndResources(ctx, in)
		},
	} {
		worker.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	if err := worker.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(worker.Stop)
}

// play records a call and does what a rule says, or succeed.
func (w *world) play(ctx context.Context, name, resource string, in, out any, succeed func()) error {
	w.mu.Lock()
	w.calls = append(w.calls, call{activity: name, resource: resource, in: in})
	var r *rule
	for _, candidate := range w.rules {
		if candidate.activity == name && (candidate.resource == resource || candidate.resource == "*") && candidate.times != 0 {
			r = candidate
			r.times--
			break
		}
	}
	w.mu.Unlock()
	if r != nil && r.release != nil {
		if err := r.wait(ctx); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case r != nil && r.err != nil:
		return r.err
	case r != nil && r.out != nil:
		*out.(*api.SyncOut) = r.out.(api.SyncOut) //nolint:forcetypeassert // only sync has rules with answers
	default:
		succeed()
	}
	return nil
}

// runtime is what runs of a resource. w.mu is held.
func (w *world) runtime(resource string) *api.Runtime {
	w.versions++
	if w.slow[resource] {
		return &api.Runtime{Resource: resource, Version: w.versions, State: api.StatePending, Reason: "starting"}
	}
	return &api.Runtime{Resource: resource, Version: w.versions, State: api.StateOK, Ready: true}
}

func (r *rule) wait(ctx context.Context) error {
	r.entered <- struct{}{}
	beat := time.NewTicker(200 * time.Millisecond) //nolint:forbidigo // of an activity
	defer beat.Stop()
	for {
		select {
		case <-r.release:
			return nil
		case <-ctx.Done():
			r.cancelled <- struct{}{}
			return ctx.Err()
		case <-beat.C:
			activity.RecordHeartbeat(ctx)
		}
	}
}

func (w *world) add(r *rule) *rule {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rules = append(w.rules, r)
	return r
}

// hold makes the next attempts wait until the test lets them go on.
func (w *world) hold(name, resource string, times int) *rule {
	r := w.add(&rule{
		activity: name, resource: resource, times: times,
		entered: make(chan struct{}, 100), release: make(chan struct{}), cancelled: make(chan struct{}, 100),
	})
	w.t.Cleanup(r.letGo)
	return r
}

func (r *rule) letGo() {
	select {
	case <-r.release:
	default:
		close(r.release)
	}
}

// letGoOnce is letGo for several goroutines.
func (r *rule) letGoOnce() { r.once.Do(r.letGo) }

// fail makes the next attempt fail.
func (w *world) fail(name, resource string, class failure.Class, summary, needs string) {
	w.add(&rule{activity: name, resource: resource, times: 1, err: temporal.NewApplicationError(summary, string(class), needs)})
}

// sync makes the next sync of resource a say outcome.
func (w *world) sync(outcome string) {
	w.add(&rule{activity: api.SyncActivity, resource: "a", times: 1, out: api.SyncOut{Outcome: outcome}})
}

// come waits for a value, of a rule's channel.
func (w *world) come(what string, c <-chan struct{}) {
	w.t.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	select {
	case <-c:
	case <-ctx.Done():
		w.t.Fatalf("%s: not within %s\n%s", what, limit, w.describe())
	}
}

// plan sets what the Tiltfile says from its next evaluation on.
func (w *world) plan(specs ...api.Spec) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.specs = specs
	for _, s := range specs {
		w.names[s.Name] = true
	}
}

// leftover sets what the worker knows of objects of resources that are not in the Tiltfile.
func (w *world) leftover(names ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = names
}

// spec is a resource with one image; change it by further functions.
func spec(name string, change ...func(*api.Spec)) api.Spec {
	s := api.Spec{
		Name: name, Type: plan.TypeKubernetes, TriggerMode: plan.TriggerAuto, AutoInit: true, Enabled: true,
		Images: []string{"image-" + name}, Objects: true,
	}
	for _, c := range change {
		c(&s)
	}
	s.Digest = plan.Digest(s)
	return s
}

// local is a resource with a command and a server of this machine; change it by further functions.
func local(name string, change ...func(*api.Spec)) api.Spec {
	return spec(name, append([]func(*api.Spec){func(s *api.Spec) {
		s.Type, s.Images, s.Objects, s.Command, s.Serve = plan.TypeLocal, nil, false, true, true
	}}, change...)...)
}

func noCommand(s *api.Spec)                { s.Command = false }
func noServer(s *api.Spec)                 { s.Serve = false }
func noImages(s *api.Spec)                 { s.Images = nil }
func manual(s *api.Spec)                   { s.TriggerMode = plan.TriggerManual }
func noAutoInit(s *api.Spec)               { s.AutoInit = false }
func disabled(s *api.Spec)                 { s.Enabled = false }
func another(s *api.Spec)                  { s.Digest = "another" } // another spec of the same resource
func after(deps ...string) func(*api.Spec) { return func(s *api.Spec) { s.DependsOn = deps } }

// tryAttach does what a worker does when it comes.
// tryAttach attaches as the worker does: again if a signal that met the end of a run has refused it.
func (w *world) tryAttach(epoch int64) (out api.AttachOut, err error) {
	for range 3 {
		if out, err = w.attachOnce(epoch); !isNotReady(err) {
			break
		}
	}
	return out, err
}

func isNotReady(err error) bool {
	_, is := errors.AsType[*serviceerror.WorkflowNotReady](err)
	return is
}

func (w *world) attachOnce(epoch int64) (out api.AttachOut, err error) {
	ctx, cancel := w.ctx()
	defer cancel()
	start := w.client.NewWithStartWorkflowOperation(sdkclient.StartWorkflowOptions{
		ID: w.workflowID(), TaskQueue: w.workflowID(),
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		TypedSearchAttributes:    api.Attributes("project", w.id, "user@host", ""),
	}, api.EnvironmentWorkflow, api.EnvironmentIn{Environment: w.id, Project: "project", User: "user@host", Attributes: true})
	handle, err := w.client.UpdateWithStartWorkflow(ctx, sdkclient.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: sdkclient.UpdateWorkflowOptions{
			UpdateName: api.AttachUpdate, Args: []any{api.AttachIn{Epoch: epoch, Worker: api.Worker{PID: int(epoch)}, SetArgs: true}},
			WaitForStage: sdkclient.WorkflowUpdateStageCompleted,
		},
	})
	if err != nil {
		return out, err
	}
	return out, handle.Get(ctx, &out)
}

func (w *world) attach(epoch int64) {
	w.t.Helper()
	if _, err := w.tryAttach(epoch); err != nil {
		w.t.Fatalf("attach with epoch %d: %v", epoch, err)
	}
}

// update sends an update to the environment and returns its answer.
func (w *world) update(name string, in, out any) error {
	return w.updateWithin(limit, name, in, out)
}

func (w *world) updateWithin(d time.Duration, name string, in, out any) error {
	ctx, cancel := context.WithTimeout(w.t.Context(), d)
	defer cancel()
	handle, err := w.client.UpdateWorkflow(ctx, sdkclient.UpdateWorkflowOptions{
		WorkflowID: w.workflowID(), UpdateName: name, Args: []any{in}, WaitForStage: sdkclient.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return err
	}
	return handle.Get(ctx, out)
}

func (w *world) trigger(names ...string) {
	w.t.Helper()
	if err := w.update(api.TriggerUpdate, api.TriggerIn{Resources: names}, nil); err != nil {
		w.t.Fatalf("trigger %v: %v", names, err)
	}
}

func (w *world) signal(workflowID, name string, in any) {
	w.t.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	if err := w.client.SignalWorkflow(ctx, workflowID, "", name, in); err != nil {
		w.t.Fatalf("signal %s to %s: %v", name, workflowID, err)
	}
}

func (w *world) filesChanged(resource string, epoch, seq int64) {
	w.t.Helper()
	w.signal(w.resourceID(resource), api.FilesChangedSignal, api.FilesChanged{Epoch: epoch, Seq: seq})
}

// edit changes what the deps of a local resource hold, whether or not anybody is told.
func (w *world) edit(resource string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed[resource] = true
}

func (w *world) configChanged() {
	w.t.Helper()
	w.signal(w.workflowID(), api.ConfigChangedSignal, api.ConfigChanged{Seq: 1})
}

// observed reports what runs, as the first worker does.
func (w *world) observed(resource, state string) {
	w.t.Helper()
	w.mu.Lock()
	w.versions++
	r := api.Runtime{Resource: resource, Version: w.versions, State: state, Ready: state == api.StateOK}
	w.mu.Unlock()
	w.signal(w.workflowID(), api.RuntimeReportSignal, api.RuntimeReports{Epoch: 1, Resources: []api.Runtime{r}})
}

func (w *world) status() (s api.Status, err error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Second)
	defer cancel()
	answer, err := w.client.QueryWorkflow(ctx, w.workflowID(), "", api.StatusQuery)
	if err != nil {
		return s, err
	}
	return s, answer.Get(&s)
}

func find(s api.Status, name string) api.ResourceStatus {
	for _, r := range s.Resources {
		if r.Name == name {
			return r
		}
	}
	return api.ResourceStatus{}
}

// until waits for a status.
func (w *world) until(what string, condition func(api.Status) bool) (s api.Status) {
	w.t.Helper()
	testenv.Eventually(w.t, limit, what, func() (err error) {
		if s, err = w.status(); err == nil && !condition(s) {
			err = fmt.Errorf("status is %+v\n%s", s, w.describe())
		}
		return err
	})
	return s
}

// untilUpdate waits until the update of a resource stands so under the newest worker, confirmed but for pending ones.
func (w *world) untilUpdate(resource, update string) api.ResourceStatus {
	w.t.Helper()
	done := update == api.StateOK || update == api.StateError || update == api.StateNone
	return find(w.until(resource+" is "+update, func(s api.Status) bool {
		r := find(s, resource)
		return r.Update == update && r.Confirmed == done
	}), resource)
}

// untilReady waits until all that is enabled is ready.
func (w *world) untilReady(epoch int64) api.Status {
	w.t.Helper()
	return w.until("everything is ready", func(s api.Status) bool {
		return s.Epoch == epoch && s.Evaluated && !s.Evaluating && len(s.Resources) > 0 &&
			!slices.ContainsFunc(s.Resources, func(r api.ResourceStatus) bool { return r.Enabled && !(r.Ready && r.Confirmed) })
	})
}

// called returns the calls of an activity for a resource ("*": any), in their order.
func (w *world) called(name, resource string) (calls []call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.calls {
		if c.activity == name && (resource == "*" || c.resource == resource) {
			calls = append(calls, c)
		}
	}
	return calls
}

func (w *world) count(name, resource string) int { return len(w.called(name, resource)) }

// wantCount fails the test unless an activity was called so often for a resource.
func (w *world) wantCount(name, resource string, want int) {
	w.t.Helper()
	if got := w.count(name, resource); got != want {
		w.t.Errorf("%s of %s was called %d times, want %d\n%s", name, resource, got, want, w.describe())
	}
}

// untilCount waits until an activity was called so often for a resource.
func (w *world) untilCount(name, resource string, want int) {
	w.t.Helper()
	testenv.Eventually(w.t, limit, name+" of "+resource, func() error {
		if got := w.count(name, resource); got < want {
			return fmt.Errorf("called %d times, want %d\n%s", got, want, w.describe())
		}
		return nil
	})
}

// forget begins to count anew.
func (w *world) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = nil
}

// sequence lists the calls for a resource by their activities.
func (w *world) sequence(resource string) (names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.calls {
		if c.resource == resource {
			names = append(names, c.activity)
		}
	}
	return names
}

// describe lists the calls.
func (w *world) describe() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, c := range w.calls {
		fmt.Fprintf(&b, "  %s %s %+v\n", c.activity, c.resource, c.in)
	}
	return "calls:\n" + b.String()
}

// run returns the ID of the current run of a workflow, and whether it runs.
func (w *world) run(workflowID string) (id string, running bool) {
	w.t.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	d, err := w.client.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		return "", false
	}
	info := d.GetWorkflowExecutionInfo()
	return info.GetExecution().GetRunId(), info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
}

// untilEnded waits until a workflow does not run.
func (w *world) untilEnded(workflowID string) {
	w.t.Helper()
	testenv.Eventually(w.t, limit, workflowID+" ends", func() error {
		if _, running := w.run(workflowID); running {
			return errors.New("it runs")
		}
		return nil
	})
}
