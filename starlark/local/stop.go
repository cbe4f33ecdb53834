package local

import (
	"fmt"
	"math"
	"slices"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/starlark/arguments"
)

// stopSignals are those that end a process, or that servers commonly take as a wish to end. A STOP would hang it instead.
var stopSignals = []string{"SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGKILL"}

const (
	maxGrace = 3600 // seconds; more is a mistake, such as milliseconds, and would hang every down
	// atOnce stands for stop_grace_secs=0, because the plan's 0 is the default.
	atOnce = 0.001
)

// stopSignal returns the whole name of a signal: INT is SIGINT.
func stopSignal(name string) (string, error) {
	if whole := "SIG" + name; slices.Contains(stopSignals, whole) {
		return whole, nil
	}
	return arguments.OneOf("stop_signal", name, stopSignals...)
}

// stopGrace returns seconds, 0 if none were given.
func stopGrace(v gostarlark.Value) (float64, error) {
	if v == nil || v == gostarlark.None {
		return 0, nil
	}
	seconds, ok := gostarlark.AsFloat(v)
	if !ok {
		return 0, fmt.Errorf("stop_grace_secs: got %s, want a number of seconds", v.Type())
	}
	if math.IsNaN(seconds) || seconds < 0 || seconds > maxGrace {
		return 0, fmt.Errorf("stop_grace_secs: it must be between 0 and %d, got %s", maxGrace, v)
	}
	return max(seconds, atOnce), nil
}
