package starlark

import (
	"github.com/envflow/envflow/starlark/api"
	"github.com/envflow/envflow/starlark/arguments"
	"github.com/envflow/envflow/starlark/compose"
	"github.com/envflow/envflow/starlark/config"
	"github.com/envflow/envflow/starlark/extensions"
	"github.com/envflow/envflow/starlark/files"
	"github.com/envflow/envflow/starlark/ignores"
	"github.com/envflow/envflow/starlark/images"
	"github.com/envflow/envflow/starlark/k8s"
	"github.com/envflow/envflow/starlark/kit"
	"github.com/envflow/envflow/starlark/language"
	"github.com/envflow/envflow/starlark/local"
	"github.com/envflow/envflow/starlark/render"
	"github.com/envflow/envflow/starlark/settings"
	"github.com/envflow/envflow/starlark/system"
)

// register adds all families of builtins. Their order is that of assembly: images before what uses them, and config, which says
// what is enabled, after all that make resources.
func register(run *kit.Run) {
	language.New(run)
	files.New(run)
	system.New(run)
	setting := settings.New(run)
	arguments.New(run)
	object := api.New(run)
	render.New(run)
	ignore := ignores.New(run)
	image := images.New(run, ignore)
	k8s.New(run, ignore, image, setting)
	compose.New(run, image, ignore, setting)
	local.New(run, ignore, setting)
	extension := extensions.New(run, evaluateWithin)
	for _, kind := range extensions.Kinds() {
		object.OnObject(kind, extension.AddObject)
	}
	run.OnFinish(func() error { return checkDependencies(run) })
	config.New(run)
	run.OnFinish(extension.Enable)
}
