package starlark_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/internal/testenv/gitrepo"
	"github.com/envflow/envflow/starlark"
)

// TestCases runs the cases of testdata/cases. README.md there says how they are written.
func TestCases(t *testing.T) {
	t.Parallel()
	paths := caseFiles(t)
	extensions := newSharedExtensions(t)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.ToSlash(strings.TrimPrefix(path, casesDir+string(filepath.Separator))), ".star")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, c := range splitCases(t, string(data)) {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(t, extensions)
				})
			}
		})
	}
}

const casesDir = "testdata/cases"

func caseFiles(t *testing.T) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(casesDir, func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".star" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) == 0 {
		t.Fatalf("find cases: %v, %d files", err, len(paths))
	}
	return paths
}

// testCase is a project with what is expected of its evaluation.
type testCase struct {
	name    string
	files   map[string]string
	options caseOptions
	plan    any    // nil: not looked at
	output  string // "": not looked at
	errors  []expectedError
}

type caseOptions struct {
	Args       []string
	Resources  []string
	Subcommand string
	Context    *string
	Local      bool
	Namespace  string
	Env        map[string]string
	Main       string // another name than Tiltfile
	Needs      string // a builtin: without it the case is skipped
}

// expectedError is a comment ### "regexp". line is 0 if the comment stands alone: then the place does not matter.
type expectedError struct {
	file    string
	line    int
	pattern *regexp.Regexp
}

var errorComment = regexp.MustCompile(`### ("(?:[^"\\]|\\.)*"|` + "`[^`]*`" + `)\s*$`)

func splitCases(t *testing.T, text string) (cases []*testCase) {
	t.Helper()
	var current *testCase
	var file, content string
	end := func() {
		if current != nil {
			current.add(t, file, content)
		}
		content = ""
	}
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "=== "); ok {
			end()
			current = &testCase{name: strings.TrimSpace(name), files: map[string]string{}}
			cases = append(cases, current)
			file = "Tiltfile"
			continue
		}
		if name, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(name, " --\n") {
			end()
			file = strings.TrimSuffix(name, " --\n")
			continue
		}
		content += line
	}
	end()
	for i, c := range cases {
		if c.plan == nil && c.output == "" && len(c.errors) == 0 {
			t.Errorf("the case %q expects nothing", c.name)
		}
		if slices.ContainsFunc(cases[:i], func(other *testCase) bool { return other.name == c.name }) {
			t.Errorf("two cases are called %q", c.name)
		}
	}
	return cases
}

func (c *testCase) add(t *testing.T, name, content string) {
	t.Helper()
	var err error
	switch name {
	case "plan":
		err = yaml.Unmarshal([]byte(content), &c.plan)
		if c.plan == nil && err == nil {
			err = errors.New("it is empty")
		}
	case "options":
		err = yaml.UnmarshalStrict([]byte(content), &c.options)
	case "output":
		c.output = strings.TrimSpace(content)
	default:
		c.files[name] = content
		for i, line := range strings.Split(content, "\n") {
			found := errorComment.FindStringSubmatch(line)
			if found == nil {
				continue
			}
			e := expectedError{file: name, line: i + 1}
			if strings.HasPrefix(strings.TrimSpace(line), "###") {
				e.line = 0
			}
			var pattern string
			if pattern, err = strconv.Unquote(found[1]); err == nil {
				e.pattern, err = regexp.Compile(pattern)
			}
			c.errors = append(c.errors, e)
		}
	}
	if err != nil {
		t.Fatalf("case %q, %s: %v", c.name, name, err)
	}
}

func (c *testCase) run(t *testing.T, extensions *sharedExtensions) {
	p := newProject(t, "")
	if c.options.Needs != "" && notYet(t, c.options.Needs) {
		t.Skipf("%s is not there yet", c.options.Needs)
	}
	if strings.Contains(c.files["Tiltfile"], "ext://") {
		extensions.use(p)
	}
	if c.options.Main != "" {
		p.opts.Path = filepath.Join(p.dir, c.options.Main)
	}
	for name, content := range c.files {
		p.write(name, content)
	}
	p.opts.Args, p.opts.Resources, p.opts.KubeNamespace = c.options.Args, c.options.Resources, c.options.Namespace
	if c.options.Subcommand != "" {
		p.opts.Subcommand = c.options.Subcommand
	}
	if c.options.Context != nil {
		p.opts.KubeContext, p.opts.KubeLocal = *c.options.Context, c.options.Local
	}
	for name, value := range c.options.Env {
		p.opts.Environ = append(p.opts.Environ, name+"="+value)
	}
	result, err := starlark.Evaluate(t.Context(), p.opts)
	if len(c.errors) > 0 {
		c.checkError(t, p, err)
	} else if err != nil {
		t.Fatalf("evaluate: %v", err)
	}
	if c.output != "" && !strings.Contains(p.printed(), c.output) {
		t.Errorf("output:\n%s\nwant in it:\n%s", p.printed(), c.output)
	}
	if c.plan == nil || err != nil {
		return
	}
	data, err := json.Marshal(result.Plan)
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(bytes.ReplaceAll(data, []byte(p.dir), []byte("DIR")), &got); err != nil {
		t.Fatal(err)
	}
	for _, problem := range differences("", got, c.plan) {
		t.Error(problem)
	}
}

// notYet reports whether a builtin is one of those to come.
func notYet(t *testing.T, builtin string) bool {
	t.Helper()
	_, err := starlark.Evaluate(t.Context(), newProject(t, builtin+"()\n").opts)
	return err != nil && strings.Contains(err.Error(), "is not in this version of envflow yet")
}

// sharedExtensions are the default repository of all cases, and where they keep it.
type sharedExtensions struct {
	environ []string
	dataDir string
}

func newSharedExtensions(t *testing.T) *sharedExtensions {
	t.Helper()
	repo := gitrepo.FromFolder(t, checkout(t))
	return &sharedExtensions{environ: gitrepo.Environ(map[string]string{defaultExtensions: repo.Dir}), dataDir: t.TempDir()}
}

func (s *sharedExtensions) use(p *project) {
	p.opts.Environ, p.opts.DataDir = s.environ, s.dataDir
}

func (c *testCase) checkError(t *testing.T, p *project, err error) {
	t.Helper()
	e, ok := errors.AsType[*starlark.Error](err)
	if !ok {
		t.Fatalf("got %v, want an error with a place", err)
	}
	text := strings.ReplaceAll(e.Error(), p.dir, "DIR")
	message := strings.ReplaceAll(e.Message+"\n"+e.Hint, p.dir, "DIR")
	for _, want := range c.errors {
		if !want.pattern.MatchString(message) {
			t.Errorf("got:\n%s\nwant a message like %s", text, want.pattern)
		}
		if want.line > 0 && (e.File != filepath.Join(p.dir, want.file) || e.Line != want.line) {
			t.Errorf("got:\n%s\nwant it at %s:%d", text, want.file, want.line)
		}
	}
}

// differences says where got does not have what is wanted. Keys that want does not name do not matter; null wants a key not to be
// there; a map selects items of a list by their name; a string in slashes is a regular expression.
func differences(path string, got, want any) (problems []string) {
	mismatch := func() []string { return []string{fmt.Sprintf("%s: got %s, want %s", path, show(got), show(want))} }
	switch want := want.(type) {
	case map[string]any:
		if list, ok := got.([]any); ok {
			got = byName(list)
		}
		fields, ok := got.(map[string]any)
		if !ok {
			return mismatch()
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			value, there := fields[key]
			switch {
			case want[key] == nil && there:
				problems = append(problems, fmt.Sprintf("%s.%s: got %s, want none", path, key, show(value)))
			case want[key] == nil:
			case !there:
				problems = append(problems, fmt.Sprintf("%s.%s is missing; there are: %s", path, key, strings.Join(slices.Sorted(maps.Keys(fields)), ", ")))
			default:
				problems = append(problems, differences(path+"."+key, value, want[key])...)
			}
		}
		return problems
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return mismatch()
		}
		for i := range want {
			problems = append(problems, differences(fmt.Sprintf("%s[%d]", path, i), list[i], want[i])...)
		}
		return problems
	case string:
		pattern, isPattern := strings.CutPrefix(want, "/")
		pattern, closed := strings.CutSuffix(pattern, "/")
		text, isText := got.(string)
		if isPattern && closed && isText && len(want) > 2 {
			if ok, err := regexp.MatchString(pattern, text); ok || err == nil && text == want {
				return nil
			}
			return mismatch()
		}
	}
	if !reflect.DeepEqual(got, want) {
		return mismatch()
	}
	return nil
}

// byName makes a map of a list of things that have a name. A string is its own.
func byName(list []any) map[string]any {
	m := map[string]any{}
	for i, item := range list {
		key := strconv.Itoa(i)
		if text, ok := item.(string); ok {
			key = text
		}
		if fields, ok := item.(map[string]any); ok {
			for _, name := range []string{"ref", "name"} {
				if text, ok := fields[name].(string); ok {
					key = text
				}
			}
		}
		m[key] = item
	}
	return m
}

func show(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}
