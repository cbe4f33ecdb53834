package process

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
)

func TestEnvironment(t *testing.T) {
	t.Parallel()
	inherited := []string{"KEPT=1", "PUT=1", "OWN=1", "BOTH=1", "DROPPED=1", "EMPTY=1", "EQUALS=a=b", "DROPPED_BUT_OWN=1"}
	p := &plan.Plan{Settings: plan.Settings{
		Env:   map[string]string{"PUT": "2", "BOTH": "2", "EMPTY": "", "NEW": "2"},
		Unset: []string{"DROPPED", "NOT_THERE", "DROPPED_BUT_OWN"},
	}}
	c := &plan.Command{Env: map[string]string{"OWN": "3", "BOTH": "3", "DROPPED_BUT_OWN": "3"}}
	got := Environment(inherited, p, c)
	slices.Sort(got)
	want := []string{"BOTH=3", "DROPPED_BUT_OWN=3", "EMPTY=", "EQUALS=a=b", "KEPT=1", "NEW=2", "OWN=3", "PUT=2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(p.Settings.Env) != 4 || len(c.Env) != 3 || inherited[1] != "PUT=1" {
		t.Error("it changed what it was given")
	}
	if got := Environment([]string{"A=1"}, &plan.Plan{}, &plan.Command{Env: map[string]string{"B": "2"}}); fmt.Sprint(got) != "[A=1 B=2]" {
		t.Errorf("without settings: %v", got)
	}
}

func TestDir(t *testing.T) {
	t.Parallel()
	names := []string{
		"web", "Web", "we b", "we/b", "we_b", `we\b`, "..", ".", "", "wéb", "web:1", "web\n", "[web]", "cmd", "con",
		strings.Repeat("x", 300), strings.Repeat("x", 299) + "y", strings.Repeat("é", 300),
	}
	seen := map[string]string{}
	folder := filepath.Join("some", "folder")
	for _, name := range names {
		dir := Dir(folder, name, KindServer)
		base := filepath.Base(filepath.Dir(dir))
		if filepath.Dir(filepath.Dir(dir)) != folder || filepath.Base(dir) != KindServer {
			t.Errorf("%q is in %s", name, dir)
		}
		if len(base) > 50 || strings.ContainsFunc(base, func(r rune) bool { return r > 'z' || strings.ContainsRune(`/\.:*?"<>|[] `+"\n", r) }) {
			t.Errorf("%q is in a folder %q", name, base)
		}
		if other, ok := seen[strings.ToLower(dir)]; ok {
			t.Errorf("%q and %q share %s", name, other, dir)
		}
		seen[strings.ToLower(dir)] = name
		if again := Dir(folder, name, KindServer); again != dir {
			t.Errorf("%q is in %s, and then in %s", name, dir, again)
		}
		if Dir(folder, name, KindCommand) == dir {
			t.Errorf("%q has one folder for all", name)
		}
	}
}

func TestProbePort(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		probe *plan.Probe
		want  int
	}{
		{nil, 0},
		{&plan.Probe{Exec: []string{"true"}}, 0},
		{&plan.Probe{HTTPGet: &plan.HTTPGet{Host: "localhost", Port: 1}}, 1},
		{&plan.Probe{HTTPGet: &plan.HTTPGet{Host: "example.com", Port: 1}}, 0},
		{&plan.Probe{TCPSocket: &plan.TCPSocket{Port: 2}}, 2},
		{&plan.Probe{TCPSocket: &plan.TCPSocket{Host: "::1", Port: 2}}, 2},
		{&plan.Probe{TCPSocket: &plan.TCPSocket{Host: "10.0.0.1", Port: 2}}, 0},
	} {
		if got := ProbePort(c.probe); got != c.want {
			t.Errorf("%+v is about port %d, want %d", c.probe, got, c.want)
		}
	}
}

// TestEnd_Suspects goes through the runs of a command without running one. a is a source, o what the command writes.
func TestEnd_Suspects(t *testing.T) {
	t.Parallel()
	record := &records.Command{}
	run := func(spec string, before, after marks) (own []string) {
		begin(record, spec, time.Now().String(), before)
		return end(record, after)
	}
	due := func(inputs marks) bool { return len(changedSince(record, inputs)) > 0 }
	run("s", marks{"a": "1"}, marks{"a": "1", "o": "1"})
	if !due(marks{"a": "1", "o": "1"}) {
		t.Error("what changed during the first run is no reason for another")
	}
	// An edit of a between the runs says nothing of o.
	for _, a := range []string{"2", "3", "4", "5"} {
		if own := run("s", marks{"a": a, "o": a}, marks{"a": a, "o": a + "'"}); len(own) > 0 {
			t.Errorf("with an edit each time, %v is its own", own)
		}
	}
	// Nor does another spec.
	run("t", marks{"a": "5", "o": "5'"}, marks{"a": "5", "o": "6"})
	if own := run("t", marks{"a": "5", "o": "6"}, marks{"a": "5", "o": "7"}); len(own) > 0 {
		t.Errorf("after one such run, %v is its own", own)
	}
	if own := run("t", marks{"a": "5", "o": "7"}, marks{"a": "5", "o": "8"}); fmt.Sprint(own) != "[o]" {
		t.Errorf("after two such runs, %v is its own", own)
	}
	if due(marks{"a": "5", "o": "8"}) {
		t.Error("its own is a reason for another run")
	}
	if !due(marks{"a": "6", "o": "8"}) || !due(marks{"a": "5", "o": "9"}) || !due(marks{"a": "5"}) {
		t.Error("what others change is no reason for another run")
	}
}
