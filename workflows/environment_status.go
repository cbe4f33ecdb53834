package workflows

import (
	"github.com/envflow/envflow/internal/api"
)

// status answers the query.
func (e *environment) status() api.Status {
	s := api.Status{
		Environment: e.in.Environment, State: api.EnvironmentRunning, Epoch: e.s.Epoch, Worker: e.s.Worker,
		Evaluated: e.evaluated(), Evaluating: e.evaluating || e.s.Dirty, Error: e.s.Error, Warnings: e.s.Warnings, NotRun: e.s.NotRun,
		Down: e.s.Down, Undeleted: e.s.Undeleted, Why: e.s.Why,
		Resources: make([]api.ResourceStatus, 0, len(e.s.Entries)),
	}
	switch {
	case e.isDown:
		s.State = api.EnvironmentDown
	case e.s.Paused:
		s.State = api.EnvironmentPaused
	}
	for i := range e.s.Entries {
		s.Resources = append(s.Resources, e.resourceStatus(&e.s.Entries[i]))
	}
	return s
}

// evaluated is true if the newest worker has evaluated the Tiltfile.
func (e *environment) evaluated() bool { return e.s.Evaluated != 0 && e.s.Evaluated == e.s.Epoch }

func (e *environment) resourceStatus(entry *api.ResourceEntry) api.ResourceStatus {
	s := api.ResourceStatus{
		Name: entry.Spec.Name, Type: entry.Spec.Type, Enabled: entry.Spec.Enabled,
		Update: entry.Report.Update, Reason: entry.Report.Reason, Needs: entry.Report.Needs,
		Since: entry.Report.Since, Last: entry.Report.Last,
		Runtime: entry.Runtime.State, Confirmed: e.confirmed(entry), Ready: e.confirmed(entry) && e.ready(entry),
	}
	if e.s.Down != "" && !e.evaluated() {
		s.Update, s.Runtime, s.Reason = api.StateNone, api.StateNone, "taken down"
		return s
	}
	if !entry.Spec.Enabled {
		s.Update, s.Runtime, s.Reason = api.StateNone, api.StateNone, "not enabled"
		return s
	}
	if s.Update == "" || !s.Confirmed && (s.Update == api.StateOK || s.Update == api.StateError) {
		s.Update = api.StatePending // what an older worker or an older spec came to says nothing now
	}
	if s.Runtime == "" || entry.RuntimeOf != e.s.Epoch {
		s.Runtime = api.StatePending
	}
	if s.Update == api.StateNone {
		s.Runtime = api.StateNone
	}
	if s.Needs == "" && s.Update == api.StatePending {
		s.Needs = e.needs(entry.Spec, 8)
	}
	if s.Reason == "" && !s.Ready {
		s.Reason = entry.Runtime.Reason
	}
	return s
}

// confirmed is true if the newest worker has come to the end of what this spec and the disk asked for.
func (e *environment) confirmed(entry *api.ResourceEntry) bool {
	r := entry.Report
	return e.evaluated() && !e.evaluating && !e.s.Dirty && r.Epoch == e.s.Epoch && r.Spec == entry.Spec.Digest &&
		(r.Update == api.StateOK || r.Update == api.StateError || r.Update == api.StateNone)
}

// ready is true if the resource is up to date, as far as the last evaluation goes, and runs.
func (e *environment) ready(entry *api.ResourceEntry) bool {
	return entry.Report.Epoch == e.s.Epoch && entry.Report.Spec == entry.Spec.Digest && entry.Report.Update == api.StateOK &&
		entry.RuntimeOf == e.s.Epoch && entry.Runtime.Ready
}

// needs is the infrastructure that a dependency of spec waits for, at most depth dependencies away.
func (e *environment) needs(spec api.Spec, depth int) string {
	for _, name := range e.waiting(spec) {
		dependency := e.entry(name)
		if dependency.Report.Needs != "" {
			return dependency.Report.Needs
		}
		if depth > 0 {
			if needs := e.needs(dependency.Spec, depth-1); needs != "" {
				return needs
			}
		}
	}
	return ""
}
