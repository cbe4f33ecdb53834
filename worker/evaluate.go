package worker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/logstore"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/state"
	"github.com/envflow/envflow/starlark"
)

// EvaluateOptions say which Tiltfile is evaluated, and what it sees of the world.
type EvaluateOptions struct {
	Path       string    // absolute path of the Tiltfile
	Resources  []string  // asked for by name; none: all
	Args       []string  // for config.parse
	Subcommand string    // config.tilt_subcommand: up, down
	KubeConfig string    // "": as kubectl finds it
	Context    string    // "": the current one
	Namespace  string    // "": as the context says
	Environ    []string  // variables, NAME=value
	Executable string    // sys.executable: this program as tilt; "": this program
	Frozen     string    // where the kubeconfig for the commands of the Tiltfile is written; "": in a temporary folder
	Output     io.Writer // print, warn and the output of local, as lines

	Cache *starlark.Cache // of earlier evaluations; nil: everything is made again
	Heads *starlark.Heads // of repositories of extensions; nil: they are asked for their newest commit
}

// Evaluation is what a Tiltfile asks for, and what finding that out took.
type Evaluation = starlark.Result

// Evaluate evaluates a Tiltfile. It asks neither a cluster nor an engine; that no cluster is configured is no error. A mistake in
// the Tiltfile is a *starlark.Error.
func Evaluate(ctx context.Context, o EvaluateOptions) (*Evaluation, error) {
	in, end, err := o.forStarlark()
	if err != nil {
		return nil, err
	}
	defer end()
	return starlark.Evaluate(ctx, in)
}

// forStarlark adds what the machine knows: the folder for extensions and the cluster. The caller calls end after the evaluation.
func (o EvaluateOptions) forStarlark() (in starlark.Options, end func(), err error) {
	in = starlark.Options{
		Path: o.Path, Args: o.Args, Resources: o.Resources, Subcommand: o.Subcommand,
		Environ: o.Environ, Executable: o.Executable, Output: o.Output, Cache: o.Cache, Heads: o.Heads,
	}
	lookup := lookupIn(o.Environ)
	if dir, err := state.DataDir(lookup); err == nil {
		in.DataDir = dir // only extensions need it, and they say when there is none
	}
	target, err := kube.Load(kube.Config{Path: o.KubeConfig, Context: o.Context, Namespace: o.Namespace, LookupEnv: lookup})
	switch {
	case err == nil:
		in.KubeContext, in.KubeNamespace, in.KubeLocal = target.Context, target.Namespace, target.IsDevCluster()
		if in.KubeConfigPath, end, err = freezeFor(target, o.Frozen); err != nil {
			return in, nil, fmt.Errorf("tell commands which cluster is meant: %w", err)
		}
	case o.Context != "":
		return in, nil, fmt.Errorf("look for the cluster: %w", err)
	default: // no cluster, or a kubeconfig that cannot be used: what needs neither goes on, as with Tilt
		end = func() {}
	}
	return in, end, nil
}

// lookupIn finds variables in environ. The last of a name counts, as for programs that are started with it.
func lookupIn(environ []string) func(name string) (string, bool) {
	values := make(map[string]string, len(environ))
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			values[name] = value
		}
	}
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}

// evaluate runs the Tiltfile of this host's environment. Its output goes to the log.
func (h *Host) evaluate(ctx context.Context, resources []string) (*plan.Plan, error) {
	_, args, err := arguments(ctx, h.records)
	if err != nil {
		return nil, err
	}
	output := &lineWriter{line: func(text string) { h.line(api.TiltfileName, logstore.SourceBuild, text) }}
	defer output.flush()
	e, err := Evaluate(ctx, EvaluateOptions{
		Path: h.o.Path, Resources: resources, Args: args, Subcommand: h.o.Subcommand,
		KubeConfig: h.o.KubeConfig, Context: h.o.Context, Namespace: h.o.Namespace, Environ: h.o.Environ, Executable: h.o.Executable, Output: output,
		Frozen: filepath.Join(h.o.Folder, kubeConfig), Cache: h.evaluated, Heads: &h.heads,
	})
	if err != nil {
		return nil, err
	}
	if h.o.Subcommand == "up" {
		h.pinExtensions(e.Plan)
	}
	return e.Plan, nil
}

// pinExtensions writes down which extensions were loaded, so that the next up, and those of others, load the same. It comes before
// the file is watched, so that writing it is no reason to evaluate again.
func (h *Host) pinExtensions(p *plan.Plan) {
	path := starlark.LockPath(h.o.Path)
	switch changed, err := starlark.WriteLock(path, p.Extensions); {
	case err != nil:
		h.line(api.TiltfileName, logstore.SourceBuild, "WARNING: the extensions are not pinned: "+err.Error())
	case changed:
		h.line(api.TiltfileName, logstore.SourceBuild, fmt.Sprintf("the extensions are pinned in %s; commit it", filepath.Base(path)))
	}
}

// lineWriter calls line for each line that is written.
type lineWriter struct {
	line func(string)
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		w.line(string(line))
		w.rest = append([]byte(nil), rest...)
	}
}

func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		w.line(string(w.rest))
		w.rest = nil
	}
}
