package images

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// step is one step of a live update, with the place that made it.
type step struct {
	plan  plan.Step
	trace kit.Trace
}

// String shows the step in messages. The extension file_sync_only takes the paths of a sync from between its quotes.
func (s *step) String() string {
	if s.plan.Kind == plan.StepSync {
		return fmt.Sprintf("sync step: '%s'->'%s'", s.plan.Local, s.plan.Remote)
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", s.plan.Kind, s.plan.Local, s.plan.Remote))
}

// stepValue is what sync() and its like return.
type stepValue = kit.Opaque[*step]

func (f *Family) registerSteps() {
	f.run.Builtin("initial_sync", func(c *kit.Call) (gostarlark.Value, error) {
		if err := c.Unpack(); err != nil {
			return nil, err
		}
		return f.newStep(c, plan.Step{Kind: plan.StepInitialSync}), nil
	})
	f.run.Builtin("restart_container", func(c *kit.Call) (gostarlark.Value, error) {
		if err := c.Unpack(); err != nil {
			return nil, err
		}
		return f.newStep(c, plan.Step{Kind: plan.StepRestartContainer}), nil
	})
	f.run.Builtin("fall_back_on", func(c *kit.Call) (gostarlark.Value, error) {
		var paths kit.Paths
		if err := c.Unpack("paths", &paths); err != nil {
			return nil, err
		}
		return f.newStep(c, plan.Step{Kind: plan.StepFallBackOn, Paths: c.Paths(paths)}), nil
	})
	f.run.Builtin("sync", f.sync)
	f.run.Builtin("run", func(c *kit.Call) (gostarlark.Value, error) {
		var cmd kit.ContainerCmd
		var trigger kit.Paths
		var echoOff bool
		if err := c.Unpack("cmd", &cmd, "trigger?", &trigger, "echo_off?", &echoOff); err != nil {
			return nil, err
		}
		if len(cmd) == 0 {
			return nil, errors.New("the command is empty")
		}
		return f.newStep(c, plan.Step{Kind: plan.StepRun, Command: cmd, Triggers: c.Paths(trigger), EchoOff: echoOff}), nil
	})
}

func (f *Family) sync(c *kit.Call) (gostarlark.Value, error) {
	var local kit.Path
	var remote kit.Str
	if err := c.Unpack("local_path", &local, "remote_path", &remote); err != nil {
		return nil, err
	}
	if !path.IsAbs(string(remote)) {
		return nil, fmt.Errorf("the destination %q (of %s) is not absolute", remote, local)
	}
	s := plan.Step{Kind: plan.StepSync, Local: c.Path(string(local)), Remote: path.Clean(string(remote))}
	// A slash at the end means "into this folder". For a folder it says nothing: its content goes below the destination.
	if strings.HasSuffix(string(remote), "/") && s.Remote != "/" && !kit.IsDir(s.Local) {
		s.Remote += "/"
	}
	return f.newStep(c, s), nil
}

func (f *Family) newStep(c *kit.Call, p plan.Step) gostarlark.Value {
	s := &step{plan: p, trace: c.Trace()}
	f.steps = append(f.steps, s)
	// Extensions tell steps apart by the names that Tilt gives their types.
	return &stepValue{Kind: "live_update_" + p.Kind + "_step", Data: s}
}

// order is the place of each kind of step in a live update, and what is said of a step that comes too late.
var order = []struct{ kind, late string }{
	{plan.StepInitialSync, "initial_sync must appear at most once, at the start of the list"},
	{plan.StepFallBackOn, "fall_back_on steps must appear at the start of the list"},
	{plan.StepSync, "all sync steps must precede all run steps"},
	{plan.StepRun, "restart container is only valid as the last step"},
	{plan.StepRestartContainer, "restart container is only valid as the last step"},
}

// LiveUpdate reads the steps of what is no image. As in Tilt nobody checks whether their files are watched.
func (f *Family) LiveUpdate(v gostarlark.Value) ([]plan.Step, error) {
	steps, err := f.liveUpdate(v)
	if err != nil {
		return nil, fmt.Errorf("live_update: %w", err)
	}
	return planned(steps), nil
}

// planned returns steps as the plan has them.
func planned(steps []*step) (list []plan.Step) {
	for _, s := range steps {
		list = append(list, s.plan)
	}
	return list
}

// takeSteps gives a build its live update.
func (f *Family) takeSteps(b *build, v gostarlark.Value) (err error) {
	if b.steps, err = f.liveUpdate(v); err != nil {
		return fmt.Errorf("live_update: %w", err)
	}
	b.image.LiveUpdate = planned(b.steps)
	return nil
}

// liveUpdate checks the kinds and the order of the steps of a live update. Rules and messages are Tilt's.
func (f *Family) liveUpdate(v gostarlark.Value) ([]*step, error) {
	var steps []*step
	reached, useful := 0, false
	for _, item := range kit.OneOrMore(v) {
		value, ok := item.(*stepValue)
		if !ok {
			return nil, fmt.Errorf("it must be a list of steps, such as sync(...) and run(...); got %s, a %s", item, item.Type())
		}
		s := value.Data
		place := 0
		for order[place].kind != s.plan.Kind {
			place++
		}
		switch {
		case reached == len(order): // after restart_container
			return nil, errors.New(order[len(order)-1].late)
		case place < reached, s.plan.Kind == plan.StepInitialSync && len(steps) > 0:
			return nil, errors.New(order[place].late)
		}
		reached = place
		if s.plan.Kind == plan.StepRestartContainer {
			reached = len(order)
		}
		useful = useful || s.plan.Kind == plan.StepSync || s.plan.Kind == plan.StepRun
		f.consumed[s.trace[0]] = true
		steps = append(steps, s)
	}
	if len(steps) > 0 && !useful {
		return nil, errors.New("it needs at least one sync or run step")
	}
	return steps, nil
}

// checkSteps refuses steps about files that nobody watches: those outside the contexts of the image and its bases.
func (f *Family) checkSteps(b *build) error {
	watched := b.contexts(nil)
	for _, s := range b.steps {
		paths := s.plan.Paths
		if s.plan.Kind == plan.StepSync {
			paths = []string{s.plan.Local}
		}
		for _, p := range paths {
			if !within(p, watched) {
				return kit.At(s.trace, s.plan.Kind, kit.Hint(
					fmt.Errorf("%s is not in a watched path of the image %s (%s)", f.run.Display(p), b.image.Ref, strings.Join(watched, ", ")),
					"a live update sees the files of the build context or of deps only: widen these, and narrow them with only= or ignore="))
			}
		}
	}
	return nil
}

// contexts returns the files and folders whose changes mean the image.
func (b *build) contexts(list []string) []string {
	if b.image.Custom != nil {
		list = append(list, b.image.Custom.Deps...)
	}
	if b.image.Context != "" {
		list = append(list, b.image.Context)
	}
	for _, base := range b.base {
		list = base.contexts(list)
	}
	return list
}

func within(p string, dirs []string) bool {
	for _, dir := range dirs {
		if rel, err := filepath.Rel(dir, p); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

// checkUnused refuses steps that no live update has: they were meant to be in one. As in Tilt the steps that one line makes in
// a loop count as one.
func (f *Family) checkUnused() error {
	var unused []string
	var first *step
	told := map[kit.Frame]bool{}
	for _, s := range f.steps {
		at := s.trace[0]
		if f.consumed[at] || told[at] {
			continue
		}
		told[at] = true
		if first == nil {
			first = s
		}
		unused = append(unused, fmt.Sprintf("%s at %s:%d", s.plan.Kind, f.run.Display(at.File), at.Line))
	}
	if len(unused) == 0 {
		return nil
	}
	err := fmt.Errorf("found %d live_update steps that were created but not used in a live_update: %s", len(unused), strings.Join(unused, ", "))
	return kit.At(first.trace, first.plan.Kind, err)
}
