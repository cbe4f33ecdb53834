package images

import (
	"errors"
	"fmt"

	"github.com/distribution/reference"
	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// customBuild takes Tilt's arguments in Tilt's order; command_bat_val is an old name of command_bat.
func (f *Family) customBuild(c *kit.Call) (gostarlark.Value, error) {
	var ref, tag, output kit.Str
	var dir kit.Path
	var command, bat, oldBat kit.HostCmd
	var deps kit.Paths
	var ignore, imageDeps kit.Strs
	var disablePush, skipsDocker, inEnv kit.OptBool
	var steps gostarlark.Value
	var entrypoint kit.ContainerCmd
	var containerArgs kit.Seq
	var env kit.StrDict
	if err := c.Unpack(
		"ref", &ref, "command", &command, "deps", &deps, "tag??", &tag, "disable_push?", &disablePush, "skips_local_docker?", &skipsDocker,
		"live_update?", &steps, "match_in_env_vars?", &inEnv, "ignore?", &ignore, "entrypoint?", &entrypoint,
		"container_args?", &containerArgs, "command_bat_val?", &oldBat, "outputs_image_ref_to??", &output, "command_bat?", &bat,
		"image_deps?", &imageDeps, "env?", &env, "dir??", &dir,
	); err != nil {
		return nil, err
	}
	named, err := parseRef(string(ref))
	if err != nil {
		return nil, err
	}
	if len(bat) == 0 {
		bat = oldBat
	}
	command = command.OnThisHost(bat)
	switch {
	case len(command) == 0:
		return nil, errors.New("the command is empty")
	case tag != "" && output != "":
		return nil, errors.New("tag and outputs_image_ref_to exclude each other")
	}
	if err := checkTag(named, string(tag)); err != nil {
		return nil, err
	}
	b := &build{builtin: c.Name, named: named, trace: c.Trace(), image: plan.Image{
		Ref:            string(ref),
		MatchInEnvVars: inEnv.Value,
		Entrypoint:     entrypoint,
		ContainerArgs:  containerArgs,
		Custom: &plan.CustomBuild{
			Command:          &plan.Command{Argv: command, Dir: c.Path(string(dir)), Env: env}, // the path "" is the folder of the file
			Deps:             c.Paths(deps),
			Tag:              string(tag),
			DisablePush:      disablePush.Value,
			SkipsLocalDocker: skipsDocker.Value,
		},
	}}
	if output != "" {
		b.image.Custom.OutputsRefTo = c.Path(string(output))
	}
	if err := CheckNames(imageDeps); err != nil {
		return nil, fmt.Errorf("image_deps: %w", err)
	}
	b.imageDeps = imageDeps
	if b.image.Ignores, err = f.ignoresOfDeps(&b.image, ignore); err != nil {
		return nil, err
	}
	if err := f.takeSteps(b, steps); err != nil {
		return nil, err
	}
	return nil, f.add(b)
}

func parseRef(ref string) (reference.Named, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return nil, fmt.Errorf("%q is not the name of an image: %w", ref, err)
	}
	return named, nil
}

func checkTag(named reference.Named, tag string) error {
	if tag == "" {
		return nil
	}
	if _, err := reference.WithTag(reference.TrimNamed(named), tag); err != nil {
		return fmt.Errorf("tag: %q cannot be the tag of an image", tag)
	}
	return nil
}

// CheckNames refuses what cannot be the name of an image.
func CheckNames(refs []string) error {
	for _, ref := range refs {
		if _, err := parseRef(ref); err != nil {
			return err
		}
	}
	return nil
}
