package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
)

// TestTransitions tells the story of a day.
func TestTransitions(t *testing.T) {
	t.Parallel()
	evaluating := running()
	evaluating.Evaluated, evaluating.Evaluating = false, true
	broken := running(readyResource("web"))
	broken.Error = "Tiltfile:4:1: undefined name"
	first := changed(pendingResource("web", "", ""), func(r *api.ResourceStatus) { r.Reason = "waiting for db" })
	updating := changed(first, func(r *api.ResourceStatus) { r.Update, r.Reason = api.StateInProgress, "" })
	built := changed(readyResource("web"), func(r *api.ResourceStatus) { r.Ready, r.Runtime = false, api.StatePending })
	ready := changed(readyResource("web"), func(r *api.ResourceStatus) { r.Endpoints = []string{"http://localhost:8080/"} })
	synced := changed(ready, func(r *api.ResourceStatus) {
		r.Last = &api.LastUpdate{Started: noon, Seconds: 0.043, Kind: api.KindLiveUpdate}
	})
	failed := changed(synced, func(r *api.ResourceStatus) {
		r.Update, r.Ready, r.Reason = api.StateError, false, "Dockerfile:3: build step failed (exit code 1)"
		r.Last = &api.LastUpdate{Started: noon.Add(time.Second), Seconds: 12, Kind: api.KindBuild}
	})
	crashed := changed(synced, func(r *api.ResourceStatus) {
		r.Runtime, r.Ready, r.Reason = api.StateError, false, "web crashed (exit code 2)"
		r.Last = &api.LastUpdate{Started: noon.Add(2 * time.Second), Seconds: 61, Kind: api.KindLiveUpdate}
	})
	story := []struct {
		now  shown
		want string
	}{
		{shown{Status: evaluating}, "(Tiltfile)  evaluating"},
		{shown{Status: evaluating}, ""},
		{shown{Status: running(first, readyResource("db"))}, "(Tiltfile)  evaluated: 2 resources|web  waiting for db|db   up to date|db   ready"},
		{shown{Status: running(updating, readyResource("db"))}, "web  updating"},
		{shown{Status: running(built, readyResource("db"))}, "web  updated in 1.2s (build)"},
		{shown{Status: running(ready, readyResource("db"))}, "web  ready  http://localhost:8080/"},
		{shown{Status: running(ready)}, "db   removed"},
		{shown{Status: running(synced)}, "web  updated in 43ms (live_update)"},
		{
			shown{Status: running(failed), Errors: map[string]string{"web": "web/Dockerfile:3: RUN make\nexit code: 1\n"}},
			"web  failed after 12s: Dockerfile:3: build step failed (exit code 1)|    web/Dockerfile:3: RUN make|    exit code: 1",
		},
		{shown{Status: running(failed)}, ""},
		{shown{Status: running(crashed)}, "web  updated in 1m01s (live_update)|web  not running: web crashed (exit code 2)"},
		{shown{Status: running(changed(crashed, func(r *api.ResourceStatus) { r.Runtime = api.StatePending }))}, ""},
		{shown{Status: running(ready)}, "web  ready  http://localhost:8080/"},
		{shown{Status: running(changed(ready, func(r *api.ResourceStatus) { r.Ready, r.Runtime = false, api.StatePending }))}, "web  not ready"},
		{shown{Status: running(pendingResource("web", "", failure.Docker))}, "web  waiting for the docker engine since 11:00"},
		{
			shown{Status: broken, Errors: map[string]string{api.TiltfileName: "Tiltfile:4:1: undefined name: foo\n    foo()"}},
			"(Tiltfile)  failed: Tiltfile:4:1: undefined name|    Tiltfile:4:1: undefined name: foo|        foo()|web  updated in 1.2s (build)|web  ready",
		},
		{shown{Status: broken, Stale: "paused, no worker since 11:59"}, "paused, no worker since 11:59"},
		{shown{Status: broken, Stale: "paused, no worker since 11:59"}, ""},
	}
	var lines transitions
	for i, step := range story {
		var got []string
		for line := range strings.Lines(lines.next(step.now, noon)) {
			got = append(got, strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "12:00:00 "))
		}
		if diff := cmp.Diff(step.want, strings.Join(got, "|")); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
	}
}
