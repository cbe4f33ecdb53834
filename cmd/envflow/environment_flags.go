package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/state"
)

// environmentFlags are those of every command that names an environment, and further ones of its own.
func environmentFlags(own ...cli.Flag) []cli.Flag {
	return append(own, fileFlag("f"), envFlag())
}

// fileFlag is --file, with its short name where that is free.
func fileFlag(short ...string) cli.Flag {
	return &cli.StringFlag{Name: "file", Aliases: short, Usage: "use the Tiltfile at `PATH` instead of the one in this folder"}
}

func envFlag() cli.Flag {
	return &cli.StringFlag{Name: "env", Usage: "take the environment `ID`, wherever its Tiltfile is; envflow ls lists them"}
}

func adoptFlag() cli.Flag {
	return &cli.BoolFlag{Name: "adopt", Usage: "take over objects in the cluster that belong to another environment"}
}

// tiltfileArgs is what people read about the words after --.
const tiltfileArgs = "Words after -- are for config.parse in the Tiltfile."

// environmentVariable tells commands that envflow runs which environment they belong to, wherever their folder is.
const environmentVariable = "ENVFLOW_ENV"

// findEnvironment returns the environment that --env, --file, the current folder or, in a command that envflow runs and in a folder
// without an environment, the command's environment means. known says whether it was brought up before; one that was not has a Tiltfile.
func (e *environ) findEnvironment(c *cli.Context) (env environment.Environment, known bool, err error) {
	stateDir, err := state.Dir(e.LookupEnv)
	if err != nil {
		return env, false, err
	}
	if id := c.String("env"); id != "" {
		if c.String("file") != "" {
			return env, false, usageFault("give one of them", "--env and --file both name an environment")
		}
		env, err := loadEnvironment(stateDir, id)
		return env, err == nil, err
	}
	around, within := e.environmentAround(c, stateDir)
	if within && e.Name == tiltName { // as with Tilt the folder does not matter
		return around, true, nil
	}
	dir, err := e.WorkDir()
	if err != nil {
		return env, false, fault.Wrap(err, fault.Failure, "go to another folder", "the current folder cannot be found")
	}
	path, missing := environment.Find(dir, c.String("file"))
	if missing != nil { // a known environment can be asked about after its Tiltfile is gone
		path = environment.Path(dir, c.String("file"))
	}
	env, err = environment.Identify(stateDir, path, c.String("name"))
	if err != nil {
		return env, false, err
	}
	if found, err := environment.Load(stateDir, env.ID); err == nil {
		return found, true, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return env, false, err
	}
	if c.Command.Name == "up" { // it asks for this one and no other
		return env, false, missing
	}
	if named, found, err := namedEnvironment(stateDir, env.Path); found || err != nil {
		return named, found, err
	}
	if within {
		return around, true, nil
	}
	return env, false, missing
}

// environmentAround returns the environment that this process is a command of. It does not count for what brings up or ends an
// environment: terminals and editors that a command starts have the variable too.
func (e *environ) environmentAround(c *cli.Context, stateDir string) (env environment.Environment, within bool) {
	id := e.env(environmentVariable)
	if id == "" || c.String("file") != "" || slices.Contains([]string{"up", "down", "pause"}, c.Command.Name) {
		return env, false
	}
	env, err := environment.Load(stateDir, id)
	return env, err == nil
}

// namedEnvironment returns the one environment of the Tiltfile that was brought up with --name, if there is just one.
func namedEnvironment(stateDir, path string) (env environment.Environment, found bool, err error) {
	all, err := environment.List(stateDir)
	if err != nil {
		return env, false, err
	}
	var ids []string
	for _, other := range all {
		if other.Path == path {
			env, ids = other, append(ids, other.ID)
		}
	}
	if len(ids) > 1 {
		return env, false, usageFault("add --env ID", "%s has several environments: %s", path, andList(ids))
	}
	return env, len(ids) == 1, nil
}

// loadEnvironment returns the environment id, or the error that there is none.
func loadEnvironment(stateDir, id string) (environment.Environment, error) {
	env, err := environment.Load(stateDir, id)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return env, err
	}
	hint := "run `envflow ls` to see those that are known"
	if all, err := environment.List(stateDir); err == nil {
		var ids []string
		for _, other := range all {
			ids = append(ids, other.ID)
		}
		if near := nearest(id, ids); len(near) > 0 {
			hint = fmt.Sprintf("did you mean %s?", orList(near))
		}
	}
	return env, usageFault(hint, "there is no environment %q", id)
}

// knownEnvironment is findEnvironment for a command that has nothing to do before the first `envflow up`.
func (e *environ) knownEnvironment(c *cli.Context) (environment.Environment, error) {
	env, known, err := e.findEnvironment(c)
	if err == nil && !known {
		err = fault.New(fault.Failure, "run `envflow up`", "the environment of %s has not been brought up yet", env.Path)
	}
	return env, err
}

// completeResources offers the resources of the environment of the current folder, as they were last seen.
func completeResources(e *environ) cli.BashCompleteFunc {
	return func(c *cli.Context) {
		stateDir, err := state.Dir(e.LookupEnv)
		if err != nil || e.WorkDir == nil {
			return
		}
		dir, err := e.WorkDir()
		if err != nil {
			return
		}
		env, err := environment.Identify(stateDir, environment.Path(dir, ""), "")
		if err != nil {
			return
		}
		status, err := lastStatus(c.Context, env)
		if err != nil {
			return
		}
		given := c.Args().Slice()
		for _, r := range status.Resources {
			if !strings.Contains("\x00"+strings.Join(given, "\x00")+"\x00", "\x00"+r.Name+"\x00") {
				fmt.Fprintln(c.App.Writer, r.Name)
			}
		}
	}
}
