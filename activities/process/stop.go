package process

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/supervise"
)

const (
	// stopLimit is how long ending processes is waited for. Their shims go on without that, and kill them in the end.
	stopLimit = 3 * time.Second
	// endLimit is the same where somebody is about to begin something else.
	endLimit = time.Second
)

// Stop ends the processes of resources, of all if none is named. What takes longer than a moment goes on ending by itself.
func (a *Activities) Stop(ctx context.Context, in api.StopIn) (out api.StopOut, err error) {
	dirs := a.dirs()
	if len(in.Resources) > 0 {
		dirs = slices.DeleteFunc(dirs, func(dir string) bool {
			return !slices.ContainsFunc(in.Resources, func(name string) bool { return filepath.Dir(dir) == filepath.Dir(Dir(a.Folder, name, KindServer)) })
		})
	}
	return stop(ctx, dirs)
}

// Forget ends the processes of resources that nobody wants any more, of all if none is named, and forgets how their commands
// have gone.
func (a *Activities) Forget(ctx context.Context, in api.StopIn) (out api.StopOut, err error) {
	if out, err = a.Stop(ctx, in); err != nil {
		return out, err
	}
	names := in.Resources
	if len(names) == 0 {
		if names, err = a.Records.Commands(ctx); err != nil {
			return out, err
		}
	}
	for _, name := range names {
		if err := a.Records.DeleteCommand(ctx, name); err != nil {
			return out, err
		}
	}
	return out, nil
}

// Retire ends the processes of what the plan does not have, or not as a local resource: one that left while nobody could tell
// its workflow, or has become a workload.
func (a *Activities) Retire(ctx context.Context, p *plan.Plan) error {
	var gone []string
	for _, dir := range a.dirs() {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(dir), nameFile))
		if err != nil || slices.Contains(gone, string(data)) {
			continue
		}
		if r := p.Resource(string(data)); r == nil || !r.Enabled || r.Local == nil {
			gone = append(gone, string(data))
		}
	}
	if len(gone) == 0 {
		return nil
	}
	_, err := a.Forget(ctx, api.StopIn{Resources: gone})
	return err
}

func stop(ctx context.Context, dirs []string) (out api.StopOut, err error) {
	limited, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	var (
		mu  sync.Mutex
		all sync.WaitGroup
	)
	for _, dir := range dirs {
		state, readErr := supervise.Read(dir)
		ended := state.Phase == supervise.PhaseEnded
		alive := state.Alive() && !ended // before it is asked to end
		if readErr == nil && ended && !state.Alive() {
			continue
		}
		all.Go(func() {
			stopErr := supervise.Stop(limited, dir)
			mu.Lock()
			defer mu.Unlock()
			if alive || stopErr != nil {
				out.Processes++
			}
			switch {
			case stopErr == nil:
			case ctx.Err() != nil:
				err = context.Cause(ctx)
			case limited.Err() != nil:
				out.Ending++
			default:
				err = errors.Join(err, stopErr)
			}
		})
	}
	all.Wait()
	return out, err
}
