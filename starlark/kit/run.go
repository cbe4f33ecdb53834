package kit

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	gostarlark "go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/envflow/envflow/internal/plan"
)

// Options say what to evaluate, and for whom.
type Options struct {
	Path           string    // absolute path of the Tiltfile
	Resources      []string  // names given to the command; Tilt knows them as the first of Args
	Args           []string  // what else was given to the command, after "--"
	Subcommand     string    // config.tilt_subcommand: up, ci, down
	KubeContext    string    // "" where there is none
	KubeNamespace  string    // that of the context; "" where there is none
	KubeLocal      bool      // the cluster is one for development, which needs no allow_k8s_contexts
	KubeConfigPath string    // commands see it as KUBECONFIG unless the Tiltfile sets that; "" leaves the variable alone
	Environ        []string  // as os.Environ gives it; os.putenv changes a copy
	Executable     string    // sys.executable, which extensions run as tilt; "": this program
	Output         io.Writer // print, warn and the output of local(), as lines; nil drops them
	Cache          *Cache    // kept from one evaluation to the next; nil: everything is made again
	DataDir        string    // where envflow keeps what it fetches, such as extensions; "": nothing can be fetched
	Heads          *Heads    // of repositories of extensions; nil: they are asked for their newest commit in each evaluation
	Within         []string  // Tiltfiles this one belongs to as a registered extension, the main one first; nil for the main one
}

// Run is one evaluation of a Tiltfile. It belongs to one goroutine.
type Run struct {
	Options
	Ctx     context.Context // of the one call of Evaluate; Starlark's calls carry none
	Plan    *plan.Plan
	Environ *Environ // what os.environ shows; local() starts from it

	// Guard refuses an action on a cluster that may be a production one. The k8s family sets it.
	Guard func(action string) error
	// FindExtension returns the Tiltfile of an extension, by the name in load('ext://...'). The extensions family sets it.
	FindExtension func(name string) (path string, err error)
	// ExtensionOf returns the name of the extension that a file belongs to, "" if it is of none. The extensions family sets it.
	ExtensionOf func(path string) string

	output   io.Writer
	limits   limits
	printed  int                         // bytes
	members  map[string]gostarlark.Value // by dotted name
	files    fileSet
	loaded   map[string]*module
	sources  map[string]string // text of the Starlark files, for messages
	origins  map[string]Trace  // by resource name, claimed: the call that defined it
	timings  map[string]time.Duration
	calls    map[string]int
	warnings []Warning
	assemble []func() error
	finish   []func() error
	texts    []string // documentation, see Document
	asked    *asked
}

// NewRun prepares an evaluation.
func NewRun(ctx context.Context, o Options) *Run {
	r := &Run{
		Options: o,
		Ctx:     ctx,
		Plan:    &plan.Plan{Resources: []plan.Resource{}, Images: []plan.Image{}, Warnings: []string{}}, // lists in JSON, not null
		Environ: newEnviron(o.Environ),
		output:  &lockedWriter{w: o.Output},
		limits:  usualLimits,
		members: map[string]gostarlark.Value{},
		loaded:  map[string]*module{},
		sources: map[string]string{},
		origins: map[string]Trace{},
		timings: map[string]time.Duration{},
		calls:   map[string]int{},
	}
	r.FindExtension = func(string) (string, error) { return "", errors.New("extensions cannot be loaded here") }
	r.ExtensionOf = func(string) string { return "" }
	if o.Output == nil {
		r.output = io.Discard
	}
	o.Cache.begin()
	return r
}

// Output takes lines for the user. Several goroutines may write to it.
func (r *Run) Output() io.Writer { return r.output }

// Dir is the folder of the Tiltfile.
func (r *Run) Dir() string { return filepath.Dir(r.Path) }

// MainDir is the folder of the main Tiltfile, also for that of a registered extension.
func (r *Run) MainDir() string {
	if len(r.Within) > 0 {
		return filepath.Dir(r.Within[0])
	}
	return r.Dir()
}

// Arguments are all that the command was given: resources first, as Tilt has them in one list.
func (r *Run) Arguments() []string {
	return append(append([]string{}, r.Resources...), r.Args...)
}

// Builtin registers a function under its dotted name, such as "os.path.join".
func (r *Run) Builtin(name string, fn func(*Call) (gostarlark.Value, error)) {
	r.Value(name, gostarlark.NewBuiltin(name, r.wrap(name, fn)))
}

// Value registers a value under its dotted name, such as "os.name".
func (r *Run) Value(name string, v gostarlark.Value) {
	if _, ok := r.members[name]; ok {
		panic("starlark: two families define " + name)
	}
	r.members[name] = v
}

// OnAssemble adds a step that runs when all files were executed: it adds resources and images to the plan. Steps run in the
// order of the families.
func (r *Run) OnAssemble(step func() error) { r.assemble = append(r.assemble, step) }

// OnFinish adds a step that runs when all resources and images are in the plan.
func (r *Run) OnFinish(step func() error) { r.finish = append(r.finish, step) }

// Assemble runs the steps of OnAssemble, then those of OnFinish.
func (r *Run) Assemble() error {
	for _, steps := range [][]func() error{r.assemble, r.finish} {
		for _, step := range steps {
			if err := step(); err != nil {
				return err
			}
			if err := r.Ctx.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// AddResource adds a resource, whose name is claimed, to the plan.
func (r *Run) AddResource(res plan.Resource) { r.Plan.Resources = append(r.Plan.Resources, res) }

// ApplyObject puts an object of v1alpha1 into the plan, in the place of one of its kind and name if there is one.
func (r *Run) ApplyObject(o plan.APIObject) {
	same := func(other plan.APIObject) bool { return other.Kind == o.Kind && other.Name == o.Name }
	if i := slices.IndexFunc(r.Plan.Objects, same); i >= 0 {
		r.Plan.Objects[i] = o
		return
	}
	r.Plan.Objects = append(r.Plan.Objects, o)
}

// Origin is the call that defined a resource, empty if there is none.
func (r *Run) Origin(resource string) Trace { return r.origins[resource] }

// Display shortens a path for people: below the folder of the main Tiltfile it is relative to it.
func (r *Run) Display(path string) string {
	if rel, err := filepath.Rel(r.MainDir(), path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// Timings returns the time spent in each builtin. A builtin that runs others, such as include, contains their time.
func (r *Run) Timings() map[string]time.Duration { return r.timings }

// Calls returns how often each builtin was called.
func (r *Run) Calls() map[string]int { return r.calls }

// predeclared returns the global names of the file path.
func (r *Run) predeclared(path string) gostarlark.StringDict {
	name := filepath.Base(path)
	if path == r.Path {
		name = "__main__"
	}
	globals := tree(r.members)
	globals["__file__"] = gostarlark.String(path)
	globals["__name__"] = gostarlark.String(name)
	return globals
}

// tree turns dotted names into modules.
func tree(members map[string]gostarlark.Value) gostarlark.StringDict {
	globals := gostarlark.StringDict{}
	for name, v := range members {
		parts := strings.Split(name, ".")
		within := globals
		for _, part := range parts[:len(parts)-1] {
			m, ok := within[part].(*starlarkstruct.Module)
			if !ok {
				m = &starlarkstruct.Module{Name: part, Members: gostarlark.StringDict{}}
				within[part] = m
			}
			within = m.Members
		}
		within[parts[len(parts)-1]] = v
	}
	return globals
}

// IsDir reports whether path is a folder now.
func IsDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// lockedWriter lets the copies of a command's stdout and stderr share the output.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
