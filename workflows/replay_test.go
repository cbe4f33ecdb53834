package workflows_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/activity"
	sdkclient "go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/envflow/envflow/activities/selftest"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/testenv/devserver"
	"github.com/envflow/envflow/workflows"
)

// Histories in testdata were recorded by a release or by `make histories`. Code that cannot replay them would break the
// environments that people have running: it needs workflow.GetVersion, and a new recording beside the old ones.
//
// Files called bad-*.json.gz are histories that must not replay, so that this test is known to notice something.

const historyFiles = "testdata/*.json.gz"

// registerAll names the workflows as package worker does.
func registerAll(r interface {
	RegisterWorkflowWithOptions(any, workflow.RegisterOptions)
},
) {
	r.RegisterWorkflowWithOptions(workflows.Selftest, workflow.RegisterOptions{Name: api.SelftestWorkflow})
	r.RegisterWorkflowWithOptions(workflows.Environment, workflow.RegisterOptions{Name: api.EnvironmentWorkflow})
	r.RegisterWorkflowWithOptions(workflows.Resource, workflow.RegisterOptions{Name: api.ResourceWorkflow})
}

func TestReplay(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(historyFiles)
	if err != nil {
		t.Fatal(err)
	}
	good, bad := 0, 0
	for _, file := range files {
		wantErr := strings.HasPrefix(filepath.Base(file), "bad-")
		if wantErr {
			bad++
		} else {
			good++
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			replayer := sdkworker.NewWorkflowReplayer()
			registerAll(replayer)
			err := replayer.ReplayWorkflowHistory(nil, readHistory(t, file))
			if (err != nil) != wantErr {
				t.Errorf("replay: %v; must fail: %v", err, wantErr)
			}
		})
	}
	if good == 0 || bad == 0 {
		t.Errorf("%d histories that must replay and %d that must not in %s; run `make histories`", good, bad, historyFiles)
	}
}

func readHistory(t *testing.T, file string) *historypb.History {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var h historypb.History
	if err := protojson.Unmarshal(text, &h); err != nil {
		t.Fatal(err)
	}
	return &h
}

// TestHistories records the histories again when `make histories` asks for it.
func TestHistories(t *testing.T) {
	if os.Getenv("UPDATE_HISTORIES") == "" {
		t.Skip("records histories: run `make histories`")
	}
	c, _ := devserver.Shared(t)
	queue := devserver.UniqueName(t)
	w := sdkworker.New(c, queue, sdkworker.Options{})
	registerAll(w)
	w.RegisterActivityWithOptions(selftest.Activities{}.Probe, activity.RegisterOptions{Name: api.SelftestActivity})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()

	selftest := record(t, c, queue, api.SelftestWorkflow, api.SelftestIn{Nonce: "recorded"})
	writeHistory(t, "selftest", selftest)
	// The workflow has no activity of that type, so a replay must notice.
	for _, e := range selftest.Events {
		if a := e.GetActivityTaskScheduledEventAttributes(); a != nil {
			a.ActivityType.Name = "another"
		}
	}
	writeHistory(t, "bad-selftest", selftest)
}

// TestHistories_Environment records an environment and one of its resources through updates, failures, pauses and new runs.
func TestHistories_Environment(t *testing.T) {
	if os.Getenv("UPDATE_HISTORIES") == "" {
		t.Skip("records histories: run `make histories`")
	}
	w := newWorld(t, spec("a"), spec("b", after("a")), spec("c", manual, noAutoInit), spec("d", noImages))
	environment, resource := w.workflowID(), w.resourceID("a")
	w.fail(api.EvaluateActivity, "", failure.User, "the Tiltfile has an error", "")
	w.fail(api.BuildImageActivity, "a", failure.User, "does not compile", "")
	w.attach(1)
	w.until("the error of the Tiltfile", func(s api.Status) bool { return s.Error != "" })
	w.configChanged()
	w.untilUpdate("a", api.StateError)
	w.fail(api.BuildImageActivity, "a", failure.Infrastructure, "Docker does not answer", failure.Docker)
	w.filesChanged("a", 1, 1)
	w.untilUpdate("b", api.StateOK)
	w.trigger("a", "c", api.TiltfileName)
	w.untilReady(1)
	w.sync(api.SyncWaiting)
	w.filesChanged("a", 1, 2)
	w.until("a waits", func(s api.Status) bool { return find(s, "a").Reason == "waiting for a container to run" })
	w.signal(resource, api.ContainersChangedSignal, api.ContainersChanged{Epoch: 1})
	w.untilReady(1)
	if err := w.update(api.PauseUpdate, api.PauseIn{Epoch: 1}, nil); err != nil {
		t.Fatal(err)
	}
	w.attach(2)
	w.untilReady(2)
	first := map[string]string{}
	for _, id := range []string{environment, resource} {
		first[id], _ = w.run(id)
		w.signal(id, api.ContinueAsNewSignal, struct{}{})
		w.until("a new run", func(api.Status) bool {
			run, running := w.run(id)
			return running && run != first[id]
		})
	}

	held := w.hold(api.BuildImageActivity, "a", 1)
	w.trigger("a")
	w.come("the build", held.entered)
	w.attach(3)
	w.come("the end of the old build", held.cancelled)
	w.untilReady(3)
	w.plan(spec("a", another), spec("b", disabled), spec("d", noImages))
	w.configChanged()
	w.untilCount(api.DeleteActivity, "b,c", 1)
	w.untilReady(3)
	w.fail(api.DeleteActivity, "", failure.User, "cannot delete", "")
	if err := w.update(api.DownUpdate, api.DownIn{}, nil); err == nil {
		t.Fatal("down did not fail")
	}
	second, _ := w.run(resource)
	w.until("it stays as it is, and says why", func(s api.Status) bool { return s.Down == "cannot delete" && !s.Evaluated && !s.Evaluating })
	w.trigger(api.TiltfileName)
	w.untilReady(3)
	third, _ := w.run(environment)
	if err := w.update(api.DownUpdate, api.DownIn{}, nil); err != nil {
		t.Fatal(err)
	}
	w.untilEnded(environment)

	writeHistory(t, "environment-1", w.history(environment, first[environment]))
	writeHistory(t, "environment-2", w.history(environment, third))
	writeHistory(t, "resource-1", w.history(resource, first[resource]))
	ended := w.history(resource, second)
	writeHistory(t, "resource-2", ended)
	// A resource that waits for its spec does not build at once.
	for _, e := range ended.Events {
		if a := e.GetActivityTaskScheduledEventAttributes(); a != nil && a.ActivityType.Name == api.SyncActivity {
			a.ActivityType.Name = api.BuildImageActivity
		}
	}
	writeHistory(t, "bad-resource", ended)
}

// TestHistories_Local records an environment with a local resource, and that resource.
func TestHistories_Local(t *testing.T) {
	if os.Getenv("UPDATE_HISTORIES") == "" {
		t.Skip("records histories: run `make histories`")
	}
	w := newWorld(t, local("l"), spec("a", after("l")), local("m", manual), local("s", noCommand))
	environment, resource := w.workflowID(), w.resourceID("l")
	w.fail(api.RunCommandActivity, "l", failure.User, "exited with code 1", "")
	w.attach(1)
	w.untilUpdate("l", api.StateError)
	w.filesChanged("l", 1, 1)
	w.untilReady(1)
	w.trigger("l", "s")
	w.untilCount(api.RunCommandActivity, "s", 1)
	w.untilReady(1)
	manualOne := w.resourceID("m")
	w.edit("m")
	held := w.hold(api.RunCommandActivity, "l", 1)
	w.filesChanged("l", 1, 2)
	w.come("the command", held.entered)
	w.untilUpdate("l", api.StateInProgress)
	if err := w.update(api.PauseUpdate, api.PauseIn{Epoch: 1}, nil); err != nil {
		t.Fatal(err)
	}
	w.come("the end of the command", held.cancelled)
	w.attach(2)
	w.until("m waits", func(s api.Status) bool {
		return s.Epoch == 2 && find(s, "m").Reason == "changed; waits to be triggered"
	})
	w.trigger("m")
	w.untilReady(2)
	w.signal(resource, api.ContainersChangedSignal, api.ContainersChanged{Epoch: 2})
	w.untilReady(2)
	w.plan(local("l", another), spec("a", after("l")), local("m", manual))
	w.configChanged()
	w.untilCount(api.DeleteActivity, "s", 1)
	w.untilReady(2)
	if err := w.update(api.DownUpdate, api.DownIn{}, nil); err != nil {
		t.Fatal(err)
	}
	w.untilEnded(environment)
	for name, id := range map[string]string{"environment-local": environment, "resource-local": resource, "resource-local-manual": manualOne} {
		run, _ := w.run(id)
		writeHistory(t, name, w.history(id, run))
	}
}

// record runs a workflow to its end and returns its history.
func record(t *testing.T, c sdkclient.Client, queue, name string, args ...any) *historypb.History {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run, err := c.ExecuteWorkflow(ctx, sdkclient.StartWorkflowOptions{ID: queue + "/" + name, TaskQueue: queue}, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Get(ctx, nil); err != nil {
		t.Fatal(err)
	}
	var h historypb.History
	for it := c.GetWorkflowHistory(ctx, run.GetID(), run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
		event, err := it.Next()
		if err != nil {
			t.Fatal(err)
		}
		h.Events = append(h.Events, event)
	}
	return &h
}

func writeHistory(t *testing.T, name string, h *historypb.History) {
	t.Helper()
	text, err := protojson.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", name+".json.gz"), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
