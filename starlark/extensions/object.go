package extensions

import (
	"encoding/json"
	"fmt"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// Kinds of objects of v1alpha1 that register something here.
const (
	kindRepo      = "ExtensionRepo"
	kindExtension = "Extension"
)

// AddObject registers an object of one of Kinds, for the call of v1alpha1 that made it.
func (f *Family) AddObject(c *kit.Call, o plan.APIObject) error {
	if o.Kind == kindRepo {
		var spec struct {
			URL        string `json:"url"`
			Ref        string `json:"ref"`
			LoadHost   string `json:"loadHost"`
			GitSubpath string `json:"gitSubpath"`
		}
		if err := json.Unmarshal(o.Spec, &spec); err != nil {
			return fmt.Errorf("read the spec of %s: %w", o.Name, err)
		}
		return f.AddRepo(c, Repo{Name: o.Name, URL: spec.URL, Ref: spec.Ref, LoadHost: spec.LoadHost, GitSubpath: spec.GitSubpath})
	}
	var spec struct {
		RepoName string   `json:"repoName"`
		RepoPath string   `json:"repoPath"`
		Args     []string `json:"args"`
	}
	if err := json.Unmarshal(o.Spec, &spec); err != nil {
		return fmt.Errorf("read the spec of %s: %w", o.Name, err)
	}
	return f.AddExtension(c, Extension{Name: o.Name, RepoName: spec.RepoName, RepoPath: spec.RepoPath, Args: spec.Args})
}

// Kinds are those of the objects that AddObject takes.
func Kinds() []string { return []string{kindRepo, kindExtension} }
