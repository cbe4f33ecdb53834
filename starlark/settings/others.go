package settings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// features are those of Tilt that can still be switched.
var features = map[string]bool{"snapshots": true, "cluster_refresh": true}

func (f *Family) registerOthers() {
	f.run.Builtin("secret_settings", func(c *kit.Call) (gostarlark.Value, error) {
		var disable kit.OptBool
		if err := c.Unpack("disable_scrub", &disable); err != nil {
			return nil, err
		}
		if disable.Given {
			f.run.Plan.Settings.KeepSecrets = disable.Value
		}
		return nil, nil
	})
	f.run.Builtin("enable_feature", func(c *kit.Call) (gostarlark.Value, error) { return f.switchFeature(c, true) })
	f.run.Builtin("disable_feature", func(c *kit.Call) (gostarlark.Value, error) { return f.switchFeature(c, false) })
	f.run.Builtin("disable_snapshots", func(c *kit.Call) (gostarlark.Value, error) {
		if err := c.Unpack(); err != nil {
			return nil, err
		}
		f.setFeature("snapshots", false)
		return nil, nil
	})
	f.run.Builtin("set_team", f.setTeam)
	// envflow sends nothing to anybody, so that there is nothing to switch off or to add to.
	f.run.Builtin("analytics_settings", func(c *kit.Call) (gostarlark.Value, error) {
		var enable gostarlark.Value
		return nil, c.Unpack("enable", &enable)
	})
	f.run.Builtin("experimental_analytics_report", func(c *kit.Call) (gostarlark.Value, error) {
		var tags kit.StrDict
		return nil, c.Unpack("tags", &tags)
	})
	f.run.Builtin("experimental_metrics_settings", func(c *kit.Call) (gostarlark.Value, error) { // whatever it is given
		c.WarnDoesNothing("experimental_metrics_settings does nothing; take it out")
		return nil, nil
	})
	f.run.Builtin("experimental_telemetry_cmd", f.telemetry)
}

func (f *Family) switchFeature(c *kit.Call, on bool) (gostarlark.Value, error) {
	var name kit.Str
	if err := c.Unpack("msg", &name); err != nil {
		return nil, err
	}
	if !features[string(name)] {
		c.WarnDoesNothing("there is no feature %s to switch; there are: %s", string(name), strings.Join(slices.Sorted(maps.Keys(features)), ", "))
		return nil, nil
	}
	f.setFeature(string(name), on)
	return nil, nil
}

func (f *Family) setFeature(name string, on bool) {
	s := &f.run.Plan.Settings
	if s.Features == nil {
		s.Features = map[string]bool{}
	}
	s.Features[name] = on
}

// setTeam takes the ID that Tilt's cloud knows a team by. It is checked as in Tilt, and means nothing here.
func (f *Family) setTeam(c *kit.Call) (gostarlark.Value, error) {
	var id kit.Str
	if err := c.Unpack("team_id", &id); err != nil {
		return nil, err
	}
	switch {
	case id == "":
		return nil, errors.New("the team_id is empty")
	case f.team != "" && f.team != string(id):
		return nil, fmt.Errorf("the team_id is set twice, to %s and to %s", f.team, id)
	}
	f.team = string(id)
	c.WarnDoesNothing("set_team does nothing: envflow sends nothing to a cloud")
	return nil, nil
}

// telemetryPeriod is Tilt's default, in seconds.
const telemetryPeriod = 60

func (f *Family) telemetry(c *kit.Call) (gostarlark.Value, error) {
	var cmd, bat kit.HostCmd
	var dir kit.Str
	period := duration{}
	if err := c.Unpack("cmd", &cmd, "cmd_bat?", &bat, "period?", &period, "dir??", &dir); err != nil {
		return nil, err
	}
	cmd = cmd.OnThisHost(bat)
	s := &f.run.Plan.Settings
	switch {
	case len(cmd) == 0:
		return nil, errors.New("the command is empty")
	case s.Telemetry != nil:
		return nil, fmt.Errorf("it can be called only once; the command is %s already", plan.CommandLine(s.Telemetry.Command.Argv))
	}
	s.Telemetry = &plan.Telemetry{Command: &plan.Command{Argv: cmd, Dir: c.Path(string(dir))}, Period: telemetryPeriod}
	if period.given && period.seconds > 0 {
		s.Telemetry.Period = period.seconds
	}
	c.WarnDoesNothing("experimental_telemetry_cmd is not run by this version of envflow: what it would be given is in the Temporal UI")
	return nil, nil
}
