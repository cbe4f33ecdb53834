package k8s

import (
	"fmt"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/starlark/kit"
)

// defaultNamespace is that of a context that names none.
const defaultNamespace = "default"

func (f *Family) registerContext() {
	f.run.Guard = f.guard
	f.run.Builtin("k8s_context", func(c *kit.Call) (gostarlark.Value, error) {
		return gostarlark.String(c.KubeContext), c.Unpack()
	})
	f.run.Builtin("k8s_namespace", func(c *kit.Call) (gostarlark.Value, error) {
		return gostarlark.String(f.namespace()), c.Unpack()
	})
	f.run.Builtin("allow_k8s_contexts", func(c *kit.Call) (gostarlark.Value, error) {
		var contexts kit.Strs
		if err := c.Unpack("contexts", &contexts); err != nil {
			return nil, err
		}
		for _, name := range contexts {
			f.allowed[name] = true
		}
		return nil, nil
	})
}

// namespace is that of objects that name none.
func (f *Family) namespace() string {
	if f.run.KubeNamespace == "" {
		return defaultNamespace
	}
	return f.run.KubeNamespace
}

// safe reports whether the cluster is known not to be a production one.
func (f *Family) safe() bool {
	return f.run.KubeContext == "" || f.allowed[f.run.KubeContext] || f.run.KubeLocal
}

// guard refuses an action that may touch a production cluster.
func (f *Family) guard(action string) error {
	if f.safe() {
		return nil
	}
	return kit.Hint(fmt.Errorf("refusing to %s: %s might be a production kube context", action, f.run.KubeContext),
		"if you are sure, add allow_k8s_contexts('%s') before this line; otherwise switch the context", f.run.KubeContext)
}

// checkContext refuses to deploy to a cluster that may be a production one.
func (f *Family) checkContext() error {
	if f.run.Guard("deploy") == nil { // in a registered extension it is the main Tiltfile's guard
		return nil
	}
	var at kit.Trace
	builtin := "k8s_yaml"
	switch {
	case len(f.objects) > 0:
		at = f.objects[0].trace
	case len(f.resources) > 0: // before assembly, only custom deploys are there
		at, builtin = f.resources[0].trace, "k8s_custom_deploy"
	default:
		return nil
	}
	err := kit.Plain(fmt.Sprintf("Stop! %s might be production.", f.run.KubeContext))
	return kit.At(at, builtin, kit.Hint(err,
		"if you are sure you want to deploy there, add allow_k8s_contexts('%s') to the Tiltfile; otherwise switch the context", f.run.KubeContext))
}
