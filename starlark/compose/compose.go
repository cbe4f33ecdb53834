package compose

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/starlark/ignores"
	"github.com/envflow/envflow/starlark/images"
	"github.com/envflow/envflow/starlark/kit"
	"github.com/envflow/envflow/starlark/settings"
)

//go:embed builtins.md
var docs string

// Family holds the projects of one evaluation.
type Family struct {
	run      *kit.Run
	images   *images.Family
	ignores  *ignores.Family
	settings *settings.Family
	projects []*project // in the order of their definition
}

// dockerCompose is the builtin that messages about services are of.
const dockerCompose = "docker_compose"

// file is one file of a project.
type file struct {
	path string // absolute; "" for a Blob
	text string
}

// New registers the family. image tells which images are built here, ignore which files are left out.
func New(run *kit.Run, image *images.Family, ignore *ignores.Family, setting *settings.Family) *Family {
	f := &Family{run: run, images: image, ignores: ignore, settings: setting}
	run.Document(docs)
	run.Builtin(dockerCompose, f.dockerCompose)
	run.Builtin("dc_resource", f.dcResource)
	run.OnAssemble(f.assemble)
	return f
}

// dockerCompose reads a project, or adds to one that an earlier call has defined.
func (f *Family) dockerCompose(c *kit.Call) (gostarlark.Value, error) {
	var configPaths gostarlark.Value
	var envFile, name kit.Str
	var profiles gostarlark.Value
	var wait kit.OptBool
	if err := c.Unpack("configPaths", &configPaths, "env_file??", &envFile, "project_name??", &name, "profiles?", &profiles, "wait?", &wait); err != nil {
		return nil, err
	}
	files, err := readFiles(c, configPaths)
	if err != nil {
		return nil, err
	}
	p := &project{trace: c.Trace(), files: files, dir: dirOf(c, files), wait: wait.Value}
	if envFile != "" {
		p.envFile = c.Path(string(envFile))
	}
	env, err := p.environment(c)
	if err != nil {
		return nil, err
	}
	if p.name, err = projectName(string(name), p, env); err != nil {
		return nil, err
	}
	if p.profiles, err = profilesOf(profiles, env); err != nil {
		return nil, err
	}
	known := f.project(p.name)
	if known == nil {
		f.projects = append(f.projects, p)
		return nil, p.load(c)
	}
	known.merge(p)
	return nil, known.load(c)
}

// project returns the project of a name, nil if there is none.
func (f *Family) project(name string) *project {
	for _, p := range f.projects {
		if p.name == name {
			return p
		}
	}
	return nil
}

// readFiles reads what configPaths names: paths and Blobs.
func readFiles(c *kit.Call, v gostarlark.Value) ([]file, error) {
	var files []file
	for _, item := range kit.OneOrMore(v) {
		switch item := item.(type) {
		case gostarlark.NoneType:
		case *kit.Blob:
			files = append(files, file{text: item.Text})
		case gostarlark.String:
			path := c.Path(string(item))
			data, err := c.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil, kit.Hint(fmt.Errorf("there is no file %s", c.Display(path)), "paths start from %s", c.WorkingDir())
			}
			if err != nil {
				return nil, fmt.Errorf("read a Compose file: %w", err)
			}
			files = append(files, file{path: path, text: string(data)})
		default:
			return nil, fmt.Errorf("configPaths: got %s, want a path, a Blob, or a list of them", item.Type())
		}
	}
	if len(files) == 0 {
		return nil, errors.New("configPaths: there is nothing to compose")
	}
	return files, nil
}

// dirOf returns the folder that the paths of a project start from: that of its first file, as for docker compose. A Blob is in the
// Tiltfile.
func dirOf(c *kit.Call, files []file) string {
	for _, f := range files {
		if f.path != "" {
			return filepath.Dir(f.path)
		}
	}
	return c.WorkingDir()
}

// projectName finds the name as docker compose does: it is given, or in the environment, or in a file, or that of the folder.
func projectName(name string, p *project, env types.Mapping) (string, error) {
	if name == "" {
		name = env["COMPOSE_PROJECT_NAME"]
	}
	if name != "" {
		if good := loader.NormalizeProjectName(name); good != name {
			return "", kit.Hint(fmt.Errorf("%q cannot be the name of a project: it has lower-case letters, digits, - and _, and starts with a letter or digit", name),
				"%q would do", good)
		}
		return name, nil
	}
	if name = loader.NormalizeProjectName(nameInFiles(p.files, env)); name != "" {
		return name, nil
	}
	if name = loader.NormalizeProjectName(filepath.Base(p.dir)); name != "" {
		return name, nil
	}
	return "", kit.Hint(fmt.Errorf("the project has no name, and the folder %s gives it none", p.dir), "project_name=... gives it one")
}

// profilesOf returns the profiles that were given, else those of the environment.
func profilesOf(v gostarlark.Value, env types.Mapping) ([]string, error) {
	var list kit.Strs
	if v == nil || v == gostarlark.None {
		list = strings.Split(env["COMPOSE_PROFILES"], ",")
	} else if err := list.Unpack(v); err != nil {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	var profiles []string
	for _, profile := range list {
		if profile = strings.TrimSpace(profile); profile != "" {
			profiles = append(profiles, profile)
		}
	}
	return profiles, nil
}
