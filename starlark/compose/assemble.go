package compose

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/arguments"
	"github.com/envflow/envflow/starlark/ignores"
	"github.com/envflow/envflow/starlark/kit"
)

// assemble adds the projects to the plan, and a resource for each service.
func (f *Family) assemble() error {
	for _, p := range f.projects {
		if err := f.checkRegistry(p); err != nil {
			return err
		}
		model, err := p.json()
		if err != nil {
			return kit.At(p.trace, dockerCompose, fmt.Errorf("write the project %s as JSON: %w", p.name, err))
		}
		f.run.Plan.Compose = append(f.run.Plan.Compose, plan.ComposeProject{
			Name: p.name, Files: p.paths(), Dir: p.dir, EnvFile: p.envFile, Profiles: p.profiles, Wait: p.wait, Model: model,
		})
		for _, s := range p.services {
			if err := f.addResource(s); err != nil {
				return kit.At(s.trace, dockerCompose, err)
			}
		}
	}
	return nil
}

// checkRegistry refuses a registry: services run where their images are built.
func (f *Family) checkRegistry(p *project) error {
	if f.run.Plan.Settings.DefaultRegistry == nil || len(p.services) == 0 {
		return nil
	}
	return kit.At(p.trace, dockerCompose, kit.Hint(errors.New("default_registry is not supported with docker compose"),
		"take it out, or put the services into a Tiltfile of their own"))
}

func (f *Family) addResource(s *service) error {
	if err := f.run.Claim(s.name, s.trace); err != nil {
		return kit.Hint(err, "dc_resource(%q, project_name=%q, new_name=...) renames the service", s.name, s.project.name)
	}
	r := plan.Resource{
		Name:        s.name,
		Type:        plan.TypeCompose,
		Labels:      s.labels,
		Links:       append(s.publishedLinks(), s.links...),
		TriggerMode: cmp.Or(s.triggerMode, f.settings.TriggerMode()),
		AutoInit:    !s.autoInit.Given || s.autoInit.Value,
		DependsOn:   arguments.AppendNew(s.dependencies(), s.deps),
		Compose:     &plan.ComposeService{Project: s.project.name, Service: s.config.Name},
	}
	var err error
	if r.Images, err = f.useImages(s, r.Compose); err != nil {
		return err
	}
	if r.Compose.Image == "" && s.config.Build != nil {
		if err := f.addBuild(s, r.Compose); err != nil {
			return err
		}
	}
	f.run.AddResource(r)
	return nil
}

// dependencies returns the resources of the services that Compose starts before. One that is not enabled is not waited for: what
// needs it, Compose's library has refused.
func (s *service) dependencies() []string {
	var names []string
	for _, dependency := range slices.Sorted(slices.Values(s.config.GetDependencies())) {
		if other := s.project.service(dependency); other != nil {
			names = append(names, other.name)
		}
	}
	return names
}

// publishedLinks returns links to the ports that the service has on this machine. Of a range Compose picks one later.
func (s *service) publishedLinks() []plan.Link {
	if s.inferLinks.Given && !s.inferLinks.Value {
		return nil
	}
	var links []plan.Link
	for _, p := range s.config.Ports {
		published, err := strconv.Atoi(p.Published)
		if err != nil || published == 0 || p.Protocol == "udp" {
			continue
		}
		host := "localhost"
		if ip := net.ParseIP(p.HostIP); ip != nil && !ip.IsUnspecified() && !ip.IsLoopback() {
			host = p.HostIP
		}
		link := plan.Link{URL: "http://" + net.JoinHostPort(host, p.Published) + "/"}
		if !slices.Contains(links, link) {
			links = append(links, link)
		}
	}
	return links
}

// useImages returns the images that are built for a service, and sets the one that takes the place of its own.
func (f *Family) useImages(s *service, into *plan.ComposeService) ([]string, error) {
	name := s.imageName(func(name string) bool { return f.images.Find(name) != nil })
	refs := f.images.Use([]string{name}, nil)
	for _, ref := range refs {
		if image := f.images.Find(ref); image != nil && len(image.Entrypoint) > 0 {
			return nil, kit.Hint(fmt.Errorf("docker_build/custom_build.entrypoint is not supported for services of Compose: the service %s uses the image %s", s.config.Name, ref),
				"write entrypoint: for the service in the Compose file")
		}
	}
	if image := f.images.Find(name); image != nil {
		into.Image = image.Ref
	}
	return refs, nil
}

// imageName returns the name of the service's image. One without a name has that of project and service; older versions of Compose
// joined them in another way.
func (s *service) imageName(isBuilt func(string) bool) string {
	if name := cmp.Or(s.image, s.config.Image); name != "" {
		return name
	}
	name := s.project.name + "-" + s.config.Name
	if old := s.project.name + "_" + s.config.Name; !isBuilt(name) && isBuilt(old) {
		return old
	}
	return name
}

// addBuild tells of a context that Compose builds itself. One that is not on this machine cannot be watched.
func (f *Family) addBuild(s *service, into *plan.ComposeService) error {
	build := s.config.Build
	if !filepath.IsAbs(build.Context) {
		return nil
	}
	dockerfile := ""
	if build.DockerfileInline == "" {
		dockerfile = build.Dockerfile
		if !filepath.IsAbs(dockerfile) {
			dockerfile = filepath.Join(build.Context, dockerfile)
		}
	}
	if err := f.checkBases(s, dockerfile); err != nil {
		return err
	}
	list, err := f.images.Ignores(build.Context, dockerfile)
	if err != nil {
		return err
	}
	into.Build = build.Context
	into.Ignores = slices.Concat(list, s.mounted(), f.ignores.Watch())
	return nil
}

// checkBases refuses a build of Compose that starts from an image which docker_build makes: Compose would not find it.
func (f *Family) checkBases(s *service, dockerfile string) error {
	text := s.config.Build.DockerfileInline
	if dockerfile != "" {
		// If it cannot be read, the build says so, and holds up this service only.
		if data, err := f.run.ReadFile(dockerfile); err == nil {
			text = string(data)
		}
	}
	args := map[string]string{}
	for name, value := range s.config.Build.Args {
		if value != nil {
			args[name] = *value
		}
	}
	for _, base := range f.images.Bases(text, args) {
		image := f.images.Find(base)
		if image == nil || slices.Contains(image.ExtraTags, base) {
			continue
		}
		return kit.Hint(fmt.Errorf("the service %s is built by Compose, from the image %s, which docker_build or custom_build makes; the two cannot be mixed", s.config.Name, image.Ref),
			"build the service with docker_build(%q, ...) too, or give the image extra_tag=%q", s.imageName(func(string) bool { return false }), base)
	}
	return nil
}

// mounted returns folders and files of this machine that are in the container anyway: a change of one needs no build.
func (s *service) mounted() []plan.Ignore {
	var list []plan.Ignore
	for _, v := range s.config.Volumes {
		if v.Type != types.VolumeTypeBind || !filepath.IsAbs(v.Source) {
			continue
		}
		list = append(list, ignores.Path(v.Source, "volumes of the service"))
	}
	return list
}
