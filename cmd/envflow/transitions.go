package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
)

func cursorUp(n int) string { return "\x1b[" + strconv.Itoa(n) + "A" }

// transitions turns what is shown, as it changes, into lines for people and logs.
type transitions struct {
	last  shown
	known map[string]api.ResourceStatus
	width int // of the longest name so far
}

// next returns a line for each thing that is different now, each with a time; "" if nothing is worth a line.
func (t *transitions) next(s shown, now time.Time) string {
	var out strings.Builder
	say := func(name, format string, args ...any) {
		fmt.Fprintf(&out, "%s %s  %s\n", now.Local().Format(time.TimeOnly), pad(name, t.width), printable(fmt.Sprintf(format, args...)))
	}
	detail := func(text, already string) {
		if text = strings.TrimSpace(text); text == "" || text == already {
			return
		}
		for line := range strings.SplitSeq(text, "\n") {
			fmt.Fprintf(&out, "    %s\n", printable(line))
		}
	}
	if t.known == nil {
		t.known = map[string]api.ResourceStatus{}
	}
	if s.Stale != "" {
		if s.Stale != t.last.Stale {
			fmt.Fprintf(&out, "%s %s\n", now.Local().Format(time.TimeOnly), s.Stale)
		}
		t.last, t.known = s, nil
		return out.String()
	}
	for _, r := range s.Status.Resources {
		t.width = max(t.width, min(runes(r.Name), 24))
	}
	t.tiltfile(s, say, detail)
	known := make(map[string]api.ResourceStatus, len(s.Status.Resources))
	for _, r := range s.Status.Resources {
		old, seen := t.known[r.Name]
		if r.Enabled {
			updateLine(old, r, s.Errors[r.Name], say, detail)
			runtimeLine(old, r, say)
		}
		if seen && old.Enabled != r.Enabled {
			say(r.Name, "%s", map[bool]string{true: "enabled", false: "disabled"}[r.Enabled])
		}
		known[r.Name] = r
	}
	for _, old := range t.last.Status.Resources {
		if _, still := known[old.Name]; !still {
			say(old.Name, "removed")
		}
	}
	t.last, t.known = s, known
	return out.String()
}

type (
	sayFunc    func(name, format string, args ...any)
	detailFunc func(text, already string)
)

// tiltfile tells of evaluations.
func (t *transitions) tiltfile(s shown, say sayFunc, detail detailFunc) {
	was, is := t.last.Status, s.Status
	full := s.Errors[api.TiltfileName]
	if is.Down != "" && is.Down != was.Down {
		say("(down)", "failed: %s", is.Down)
	}
	if is.Why != "" && (is.Why != was.Why || !slices.Equal(is.Undeleted, was.Undeleted)) {
		say(strings.Join(is.Undeleted, ", "), "not in the Tiltfile any more, but not deleted: %s", is.Why)
	}
	switch {
	case is.Evaluating && !was.Evaluating:
		say(api.TiltfileName, "evaluating")
	case is.Evaluating:
	case is.Error != "" && (is.Error != was.Error || was.Evaluating || full != t.last.Errors[api.TiltfileName]):
		say(api.TiltfileName, "failed: %s", is.Error)
		detail(full, is.Error)
	case is.Error == "" && is.Evaluated && (was.Evaluating || !was.Evaluated || was.Error != ""):
		text := countNoun(len(is.Resources), "resource")
		if is.Warnings > 0 {
			text += ", " + countNoun(is.Warnings, "warning")
		}
		say(api.TiltfileName, "evaluated: %s", text)
		for _, objects := range is.NotRun {
			say(api.TiltfileName, "not run by this version of envflow: %s", objects)
		}
	}
}

// updateLine tells of an update.
func updateLine(was, is api.ResourceStatus, full string, say sayFunc, detail detailFunc) {
	anew := is.Last != nil && (was.Last == nil || is.Last.Started.After(was.Last.Started))
	same := is.Update == was.Update && is.Reason == was.Reason && is.Needs == was.Needs
	switch is.Update {
	case api.StateInProgress:
		if was.Update != api.StateInProgress {
			say(is.Name, "updating%s", because(is.Reason))
		} else if !same && is.Reason != "" {
			say(is.Name, "%s", is.Reason)
		}
	case api.StateOK:
		switch {
		case anew && was.Name != "":
			say(is.Name, "updated in %s (%s)", seconds(time.Duration(is.Last.Seconds*float64(time.Second))), is.Last.Kind)
		case was.Update != api.StateOK && is.Confirmed:
			say(is.Name, "up to date")
		}
	case api.StateError:
		if anew || !same {
			say(is.Name, "failed%s: %s", after(is.Last), cmp.Or(is.Reason, "the update failed"))
			detail(full, is.Reason)
		}
	case api.StatePending:
		switch {
		case same:
		case is.Needs != "":
			say(is.Name, "%s", waitingFor(is))
		case is.Reason != "":
			say(is.Name, "waiting for %s", strings.TrimPrefix(is.Reason, "waiting for "))
		}
	}
}

// runtimeLine tells of what runs.
func runtimeLine(was, is api.ResourceStatus, say sayFunc) {
	switch {
	case is.Ready && !was.Ready:
		say(is.Name, "%s", strings.Join(append([]string{"ready"}, is.Endpoints...), "  "))
	case is.Runtime == api.StateError && is.Update != api.StateError && (was.Runtime != api.StateError || was.Reason != is.Reason):
		say(is.Name, "not running%s", because(is.Reason))
	case was.Ready && !is.Ready && is.Runtime == api.StatePending:
		say(is.Name, "not ready%s", because(is.Reason))
	}
}

// waitingFor says what an update waits for, and since when.
func waitingFor(r api.ResourceStatus) string {
	what := map[string]string{failure.Docker: "the docker engine", failure.Cluster: "the cluster"}[r.Needs]
	text := "waiting for " + cmp.Or(what, r.Needs)
	if !r.Since.IsZero() {
		text += " since " + r.Since.Local().Format("15:04")
	}
	return text + because(r.Reason)
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

func after(last *api.LastUpdate) string {
	if last == nil || last.Seconds <= 0 {
		return ""
	}
	return " after " + seconds(time.Duration(last.Seconds*float64(time.Second)))
}
