package compose

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"

	"github.com/envflow/envflow/starlark/arguments"
	"github.com/envflow/envflow/starlark/kit"
)

// project is one Compose project.
type project struct {
	name     string
	dir      string // absolute path that its own paths start from
	trace    kit.Trace
	files    []file // a later one overrides
	envFile  string // absolute; "": .env of dir, if there
	profiles []string
	wait     bool

	model    *types.Project
	services []*service // that are enabled; what one depends on is before it
}

// merge adds what a later call says.
func (p *project) merge(later *project) {
	for _, f := range later.files {
		if f.path == "" || !slices.ContainsFunc(p.files, func(known file) bool { return known.path == f.path }) {
			p.files = append(p.files, f)
		}
	}
	if later.envFile != "" {
		p.envFile = later.envFile
	}
	p.profiles = arguments.AppendNew(p.profiles, later.profiles)
	p.wait = p.wait || later.wait
}

// environment returns the variables that files may name: those of the process, then those of .env.
func (p *project) environment(c *kit.Call) (types.Mapping, error) {
	env := types.NewMapping(c.Environ.List())
	path := p.envFile
	if path == "" {
		if off, err := strconv.ParseBool(env["COMPOSE_DISABLE_ENV_FILE"]); err == nil && off {
			return env, nil
		}
		path = filepath.Join(p.dir, ".env")
	}
	c.Note(path)
	if p.envFile == "" && !isFile(path) {
		return env, nil
	}
	values, err := dotenv.GetEnvFromFile(env, []string{path})
	if err != nil {
		return nil, fmt.Errorf("read variables: %w", err)
	}
	return env.Merge(values), nil
}

// isFile reports whether something is there that is no folder.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// loading is held while Compose's library loads: it keeps a list of all files, without a lock.
var loading sync.Mutex

// obsolete is the line that every old file has. The library would warn of it in the log of the process.
var obsolete = regexp.MustCompile(`(?m)^version[ \t]*:.*$`)

// load reads all files of the project again: with each one more, all may mean something else.
func (p *project) load(c *kit.Call) error {
	env, err := p.environment(c)
	if err != nil {
		return err
	}
	noteSources(c.Run, p, env)
	details := types.ConfigDetails{WorkingDir: p.dir, Environment: env}
	for i, name := range p.fileNames() {
		content := obsolete.ReplaceAll([]byte(p.files[i].text), nil)
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: name, Content: content})
	}
	unset := &unsetVariables{}
	model, err := read(c, details, loader.WithDiscardEnvFiles, loader.WithProfiles(p.profiles), func(o *loader.Options) {
		o.SetProjectName(p.name, true)
		o.Interpolate.Substitute = unset.substitute
	})
	if err != nil {
		return p.explained(c, err)
	}
	if len(unset.names) > 0 {
		c.Warnf("Compose project %s: variables that are not set count as empty: %s", p.name, strings.Join(unset.names, ", "))
	}
	for _, s := range inOrder(model.Services) {
		if err := checkImage(s.Image); err != nil {
			return fmt.Errorf("the service %s: %w", s.Name, err)
		}
	}
	p.model = model
	p.update(c.Trace())
	return nil
}

// read lets Compose's library read a project. The library panics on some files that are wrong, such as one with "pid:" and no value.
func read(c *kit.Call, details types.ConfigDetails, options ...func(*loader.Options)) (model *types.Project, err error) {
	loading.Lock()
	defer loading.Unlock()
	defer func() {
		if problem := recover(); problem != nil {
			err = kit.Hint(fmt.Errorf("a value is missing or of another type than Compose expects: %v", problem), "look for a key without a value")
		}
	}()
	return loader.LoadWithContext(c.Ctx, details, options...)
}

// fileNames are the names of the files in messages, and in Compose's library.
func (p *project) fileNames() []string {
	var names []string
	for i, f := range p.files {
		names = append(names, cmp.Or(f.path, fmt.Sprintf("text %d of configPaths", i+1)))
	}
	return names
}

// checkImage refuses what cannot be the name of an image. "" means none.
func checkImage(name string) error {
	if name == "" {
		return nil
	}
	if _, err := reference.ParseNormalizedNamed(name); err != nil {
		return fmt.Errorf("%q is not the name of an image: %w", name, err)
	}
	return nil
}

// explained adds to an error of Compose's library where it is, and what to do about it.
func (p *project) explained(c *kit.Call, err error) error {
	text, names := err.Error(), p.fileNames()
	if !slices.ContainsFunc(append(names, p.dir), func(place string) bool { return strings.Contains(text, place) }) {
		for i, name := range names {
			names[i] = c.Display(name)
		}
		err = fmt.Errorf("%s: %w", strings.Join(names, ", "), err)
	}
	switch {
	case strings.Contains(text, "env file") && strings.Contains(text, "not found"):
		return kit.Hint(err, "a file that may be missing is written as {path: ..., required: false}")
	case strings.Contains(text, "depends on undefined service"):
		return kit.Hint(err, "a service that has a profile is there only if that is in profiles=[...]")
	}
	return err
}

// update makes services of the model. One that is known keeps what dc_resource has said of it.
func (p *project) update(trace kit.Trace) {
	known := map[string]*service{}
	for _, s := range p.services {
		known[s.config.Name] = s
	}
	p.services = nil
	for _, config := range inOrder(p.model.Services) {
		s := known[config.Name]
		if s == nil {
			s = &service{name: config.Name, project: p, trace: trace}
		}
		s.config = config
		p.services = append(p.services, s)
	}
}

// inOrder returns services by name, but each after those it depends on.
func inOrder(services types.Services) []types.ServiceConfig {
	var list []types.ServiceConfig
	done := map[string]bool{}
	var add func(name string)
	add = func(name string) {
		config, ok := services[name]
		if !ok || done[name] {
			return
		}
		done[name] = true
		for _, dependency := range slices.Sorted(slices.Values(config.GetDependencies())) {
			add(dependency)
		}
		list = append(list, config)
	}
	var names []string
	for name := range services {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		add(name)
	}
	return list
}

// service returns the service of the project that Compose calls so, nil if it is not there or not enabled.
func (p *project) service(composeName string) *service {
	for _, s := range p.services {
		if s.config.Name == composeName {
			return s
		}
	}
	return nil
}

// json returns the whole project.
func (p *project) json() (json.RawMessage, error) {
	data, err := p.model.MarshalJSON()
	if err != nil || len(p.model.Models) == 0 {
		return data, err
	}
	var whole map[string]json.RawMessage // the library forgets the models
	if err := json.Unmarshal(data, &whole); err != nil {
		return nil, err
	}
	if whole["models"], err = json.Marshal(p.model.Models); err != nil {
		return nil, err
	}
	return json.Marshal(whole)
}

// paths are those of the files.
func (p *project) paths() []string {
	paths := []string{} // a list in JSON, not null
	for _, f := range p.files {
		if f.path != "" {
			paths = append(paths, f.path)
		}
	}
	return paths
}
