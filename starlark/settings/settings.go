package settings

import (
	_ "embed"
	"errors"
	"fmt"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// Defaults of Tilt.
const (
	maxParallelUpdates = 3
	upsertTimeout      = 30
	serverSideApply    = "auto"
)

// TriggerMode is the type of TRIGGER_MODE_AUTO and TRIGGER_MODE_MANUAL.
type TriggerMode = kit.Opaque[string]

const triggerModeType = "TriggerMode"

// Family holds what the builtins set and other families need.
type Family struct {
	run          *kit.Run
	triggerMode  string
	triggerTrace kit.Trace
	team         string // of set_team
}

//go:embed builtins.md
var docs string

// New registers the family.
func New(run *kit.Run) *Family {
	run.Document(docs)
	f := &Family{run: run, triggerMode: plan.TriggerAuto}
	run.Plan.Settings.MaxParallelUpdates = maxParallelUpdates
	run.Plan.Settings.UpsertTimeoutSeconds = upsertTimeout
	run.Plan.Settings.ServerSideApply = serverSideApply
	run.Value("TRIGGER_MODE_AUTO", &TriggerMode{Kind: triggerModeType, Data: plan.TriggerAuto})
	run.Value("TRIGGER_MODE_MANUAL", &TriggerMode{Kind: triggerModeType, Data: plan.TriggerManual})
	run.Builtin("trigger_mode", f.setTriggerMode)
	run.Builtin("update_settings", f.updateSettings)
	run.Plan.Settings.CI = plan.CISettings{Timeout: ciTimeout.Seconds(), ReadinessTimeout: ciReadinessTimeout.Seconds()}
	run.Builtin("ci_settings", f.ciSettings)
	run.Plan.Settings.Prune = prune
	run.Builtin("docker_prune_settings", f.dockerPrune)
	run.Builtin("version_settings", f.versionSettings)
	f.registerOthers()
	return f
}

// TriggerMode is that of resources that name none.
func (f *Family) TriggerMode() string { return f.triggerMode }

// Mode returns the mode that a value stands for.
func Mode(v gostarlark.Value) (string, error) {
	if mode, ok := v.(*TriggerMode); ok && mode.Kind == triggerModeType {
		return mode.Data, nil
	}
	return "", fmt.Errorf("got %s, want TRIGGER_MODE_AUTO or TRIGGER_MODE_MANUAL", v.Type())
}

func (f *Family) setTriggerMode(c *kit.Call) (gostarlark.Value, error) {
	var v gostarlark.Value
	if err := c.Unpack("trigger_mode", &v); err != nil {
		return nil, err
	}
	mode, err := Mode(v)
	if err != nil {
		return nil, err
	}
	if len(f.triggerTrace) > 0 {
		first := f.triggerTrace[0]
		return nil, fmt.Errorf("it can be called only once; the first call is at %s:%d", c.Display(first.File), first.Line)
	}
	f.triggerMode, f.triggerTrace = mode, c.Trace()
	return nil, nil
}

func (f *Family) updateSettings(c *kit.Call) (gostarlark.Value, error) {
	var parallel, timeout, unused, apply gostarlark.Value
	if err := c.Unpack("max_parallel_updates?", &parallel, "k8s_upsert_timeout_secs?", &timeout,
		"suppress_unused_image_warnings?", &unused, "k8s_server_side_apply?", &apply); err != nil {
		return nil, err
	}
	s := &f.run.Plan.Settings
	if err := atLeastOne(parallel, "max_parallel_updates", &s.MaxParallelUpdates); err != nil {
		return nil, err
	}
	if err := atLeastOne(timeout, "k8s_upsert_timeout_secs", &s.UpsertTimeoutSeconds); err != nil {
		return nil, err
	}
	if unused != nil {
		var list kit.Strs
		if err := list.Unpack(unused); err != nil {
			return nil, fmt.Errorf("suppress_unused_image_warnings: %w", err)
		}
		s.SuppressUnusedWarnings = append(s.SuppressUnusedWarnings, list...)
	}
	if apply != nil && apply != gostarlark.None {
		mode, err := applyMode(apply)
		if err != nil {
			return nil, err
		}
		s.ServerSideApply = mode
	}
	return nil, nil
}

func atLeastOne(v gostarlark.Value, name string, into *int) error {
	if v == nil || v == gostarlark.None {
		return nil
	}
	n, err := kit.Int(v)
	if err == nil && n < 1 {
		err = fmt.Errorf("it must be at least 1, got %d", n)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	*into = n
	return nil
}

func applyMode(v gostarlark.Value) (string, error) {
	if b, ok := v.(gostarlark.Bool); ok {
		if b {
			return "true", nil
		}
		return "false", nil
	}
	switch text, _ := kit.Text(v); text {
	case "auto", "true", "false":
		return text, nil
	}
	return "", errors.New("k8s_server_side_apply: want 'auto', 'true' or 'false'")
}
