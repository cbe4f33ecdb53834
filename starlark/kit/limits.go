package kit

import (
	"fmt"
	"runtime/metrics"
	"time"

	gostarlark "go.starlark.net/starlark"
)

const (
	maxDepth    = 5000 // calls within calls; the interpreter's recursion is Go's, and Go ends a program whose stack is too deep
	depthEvery  = 2000 // steps between two looks at the depth and the steps
	memoryEvery = 20 * time.Millisecond
)

// limits bound a Tiltfile that would never end. They are far beyond what one does that is meant.
type limits struct {
	steps  uint64 // of the interpreter, in one file: some 20 seconds
	output int    // bytes that are printed
	memory uint64 // bytes that the program has more than at the beginning; one step can take any number of them, so it may become more
}

var usualLimits = limits{steps: 1e9, output: 64 << 20, memory: 4 << 30}

// watch ends a file that runs away. It is called each depthEvery steps.
func (r *Run) watch(thread *gostarlark.Thread) {
	switch {
	case thread.CallStackDepth() > maxDepth: // before Go ends the whole program
		thread.Cancel("recursion is too deep")
	case thread.ExecutionSteps() > r.limits.steps:
		thread.Cancel(fmt.Sprintf("it does not end: %d steps were executed", r.limits.steps))
	default:
		thread.SetMaxExecutionSteps(thread.ExecutionSteps() + depthEvery)
	}
}

// watchMemory ends a file that takes more and more memory, until stop is called.
func (r *Run) watchMemory(thread *gostarlark.Thread) (stop func()) {
	most := heap() + r.limits.memory
	stopped := make(chan struct{})
	go func() {
		tick := time.NewTicker(memoryEvery)
		defer tick.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-tick.C:
				if heap() > most {
					thread.Cancel(fmt.Sprintf("it takes too much memory: more than %d MiB", r.limits.memory>>20))
					return
				}
			}
		}
	}()
	return func() { close(stopped) }
}

// heap returns how many bytes the values of this program take.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// print writes a line of the Tiltfile's own.
func (r *Run) print(thread *gostarlark.Thread, msg string) {
	if r.printed += len(msg) + 1; r.printed > r.limits.output {
		thread.Cancel(fmt.Sprintf("it prints too much: more than %d bytes", r.limits.output))
		return
	}
	_, _ = fmt.Fprintln(r.output, msg) // no one to tell if the log is gone
}
