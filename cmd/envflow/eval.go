package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"

	"github.com/urfave/cli/v2"
	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/worker"
)

// evaluation is the answer of `envflow eval`. Fields are only ever added, at the end.
type evaluation struct {
	Resources []plan.Resource    `json:"resources"` // in the order of the Tiltfile
	Images    []plan.Image       `json:"images"`    // in the order of the Tiltfile
	Settings  plan.Settings      `json:"settings"`
	Warnings  []string           `json:"warnings"`
	Timings   map[string]float64 `json:"timings"` // seconds, by builtin and in total
	Calls     map[string]int     `json:"calls"`   // by builtin
}

// evalCommand is `envflow eval`.
func evalCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:      "eval",
		Usage:     "evaluate a Tiltfile and print what it asks for",
		Category:  groupEnvironments,
		ArgsUsage: "[-- ARG...]",
		Description: `It builds and applies nothing, needs no server and keeps no state; commands in the Tiltfile, such as those of local(), run. The answer has whole manifests in it, secrets too. ` + tiltfileArgs + `

With --diff it prints what an envflow up would change, by resource: it compares with what the environment of this folder has evaluated last, and evaluates with the names and words that its envflow up was given; words after -- take the place of those. The text leaves out values of Secrets and of variables of commands and Compose services; with -o json or yaml the answer has everything.

With --timings it prints how often each builtin was called and how long that took. A builtin that executes a file, such as include, takes the time of all that the file calls.

Examples:
  envflow eval | jq '.resources[].name'
  envflow eval --diff
  envflow eval --timings`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "diff", Usage: "print what is different from the environment that runs"},
			&cli.BoolFlag{Name: "timings", Usage: "print what takes how long"},
			&choiceFlag{
				StringFlag: &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "json", Usage: "print the answer as `FORMAT`: json or yaml; --diff and --timings print text without it"},
				choices:    []string{"json", "yaml"},
			},
			fileFlag("f"),
			envFlag(),
		},
		Action: func(c *cli.Context) error {
			if c.Bool("diff") && c.Bool("timings") {
				return usageFault("give one of them; with -o json the plan has the timings too", "--diff and --timings are different answers")
			}
			if c.Bool("diff") {
				return e.evalDiff(c)
			}
			path, err := e.tiltfile(c)
			if err != nil {
				return err
			}
			_, args, _ := splitDash(c)
			result, err := e.evaluate(c, worker.EvaluateOptions{Path: path, Args: args})
			if err != nil {
				return err
			}
			if c.Bool("timings") {
				return e.printTimings(c, result)
			}
			return e.printAnswer(c, evaluationOf(result), nil)
		},
	}
}

// tiltfile is the path of the Tiltfile that --env, --file or the current folder means. It is there.
func (e *environ) tiltfile(c *cli.Context) (string, error) {
	if c.String("env") != "" {
		env, _, err := e.findEnvironment(c)
		if err != nil {
			return "", err
		}
		return tiltfileOf(env)
	}
	dir, err := e.WorkDir()
	if err != nil {
		return "", fault.Wrap(err, fault.Failure, "go to another folder", "the current folder cannot be found")
	}
	return environment.Find(dir, c.String("file"))
}

// tiltfileOf is the path of an environment's Tiltfile, which may be gone since.
func tiltfileOf(env environment.Environment) (string, error) {
	path, err := environment.Find("", env.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fault.Wrap(err, fault.Config, fmt.Sprintf("put it back, or end the environment: envflow down --env %s", env.ID),
			"the Tiltfile of %s is gone: there is no %s", env.ID, env.Path)
	}
	return path, err
}

// evaluate evaluates a Tiltfile as `up` does. What it prints goes to stderr.
func (e *environ) evaluate(c *cli.Context, o worker.EvaluateOptions) (*worker.Evaluation, error) {
	commands, _ := e.inherited("") // where nothing can be kept there is no tilt, and all else works
	o.Subcommand, o.Environ, o.Executable, o.Output = "up", commands.Environ, commands.Executable, e.Stderr
	result, err := worker.Evaluate(c.Context, o)
	if err != nil {
		return nil, interruption(c.Context, tiltfileFault(err))
	}
	return result, nil
}

// tiltfileFault makes an error of evaluating one of the configuration. Its text says all there is to say.
func tiltfileFault(err error) error {
	if fault.KindOf(err) != fault.Failure {
		return err
	}
	if f, ok := errors.AsType[*failure.Error](err); ok && f.Class != failure.User {
		return err
	}
	return fault.New(fault.Config, "", "%s", err)
}

func evaluationOf(result *worker.Evaluation) evaluation {
	p := result.Plan
	timings, calls := timingsOf(result)
	return evaluation{
		Resources: append([]plan.Resource{}, p.Resources...), Images: append([]plan.Image{}, p.Images...),
		Settings: p.Settings, Warnings: append([]string{}, p.Warnings...), Timings: timings, Calls: calls,
	}
}

// timingsOf are the times of an evaluation in seconds, and the numbers of calls.
func timingsOf(result *worker.Evaluation) (timings map[string]float64, calls map[string]int) {
	timings, calls = map[string]float64{}, map[string]int{}
	for name, d := range result.Timings {
		timings[name] = d.Seconds()
	}
	maps.Copy(calls, result.Calls)
	return timings, calls
}

// printAnswer prints the answer as -o asks. What has a text is printed so without -o.
func (e *environ) printAnswer(c *cli.Context, answer any, text func(w *styledWriter) error) error {
	switch {
	case text != nil && !c.IsSet("output"):
		var out bytes.Buffer
		if err := text(&styledWriter{&out, e.style(e.Stdout)}); err != nil {
			return err
		}
		return e.flush(&out)
	case c.String("output") == "json":
		return e.print(c, answer, nil)
	}
	return e.print(c, nil, func(w io.Writer) error {
		data, err := json.Marshal(answer)
		if err == nil {
			data, err = yaml.JSONToYAML(data)
		}
		if err != nil {
			return fmt.Errorf("write the answer as YAML: %w", err)
		}
		_, err = w.Write(data)
		return err
	})
}
