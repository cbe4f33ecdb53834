package main

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/docker"
	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/worker"
)

// aim sets where an environment is brought up, as flags and the kubeconfig of this moment say: switching kubectl's context
// while it runs moves nothing. What is not configured at all, and is needed, is an error; what is configured but does not
// answer is the worker's to wait for.
func (e *environ) aim(c *cli.Context, env *environment.Environment, resources, args []string) error {
	env.KubeConfig, env.Context = e.absolute(e.env("KUBECONFIG")), c.String("context")
	if c.IsSet("namespace") { // else it stays where it is: to go to another one would delete what it has there
		env.Namespace = c.String("namespace")
	}
	target, clusterErr := kube.Load(kube.Config{Context: env.Context, Namespace: env.Namespace, LookupEnv: e.LookupEnv})
	switch {
	case clusterErr == nil:
		env.Context = target.Context
	case env.Context != "":
		return kubeFault(clusterErr)
	}
	_, engine := docker.Configured(docker.Options{LookupEnv: e.LookupEnv})
	if engine && clusterErr == nil {
		return nil
	}
	commands, err := e.inherited(env.ID)
	if err != nil {
		return err
	}
	// Only now is it worth the time to find out what is needed.
	wanted, evalErr := worker.Evaluate(c.Context, worker.EvaluateOptions{
		Path: env.Path, Resources: resources, Args: args, Subcommand: "up", Context: env.Context, Namespace: env.Namespace,
		Environ: commands.Environ, Executable: commands.Executable, Output: io.Discard,
	})
	if evalErr != nil {
		return nil //nolint:nilerr // the worker evaluates it again, and says what is wrong
	}
	var missing []error
	if clusterErr != nil && needsCluster(wanted.Plan) {
		missing = append(missing, kubeFault(clusterErr))
	}
	if !engine && needsEngine(wanted.Plan) {
		missing = append(missing, fault.New(fault.Missing,
			"install and start Docker (https://docs.docker.com/engine/install/), or set DOCKER_HOST or a docker context", "no docker engine is configured, and images have to be built"))
	}
	return errors.Join(missing...)
}

// absolute makes a list of files as in KUBECONFIG one that means the same everywhere.
func (e *environ) absolute(list string) string {
	dir, err := e.WorkDir()
	if list == "" || err != nil {
		return list
	}
	files := filepath.SplitList(list)
	for i, file := range files {
		if file != "" && !filepath.IsAbs(file) {
			files[i] = filepath.Join(dir, file)
		}
	}
	return strings.Join(files, string(filepath.ListSeparator))
}

func needsCluster(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Resources, func(r plan.Resource) bool { return r.Enabled && r.Kubernetes != nil })
}

func needsEngine(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Resources, func(r plan.Resource) bool { return r.Enabled && len(r.Images) > 0 })
}

// kubeFault words an error of reading the kubeconfig.
func kubeFault(err error) error {
	if errors.Is(err, kube.ErrNotConfigured) {
		return fault.Wrap(err, fault.Missing, "start one, with kind, k3d, minikube or Docker Desktop for example, or set KUBECONFIG", "%s", failure.Of(err).Summary)
	}
	return fault.Wrap(err, fault.Config, "check --context and KUBECONFIG", "%s", failure.Of(err).Summary)
}
