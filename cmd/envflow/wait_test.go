package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/fault"
)

// TestGoal is the table of when `wait` ends.
func TestGoal(t *testing.T) {
	t.Parallel()
	with := func(change func(s *api.Status)) api.Status {
		s := running(readyResource("web"))
		change(&s)
		return s
	}
	disabled := changed(pendingResource("off", "", ""), func(r *api.ResourceStatus) { r.Enabled = false })
	unconfirmed := changed(readyResource("web"), func(r *api.ResourceStatus) { r.Confirmed, r.Ready = false, false })
	starting := changed(readyResource("web"), func(r *api.ResourceStatus) { r.Runtime, r.Ready = api.StatePending, false })
	crashed := changed(readyResource("web"), func(r *api.ResourceStatus) {
		r.Runtime, r.Ready, r.Reason = api.StateError, false, "it crashed"
	})
	for name, test := range map[string]struct {
		status         api.Status
		names          string
		ready, updated string // what stands in the way, "" for nothing
		wrong          fault.Kind
	}{
		"all ready":                  {status: running(readyResource("web"), readyResource("db"))},
		"nothing in the Tiltfile":    {status: running()},
		"the worker is not there":    {status: with(func(s *api.Status) { s.State = api.EnvironmentPaused }), ready: "the worker is starting", updated: "the worker is starting"},
		"not evaluated":              {status: with(func(s *api.Status) { s.Evaluated = false }), ready: "the Tiltfile is being evaluated", updated: "the Tiltfile is being evaluated"},
		"being evaluated again":      {status: with(func(s *api.Status) { s.Evaluating = true }), ready: "the Tiltfile is being evaluated", updated: "the Tiltfile is being evaluated"},
		"an error in the Tiltfile":   {status: with(func(s *api.Status) { s.Error = "Tiltfile:1:1: no" }), ready: "the Tiltfile has an error: Tiltfile:1:1: no", updated: "the Tiltfile has an error: Tiltfile:1:1: no"},
		"one is busy":                {status: running(readyResource("db"), busyResource("web")), ready: "web: building the image shop/web", updated: "web: building the image shop/web"},
		"one is pending":             {status: running(pendingResource("web", "", "")), ready: "web: its update has not begun", updated: "web: its update has not begun"},
		"one was not compared":       {status: running(unconfirmed), ready: "web: it has not been compared with its records yet", updated: "web: it has not been compared with its records yet"},
		"one starts":                 {status: running(starting), ready: "web: its runtime is pending"},
		"one has crashed":            {status: running(crashed), ready: "web: it crashed"},
		"one has failed":             {status: running(failedResource("web", "no")), ready: "web: no"},
		"one has failed silently":    {status: running(failedResource("web", "")), ready: "web: its update failed"},
		"one is not enabled":         {status: running(readyResource("web"), disabled)},
		"one waits for its trigger":  {status: running(readyResource("web"), manualResource("load-test"))},
		"that one, by name":          {status: running(manualResource("load-test")), names: "load-test", ready: "load-test: it waits to be triggered"},
		"another one is busy":        {status: running(readyResource("db"), busyResource("web")), names: "db"},
		"two by name":                {status: running(readyResource("db"), busyResource("web")), names: "db web", ready: "web: building the image shop/web", updated: "web: building the image shop/web"},
		"the Tiltfile by name":       {status: running(busyResource("web")), names: "(Tiltfile)"},
		"one that is not enabled":    {status: running(disabled), names: "off", wrong: fault.Failure},
		"one that is not there":      {status: running(readyResource("web")), names: "wbe", wrong: fault.Usage},
		"one that may come":          {status: with(func(s *api.Status) { s.Evaluating = true }), names: "wbe", ready: "the Tiltfile is being evaluated", updated: "the Tiltfile is being evaluated"},
		"the engine does not answer": {status: running(pendingResource("web", "", failure.Docker)), ready: "web: waiting for the docker engine since 11:00", updated: "web: waiting for the docker engine since 11:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for until, want := range map[string]string{untilReady: test.ready, untilUpdated: test.updated} {
				left, err := goal{until: until, names: strings.Fields(test.names)}.judge(test.status)
				if wantErr := strings.HasPrefix(name, "one that is not"); wantErr != (err != nil) || wantErr && fault.KindOf(err) != test.wrong {
					t.Errorf("%s: %v", until, err)
				}
				var got []string
				for _, o := range left {
					got = append(got, strings.TrimPrefix(o.resource+": "+o.why, ": "))
				}
				if strings.Join(got, "|") != want {
					t.Errorf("%s: %q, want %q", until, got, want)
				}
			}
		})
	}
}

func TestGoal_SuggestsNames(t *testing.T) {
	t.Parallel()
	_, err := goal{until: untilReady, names: []string{"wbe"}}.judge(running(readyResource("web")))
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Msg != `there is no resource "wbe"` || f.Hint != "did you mean web?" {
		t.Errorf("%v", err)
	}
}

func TestWaiter_TimedOut(t *testing.T) {
	t.Parallel()
	missing := obstacle{resource: "db", why: "waiting for the cluster", missing: true}
	slow := obstacle{resource: "web", why: "building\nmore"}
	for name, test := range map[string]struct {
		last []obstacle
		kind fault.Kind
		msg  string
	}{
		"only infrastructure": {[]obstacle{missing}, fault.Missing, "not ready after 1m0s\n  db: waiting for the cluster"},
		"something else too":  {[]obstacle{missing, slow}, fault.Failure, "not ready after 1m0s\n  db: waiting for the cluster\n  web: building"},
		"no answer":           {nil, fault.Failure, "not ready after 1m0s"},
		"many":                {make([]obstacle, 12), fault.Failure, "not ready after 1m0s" + strings.Repeat("\n  ", 10) + "\n  and 2 more"},
	} {
		w := &waiter{goal: goal{until: untilReady}, last: test.last}
		f, ok := errors.AsType[*fault.Error](w.timedOut(60e9))
		if !ok || f.Kind != test.kind || f.Msg != test.msg {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
