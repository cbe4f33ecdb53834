package k8s

import (
	"github.com/envflow/envflow/starlark/images"
	"github.com/envflow/envflow/starlark/kit"
	"github.com/envflow/envflow/starlark/settings"
)

// Family holds the objects and resources of one evaluation.
type Family struct {
	run       *kit.Run
	images    *images.Family
	settings  *settings.Family
	objects   []*object
	byID      map[string]*object
	options   []*options
	allowed   map[string]bool
	resources []*resource
}

// New registers the family. images tells which images objects use.
func New(run *kit.Run, image *images.Family, setting *settings.Family) *Family {
	f := &Family{run: run, images: image, settings: setting, byID: map[string]*object{}, allowed: map[string]bool{}}
	run.Builtin("k8s_yaml", f.k8sYAML)
	run.Builtin("k8s_resource", f.k8sResource)
	run.Builtin("port_forward", portForward)
	f.registerContext()
	run.OnAssemble(f.assemble)
	return f
}
