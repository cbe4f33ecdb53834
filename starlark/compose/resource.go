package compose

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/arguments"
	"github.com/envflow/envflow/starlark/kit"
)

// service is a service of a project, with what dc_resource has said of it.
type service struct {
	name    string // of its resource; config.Name is Compose's
	project *project
	config  types.ServiceConfig
	trace   kit.Trace // the docker_compose that defined it

	image       string // counts more than the one of the files
	triggerMode string
	deps        []string
	inferLinks  kit.OptBool
	links       []plan.Link
	labels      []string
	autoInit    kit.OptBool
}

// dcResource sets options of a service. Lists grow, single values replace what an earlier call said.
func (f *Family) dcResource(c *kit.Call) (gostarlark.Value, error) {
	var name, image, projectName, newName kit.Str
	var mode, links gostarlark.Value
	var deps kit.Seq
	var labels kit.Strs
	var inferLinks, autoInit kit.OptBool
	if err := c.Unpack("name", &name, "image??", &image, "trigger_mode?", &mode, "resource_deps?", &deps, "infer_links?", &inferLinks,
		"links?", &links, "labels?", &labels, "auto_init?", &autoInit, "project_name??", &projectName, "new_name??", &newName); err != nil {
		return nil, err
	}
	s, err := f.find(string(name), string(projectName))
	if err != nil {
		return nil, err
	}
	triggerMode, err := arguments.TriggerMode(mode)
	if err != nil {
		return nil, err
	}
	more, err := arguments.Links(links)
	if err != nil {
		return nil, err
	}
	checked, err := arguments.Labels(labels)
	if err != nil {
		return nil, err
	}
	if image != "" {
		if err := checkImage(string(image)); err != nil {
			return nil, err
		}
		s.image = string(image)
	}
	if triggerMode != "" {
		s.triggerMode = triggerMode
	}
	if inferLinks.Given {
		s.inferLinks = inferLinks
	}
	if autoInit.Given {
		s.autoInit = autoInit
	}
	s.links = append(s.links, more...)
	s.labels = arguments.AppendNew(s.labels, checked)
	s.deps = arguments.AppendNew(s.deps, deps)
	if newName != "" && string(newName) != s.name {
		return nil, f.rename(s, string(newName))
	}
	return nil, nil
}

// rename gives the resource of a service another name, also where others of its project depend on it.
func (f *Family) rename(s *service, name string) error {
	if err := f.run.CheckName(name); err != nil {
		return err
	}
	for _, p := range f.projects {
		if slices.ContainsFunc(p.services, func(other *service) bool { return other.name == name }) {
			return fmt.Errorf("there is a resource %s already; it is a service of the Compose project %s", name, p.name)
		}
	}
	for _, other := range s.project.services {
		if i := slices.Index(other.deps, s.name); i >= 0 {
			other.deps[i] = name
		}
	}
	s.name = name
	return nil
}

// find returns the service whose resource has a name. project is "" if it does not matter.
func (f *Family) find(name, project string) (*service, error) {
	if name == "" {
		return nil, errors.New("the name is empty")
	}
	if project != "" && f.project(project) == nil {
		return nil, f.unknownProject(project)
	}
	var found []*service
	for _, p := range f.projects {
		for _, s := range p.services {
			if s.name == name && (project == "" || p.name == project) {
				found = append(found, s)
			}
		}
	}
	switch len(found) {
	case 0:
		return nil, f.unknown(name, project)
	case 1:
		return found[0], nil
	}
	var projects []string
	for _, s := range found {
		projects = append(projects, s.project.name)
	}
	return nil, kit.Hint(fmt.Errorf("several projects have a service %s: %s", name, strings.Join(projects, ", ")), "project_name=%q means one of them", projects[0])
}

func (f *Family) unknownProject(name string) error {
	var known []string
	for _, p := range f.projects {
		known = append(known, p.name)
	}
	if len(known) == 0 {
		return kit.Hint(fmt.Errorf("there is no Compose project %q", name), "docker_compose defines projects; it must be called before")
	}
	err := fmt.Errorf("there is no Compose project %q; there are: %s", name, strings.Join(known, ", "))
	return kit.DidYouMean(err, name, known)
}

// unknown says why there is no service of a name.
func (f *Family) unknown(name, project string) error {
	var known []string
	for _, p := range f.projects {
		if project != "" && p.name != project {
			continue
		}
		for _, s := range p.services {
			known = append(known, s.name)
			if s.config.Name == name {
				return kit.Hint(fmt.Errorf("there is no service %q any more", name), "it was renamed to %s", s.name)
			}
		}
		if s, ok := p.model.DisabledServices[name]; ok {
			return kit.Hint(fmt.Errorf("the service %s is not enabled: it has the profiles %s", name, strings.Join(s.Profiles, ", ")),
				"docker_compose(..., profiles=[%q]) enables it", s.Profiles[0])
		}
	}
	if len(known) == 0 {
		return kit.Hint(fmt.Errorf("there is no service %q, and no other either", name), "docker_compose defines services; it must be called before")
	}
	slices.Sort(known)
	err := fmt.Errorf("there is no service %q; there are: %s", name, strings.Join(known, ", "))
	return kit.DidYouMean(err, name, known)
}
