package local

import (
	"errors"
	"fmt"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/arguments"
	"github.com/envflow/envflow/starlark/kit"
)

// localResource is the builtin's name. The other one, test, is an old one for what may run beside other updates.
const localResource = "local_resource"

// values are the arguments of one local_resource as they were given.
type values struct {
	name                    kit.Str
	dir, serveDir           kit.Path
	cmd, cmdBat             kit.HostCmd
	serve, serveBat         kit.HostCmd
	env, serveEnv           kit.StrDict
	deps                    kit.Paths
	ignore, labels          kit.Strs
	resourceDeps            kit.Seq
	mode, links             gostarlark.Value
	autoInit, allowParallel kit.OptBool
	probe                   given[plan.Probe]
	restart, signal         kit.Str
	grace                   gostarlark.Value
}

// localResource takes Tilt's arguments in Tilt's order, then those that only envflow has.
func (f *Family) localResource(c *kit.Call) (gostarlark.Value, error) {
	v := values{
		autoInit:      kit.OptBool{Value: true},
		allowParallel: kit.OptBool{Value: c.Name != localResource},
		probe:         given[plan.Probe]{want: "probe(...)"},
	}
	if err := c.Unpack("name", &v.name, "cmd?", &v.cmd, "deps?", &v.deps, "trigger_mode?", &v.mode, "resource_deps?", &v.resourceDeps,
		"ignore?", &v.ignore, "auto_init?", &v.autoInit, "serve_cmd?", &v.serve, "cmd_bat?", &v.cmdBat, "serve_cmd_bat?", &v.serveBat,
		"allow_parallel?", &v.allowParallel, "links?", &v.links, "labels?", &v.labels, "env?", &v.env, "serve_env?", &v.serveEnv,
		"readiness_probe?", &v.probe, "dir??", &v.dir, "serve_dir??", &v.serveDir,
		"restart??", &v.restart, "stop_signal??", &v.signal, "stop_grace_secs?", &v.grace); err != nil {
		return nil, err
	}
	r, err := v.resource(c)
	if err != nil {
		return nil, err
	}
	if err := c.Claim(r.plan.Name, c.Trace()); err != nil {
		return nil, err
	}
	f.resources = append(f.resources, r)
	return nil, nil
}

// resource checks the arguments and returns what they define.
func (v *values) resource(c *kit.Call) (*resource, error) {
	if err := kit.ValidName(string(v.name)); err != nil {
		return nil, err
	}
	commands, err := v.commands(c)
	if err != nil {
		return nil, err
	}
	r := &resource{dir: c.WorkingDir(), ignore: v.ignore, plan: plan.Resource{
		Name: string(v.name), Type: plan.TypeLocal, AutoInit: v.autoInit.Value, DependsOn: arguments.AppendNew(nil, v.resourceDeps), Local: commands,
	}}
	if len(v.deps) > 0 {
		commands.Deps = c.Paths(v.deps)
	}
	if r.plan.TriggerMode, err = arguments.TriggerMode(v.mode); err != nil {
		return nil, err
	}
	if r.plan.Links, err = arguments.Links(v.links); err != nil {
		return nil, err
	}
	if r.plan.Labels, err = arguments.Labels(v.labels); err != nil {
		return nil, err
	}
	return r, nil
}

// commands returns what runs, and how it is stopped and started again.
func (v *values) commands(c *kit.Call) (*plan.Local, error) {
	l := &plan.Local{
		Update: command(c, v.cmd.OnThisHost(v.cmdBat), v.dir, v.env),
		Serve:  command(c, v.serve.OnThisHost(v.serveBat), v.serveDir, v.serveEnv),
	}
	if l.Update == nil && l.Serve == nil {
		return nil, errors.New("it needs cmd or serve_cmd, and has neither")
	}
	for _, rule := range []struct {
		argument string
		given    bool
		needs    string
		command  *plan.Command
	}{
		{"dir", v.dir != "", "cmd", l.Update},
		{"serve_dir", v.serveDir != "", "serve_cmd", l.Serve},
		{"restart", v.restart != "", "serve_cmd", l.Serve},
		{"stop_signal", v.signal != "", "serve_cmd", l.Serve},
	} {
		if rule.given && rule.command == nil {
			return nil, fmt.Errorf("%s needs %s, which is not there", rule.argument, rule.needs)
		}
	}
	l.AllowParallel = v.allowParallel.Value || l.Update == nil // a server holds nothing up
	l.Readiness = v.probe.value
	if l.Readiness != nil && l.Serve == nil {
		c.Warnf("readiness_probe needs serve_cmd, which is not there: it is left out")
		l.Readiness = nil
	}
	var err error
	if l.Restart, err = arguments.OneOf("restart", string(v.restart), plan.RestartNever, plan.RestartOnFailure, plan.RestartAlways); err != nil {
		return nil, err
	}
	if l.StopSignal, err = stopSignal(string(v.signal)); err != nil {
		return nil, err
	}
	if l.StopGrace, err = stopGrace(v.grace); err != nil {
		return nil, err
	}
	return l, nil
}

// command returns nil if there is no argv.
func command(c *kit.Call, argv kit.HostCmd, dir kit.Path, env kit.StrDict) *plan.Command {
	if len(argv) == 0 {
		return nil
	}
	return &plan.Command{Argv: argv, Dir: c.Path(string(dir)), Env: env} // the path "" is the folder of the file
}
