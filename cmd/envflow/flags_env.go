package main

import (
	"reflect"

	"github.com/urfave/cli/v2"
)

// fromEnvironment adds the flags that are set by an environment variable and not on the line.
func (p *parser) fromEnvironment() {
	for depth, cmd := range p.line.path {
		for _, f := range cmd.Flags {
			if p.line.isSet(depth, f) {
				continue
			}
			for _, env := range p.e.flagEnv[f] {
				if value := p.e.env(env); value != "" {
					p.set(setting{depth: depth, flag: f, value: value, env: env}, dashes(f.Names()[0]))
					break
				}
			}
		}
	}
}

// detachEnv takes the EnvVars out of every flag below app and returns them by flag. urfave/cli would look into the
// real environment behind our back, accept what does not parse, and show the values as defaults.
func detachEnv(flags []cli.Flag, tree []*cli.Command) map[cli.Flag][]string {
	env := map[cli.Flag][]string{}
	for _, f := range flags {
		field := reflect.ValueOf(f).Elem().FieldByName("EnvVars")
		if names, ok := field.Interface().([]string); ok && len(names) > 0 {
			env[f] = names
			field.SetZero()
		}
	}
	for _, cmd := range tree {
		for f, names := range detachEnv(cmd.Flags, cmd.Subcommands) {
			env[f] = names
		}
	}
	return env
}
