package k8s

import (
	_ "embed"

	"github.com/envflow/envflow/starlark/ignores"
	"github.com/envflow/envflow/starlark/images"
	"github.com/envflow/envflow/starlark/kit"
	"github.com/envflow/envflow/starlark/settings"
)

// Family holds the objects and resources of one evaluation.
type Family struct {
	run       *kit.Run
	images    *images.Family
	ignores   *ignores.Family
	settings  *settings.Family
	objects   []*object
	byID      map[string]*object
	options   []*options
	kinds     []*kind
	allowed   map[string]bool
	resources []*resource
	naming    *naming // nil: the shortest unique names
}

//go:embed builtins.md
var docs string

// New registers the family. image tells which images objects use, ignore which files are left out.
func New(run *kit.Run, ignore *ignores.Family, image *images.Family, setting *settings.Family) *Family {
	run.Document(docs)
	f := &Family{run: run, images: image, ignores: ignore, settings: setting, byID: map[string]*object{}, allowed: map[string]bool{}}
	run.Builtin("k8s_yaml", f.k8sYAML)
	run.Builtin("k8s_resource", f.k8sResource)
	run.Builtin("k8s_custom_deploy", f.customDeploy)
	run.Builtin("k8s_kind", f.k8sKind)
	run.Builtin("k8s_image_json_path", f.imageJSONPath)
	run.Builtin("workload_to_resource_function", f.workloadToResource)
	run.Builtin("filter_yaml", f.filterYAML)
	run.Builtin("port_forward", portForward)
	f.registerContext()
	run.OnAssemble(f.assemble)
	return f
}
