package k8s

import (
	"errors"
	"fmt"

	"github.com/distribution/reference"
	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/ignores"
	"github.com/envflow/envflow/starlark/images"
	"github.com/envflow/envflow/starlark/kit"
)

// customDeploy makes a resource that commands apply and delete. k8s_resource gives it what else a resource has.
func (f *Family) customDeploy(c *kit.Call) (gostarlark.Value, error) {
	var name, imageSelector, containerSelector kit.Str
	var applyDir, deleteDir kit.Path
	var apply, applyBat, remove, removeBat kit.HostCmd
	var applyEnv, removeEnv kit.StrDict
	var deps kit.Paths
	var imageDeps kit.Strs
	var steps gostarlark.Value
	if err := c.Unpack("name", &name, "apply_cmd", &apply, "delete_cmd", &remove, "deps", &deps, "image_selector??", &imageSelector,
		"live_update?", &steps, "apply_dir??", &applyDir, "apply_env?", &applyEnv, "apply_cmd_bat?", &applyBat,
		"delete_dir??", &deleteDir, "delete_env?", &removeEnv, "delete_cmd_bat?", &removeBat,
		"container_selector??", &containerSelector, "image_deps?", &imageDeps); err != nil {
		return nil, err
	}
	apply, remove = apply.OnThisHost(applyBat), remove.OnThisHost(removeBat)
	switch {
	case len(apply) == 0:
		return nil, errors.New("apply_cmd is empty")
	case len(remove) == 0:
		return nil, kit.Hint(errors.New("delete_cmd is empty"), "down runs it; write 'true' if there is nothing to delete")
	case f.resource(string(name)) != nil:
		return nil, fmt.Errorf("there is a resource %s already", name)
	}
	if err := c.CheckName(string(name)); err != nil {
		return nil, err
	}
	d := &plan.CustomDeploy{
		Apply:             &plan.Command{Argv: apply, Dir: c.Path(string(applyDir)), Env: applyEnv}, // the path "" is the folder of the file
		Delete:            &plan.Command{Argv: remove, Dir: c.Path(string(deleteDir)), Env: removeEnv},
		Deps:              c.Paths(deps),
		ImageSelector:     string(imageSelector),
		ContainerSelector: string(containerSelector),
	}
	if err := f.customLiveUpdate(d, steps); err != nil {
		return nil, err
	}
	if err := images.CheckNames(imageDeps); err != nil {
		return nil, fmt.Errorf("image_deps: %w", err)
	}
	r := f.newResource(string(name), c.Trace())
	r.options.Custom, r.imageDeps = d, imageDeps
	r.options.PodReadiness = plan.ReadinessWait
	return nil, nil
}

// customLiveUpdate takes in what is updated in place. Files that are do not apply again.
func (f *Family) customLiveUpdate(d *plan.CustomDeploy, steps gostarlark.Value) error {
	var err error
	if d.LiveUpdate, err = f.images.LiveUpdate(steps); err != nil || len(d.LiveUpdate) == 0 {
		return err
	}
	switch {
	case d.ImageSelector == "" && d.ContainerSelector == "":
		return errors.New("live_update needs image_selector or container_selector, to know which containers are meant")
	case d.ImageSelector != "" && d.ContainerSelector != "":
		return errors.New("image_selector and container_selector exclude each other")
	case d.ImageSelector != "":
		if _, err := reference.ParseNormalizedNamed(d.ImageSelector); err != nil {
			return fmt.Errorf("image_selector: %q is not the name of an image: %w", d.ImageSelector, err)
		}
	}
	for _, s := range d.LiveUpdate {
		paths := s.Paths
		if s.Kind == plan.StepSync {
			paths = []string{s.Local}
		}
		for _, path := range paths {
			d.Ignores = append(d.Ignores, ignores.Path(path, "k8s_custom_deploy(live_update=...)"))
		}
	}
	return nil
}

// finishCustom adds what is known at assembly only.
func (f *Family) finishCustom(r *resource) error {
	d := r.options.Custom
	var own []plan.Ignore
	for _, dep := range d.Deps {
		own = append(own, ignores.Editors(ignores.Folder(dep)))
	}
	own = append(own, f.ignores.Git(d.Deps...)...)
	d.Ignores = append(append(own, f.ignores.Watch()...), d.Ignores...)
	var err error
	r.images, d.ImageDeps, err = f.images.Need(r.imageDeps)
	if err != nil {
		return kit.At(r.trace, "k8s_custom_deploy", err)
	}
	return nil
}
