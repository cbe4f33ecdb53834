package compose

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/starlark/kit"
)

// sources notes the files that Compose's library is about to read, because the library does not tell: those that are included or
// extended, and files of variables. It runs first, so that a file which is missing or wrong is noted too. What it does not
// understand it skips; the library will say what is wrong.
type sources struct {
	run  *kit.Run
	seen []string
}

// noteSources notes what the files of a project read.
func noteSources(run *kit.Run, p *project, env types.Mapping) {
	s := &sources{run: run, seen: p.paths()}
	for _, f := range p.files {
		s.walk(f.text, p.dir, env)
	}
}

// walk notes what one file names. Its paths start from dir.
func (s *sources) walk(text, dir string, env types.Mapping) {
	for _, doc := range kit.SplitYAML(text) {
		var content map[string]any
		if err := yaml.Unmarshal([]byte(doc.Text), &content); err != nil {
			continue
		}
		services, _ := content["services"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(services)) {
			service, _ := services[name].(map[string]any)
			s.note(pathsIn(service["env_file"], "path"), dir, env)
			s.note(pathsIn(service["label_file"], "path"), dir, env)
			if extends, ok := service["extends"].(map[string]any); ok {
				for _, path := range s.note(pathsIn(extends["file"], ""), dir, env) {
					s.follow(path, filepath.Dir(path), env)
				}
			}
		}
		includes, _ := content["include"].([]any)
		for _, v := range includes {
			s.include(v, dir, env)
		}
	}
}

// include notes the files of one include. They have a project folder and variables of their own.
func (s *sources) include(v any, dir string, env types.Mapping) {
	paths := s.note(pathsIn(v, "path"), dir, env)
	if len(paths) == 0 {
		return
	}
	projectDir, envFiles := filepath.Dir(paths[0]), []string(nil)
	if long, ok := v.(map[string]any); ok {
		if given, ok := long["project_directory"].(string); ok && given != "" {
			projectDir = resolve(given, dir, env)
		}
		envFiles = s.note(pathsIn(long["env_file"], ""), dir, env)
	}
	if len(envFiles) == 0 {
		envFiles = s.note([]string{".env"}, projectDir, env)
	}
	env = env.Clone()
	if values, err := dotenv.GetEnvFromFile(env, envFiles); err == nil {
		env.Merge(values)
	}
	for _, path := range paths {
		s.follow(path, projectDir, env)
	}
}

// follow reads a file that another one names.
func (s *sources) follow(path, dir string, env types.Mapping) {
	if slices.Contains(s.seen, path) {
		return
	}
	s.seen = append(s.seen, path)
	if data, err := s.run.ReadFile(path); err == nil {
		s.walk(string(data), dir, env)
	}
}

// note notes paths and returns them resolved.
func (s *sources) note(paths []string, dir string, env types.Mapping) []string {
	var list []string
	for _, p := range paths {
		if path := resolve(p, dir, env); path != "" {
			s.run.Note(path)
			list = append(list, path)
		}
	}
	return list
}

// resolve returns the absolute path that a file means, "" if that cannot be told or is not on this machine.
func resolve(path, dir string, env types.Mapping) string {
	path, err := template.SubstituteWithOptions(path, env.Resolve, template.WithoutLogging)
	switch {
	case err != nil, path == "", strings.Contains(path, "://"):
		return ""
	case filepath.IsAbs(path):
		return path
	}
	return filepath.Join(dir, path)
}

// pathsIn returns the paths of a value that is one, or a list, or has them under a key.
func pathsIn(v any, key string) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var list []string
		for _, item := range v {
			list = append(list, pathsIn(item, key)...)
		}
		return list
	case map[string]any:
		if key != "" {
			return pathsIn(v[key], "")
		}
	}
	return nil
}

// nameInFiles returns the name that the files give their project; the last one counts.
func nameInFiles(files []file, env types.Mapping) string {
	name := ""
	for _, f := range files {
		for _, doc := range kit.SplitYAML(f.text) {
			var content struct {
				Name string `json:"name"`
			}
			if err := yaml.Unmarshal([]byte(doc.Text), &content); err == nil && content.Name != "" {
				name = content.Name
			}
		}
	}
	expanded, err := template.SubstituteWithOptions(name, env.Resolve, template.WithoutLogging)
	if err != nil {
		return name // the library says what is wrong with it
	}
	return expanded
}
