package settings

import (
	"errors"
	"fmt"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// prune are the defaults of Tilt.
var prune = plan.PruneSettings{MaxAge: 6 * 60, Interval: 1, KeepRecent: 2}

// dockerPrune sets which images are removed. As in Tilt 0 means the default, except for keep_recent.
func (f *Family) dockerPrune(c *kit.Call) (gostarlark.Value, error) {
	var disable bool
	var maxAge, builds, interval int
	var keep gostarlark.Value
	if err := c.Unpack("disable?", &disable, "max_age_mins??", &maxAge, "num_builds??", &builds, "interval_hrs??", &interval, "keep_recent?", &keep); err != nil {
		return nil, err
	}
	if builds != 0 && interval != 0 {
		return nil, errors.New("num_builds and interval_hrs exclude each other")
	}
	p := &f.run.Plan.Settings.Prune
	recent := p.KeepRecent
	if keep != nil && keep != gostarlark.None {
		var err error
		if recent, err = kit.Int(keep); err != nil {
			return nil, fmt.Errorf("keep_recent: %w", err)
		}
	}
	for _, number := range []struct {
		name  string
		value int
	}{{"max_age_mins", maxAge}, {"num_builds", builds}, {"interval_hrs", interval}, {"keep_recent", recent}} {
		if number.value < 0 {
			return nil, fmt.Errorf("%s: it cannot be negative, got %d", number.name, number.value)
		}
	}
	p.Disable, p.NumBuilds, p.KeepRecent = disable, builds, recent
	if maxAge != 0 {
		p.MaxAge = maxAge
	}
	if interval != 0 {
		p.Interval = interval
	}
	return nil, nil
}
