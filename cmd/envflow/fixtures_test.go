package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/records"
)

// noon is the moment of these tests.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.Local)

// running is the status of an environment in which everything is evaluated.
func running(resources ...api.ResourceStatus) api.Status {
	return api.Status{Environment: "shop-01234567", State: api.EnvironmentRunning, Evaluated: true, Resources: resources}
}

// readyResource is a resource that was built and runs.
func readyResource(name string) api.ResourceStatus {
	return api.ResourceStatus{
		Name: name, Type: "k8s", Enabled: true, Confirmed: true, Update: api.StateOK, Runtime: api.StateOK, Ready: true,
		Since: noon.Add(-time.Minute), Last: &api.LastUpdate{Started: noon.Add(-time.Minute), Seconds: 1.24, Kind: api.KindBuild},
	}
}

// changed is a resource after some changes.
func changed(r api.ResourceStatus, change func(r *api.ResourceStatus)) api.ResourceStatus {
	change(&r)
	return r
}

func failedResource(name, reason string) api.ResourceStatus {
	return changed(readyResource(name), func(r *api.ResourceStatus) {
		r.Update, r.Ready, r.Reason = api.StateError, false, reason
	})
}

func busyResource(name string) api.ResourceStatus {
	return changed(readyResource(name), func(r *api.ResourceStatus) {
		r.Update, r.Ready, r.Confirmed, r.Since, r.Reason = api.StateInProgress, false, false, noon.Add(-3200*time.Millisecond), "building the image shop/web"
	})
}

func pendingResource(name, reason, needs string) api.ResourceStatus {
	return api.ResourceStatus{
		Name: name, Type: "k8s", Enabled: true, Update: api.StatePending, Runtime: api.StateNone, Reason: reason, Needs: needs, Since: noon.Add(-time.Hour),
	}
}

func manualResource(name string) api.ResourceStatus {
	return api.ResourceStatus{Name: name, Type: "k8s", Enabled: true, Confirmed: true, Update: api.StateNone, Runtime: api.StateNone}
}

// many are n resources that are ready.
func many(n int) []api.ResourceStatus {
	out := make([]api.ResourceStatus, n)
	for i := range out {
		out[i] = readyResource(fmt.Sprintf("svc%03d", i))
	}
	return out
}

// pausedEnvironment makes an environment of the Tiltfile in folder that nobody is the worker of.
func pausedEnvironment(t *testing.T, stateDir, tiltfile, name string, status *api.Status, errors map[string]string) environment.Environment {
	t.Helper()
	env, err := environment.Identify(stateDir, tiltfile, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := env.Save(); err != nil {
		t.Fatal(err)
	}
	if status == nil {
		return env
	}
	store, err := records.Open(t.Context(), env.Database())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	data, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.PutSnapshot(t.Context(), data); err != nil {
		t.Fatal(err)
	}
	for name, text := range errors {
		if err := store.PutError(t.Context(), name, text); err != nil {
			t.Fatal(err)
		}
	}
	return env
}
