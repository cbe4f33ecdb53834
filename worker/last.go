package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
)

// Where records keep what `up` was given. Arguments of the Tiltfile may be secrets, and so are in no history.
const (
	argsKey      = "args"
	resourcesKey = "resources"
)

// Last is what an environment was brought up with last.
type Last struct {
	Plan      *plan.Plan // nil if there never was one: the Tiltfile has had an error from the beginning
	Resources []string   // that were asked for by name; none: all
	Args      []string   // for config.parse
}

// ReadLast returns what the records at path have of the last `up`. A worker may write to them at the same time.
func ReadLast(ctx context.Context, path string) (last Last, err error) {
	store, err := records.OpenReadOnly(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return last, nil
	} else if err != nil {
		return last, err
	}
	defer func() { _ = store.Close() }()
	if last.Resources, last.Args, err = arguments(ctx, store); err != nil {
		return last, err
	}
	_, data, ok, err := store.LastPlan(ctx)
	if err != nil || !ok {
		return last, err
	}
	if err := json.Unmarshal(data, &last.Plan); err != nil {
		return last, fmt.Errorf("read the last plan: %w", err)
	}
	return last, nil
}

// keepArguments records what `up` was given: the workflow has the resources too, and the arguments stand here alone.
func (h *Host) keepArguments(ctx context.Context) error {
	for key, words := range map[string][]string{argsKey: h.o.Args, resourcesKey: h.o.Resources} {
		data, err := json.Marshal(words)
		if err != nil {
			return err
		}
		if err := h.records.PutMeta(ctx, key, string(data)); err != nil {
			return err
		}
	}
	return nil
}

// arguments returns what `up` was given last.
func arguments(ctx context.Context, store *records.Store) (resources, args []string, err error) {
	for key, words := range map[string]*[]string{argsKey: &args, resourcesKey: &resources} {
		data, ok, err := store.Meta(ctx, key)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			continue
		}
		if err := json.Unmarshal([]byte(data), words); err != nil {
			return nil, nil, fmt.Errorf("read what the environment was brought up with: %w", err)
		}
	}
	return resources, args, nil
}
