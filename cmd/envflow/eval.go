package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

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
}

// evalCommand is `envflow eval`.
func evalCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:      "eval",
		Usage:     "evaluate a Tiltfile and print what it asks for",
		Category:  groupEnvironments,
		ArgsUsage: "[-- ARG...]",
		Description: "It builds and applies nothing, needs no server and keeps no state; commands in the Tiltfile run. " +
			"The answer has whole manifests in it, secrets too. " + tiltfileArgs,
		Flags: []cli.Flag{
			fileFlag("f"),
			&choiceFlag{
				StringFlag: &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "json", Usage: "print the answer as `FORMAT`: json or yaml"},
				choices:    []string{"json", "yaml"},
			},
		},
		Action: func(c *cli.Context) error {
			dir, err := e.WorkDir()
			if err != nil {
				return fault.Wrap(err, fault.Failure, "go to another folder", "the current folder cannot be found")
			}
			path, err := environment.Find(dir, c.String("file"))
			if err != nil {
				return err
			}
			_, args, _ := splitDash(c)
			commands, _ := e.inherited("") // where nothing can be kept there is no tilt, and all else works
			p, timings, err := worker.Evaluate(c.Context, worker.EvaluateOptions{
				Path: path, Args: args, Subcommand: "up", Environ: commands.Environ, Executable: commands.Executable, Output: e.Stderr,
			})
			if err != nil {
				return interruption(c.Context, tiltfileFault(err))
			}
			return e.printEvaluation(c, evaluationOf(p, timings))
		},
	}
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

func evaluationOf(p *plan.Plan, timings map[string]time.Duration) evaluation {
	out := evaluation{
		Resources: append([]plan.Resource{}, p.Resources...), Images: append([]plan.Image{}, p.Images...),
		Settings: p.Settings, Warnings: append([]string{}, p.Warnings...), Timings: map[string]float64{},
	}
	for name, d := range timings {
		out.Timings[name] = d.Seconds()
	}
	return out
}

// printEvaluation prints the answer as -o asks.
func (e *environ) printEvaluation(c *cli.Context, answer evaluation) error {
	if c.String("output") == "json" {
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
