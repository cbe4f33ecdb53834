package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/plan/diff"
	"github.com/envflow/envflow/worker"
)

// planDifference is the answer of `envflow eval --diff`. Fields are only ever added, at the end.
type planDifference struct {
	Environment string        `json:"environment"`
	Changes     []diff.Change `json:"changes"`
}

// evalDiff is `envflow eval --diff`.
func (e *environ) evalDiff(c *cli.Context) error {
	env, err := e.knownEnvironment(c)
	if err != nil {
		return err
	}
	last, err := e.lastUp(c, env)
	if err != nil {
		return err
	}
	path, err := tiltfileOf(env)
	if err != nil {
		return err
	}
	if _, args, dashed := splitDash(c); dashed {
		last.Args = args
	}
	result, err := e.evaluate(c, worker.EvaluateOptions{
		Path: path, Resources: last.Resources, Args: last.Args,
		KubeConfig: kubeconfigOf(env), Context: env.Context, Namespace: env.Namespace,
	})
	if err != nil {
		return err
	}
	answer := planDifference{Environment: env.ID, Changes: diff.Plans(last.Plan, result.Plan)}
	return e.printAnswer(c, answer, func(w *styledWriter) error { return writeDifference(w, answer) })
}

// lastUp is what there is to compare with: an environment that is paused goes on from there.
func (e *environ) lastUp(c *cli.Context, env environment.Environment) (last worker.Last, err error) {
	_, held, err := worker.Holder(env.Folder)
	if err != nil {
		return last, fmt.Errorf("look for a worker of %s: %w", env.ID, err)
	}
	status, err := lastStatus(c.Context, env)
	if err != nil {
		return last, err
	}
	if !held && status.State == api.EnvironmentDown {
		return last, fault.New(fault.Failure, "run `envflow up`", "%s is down: there is nothing to compare with", env.ID)
	}
	if last, err = worker.ReadLast(c.Context, env.Database()); err != nil {
		return last, fmt.Errorf("read the records of %s: %w", env.ID, err)
	}
	if last.Plan == nil || status.Error != "" && len(status.Resources) == 0 { // a plan may be left from before a down
		return last, fault.New(fault.Failure, "`envflow status` says how it stands", "%s has not evaluated its Tiltfile yet: there is nothing to compare with", env.ID)
	}
	if !held {
		fmt.Fprintf(e.Stderr, "Note: %s is paused; this compares with what it had last\n", env.ID)
	}
	return last, nil
}

// writeDifference prints changes for people: a line for each, what is different below it, and a summary.
func writeDifference(w *styledWriter, d planDifference) error {
	if len(d.Changes) == 0 {
		_, err := fmt.Fprintln(w, "no changes")
		return err
	}
	count := map[string]int{}
	for _, c := range d.Changes {
		count[c.Change]++
		fmt.Fprintln(w, w.mark(c.Change, w.bold(changeTitle(c))))
		for _, part := range c.Parts {
			if err := writePart(w, part); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, "\n%s: %d to add, %d to change, %d to remove\n", d.Environment, count[diff.Added], count[diff.Changed], count[diff.Removed])
	return err
}

// changeTitle names what has changed, and its parts.
func changeTitle(c diff.Change) string {
	title := c.Name
	switch c.Kind {
	case diff.KindResource:
		title += " (" + c.Type + ")"
	case diff.KindCompose:
		title += " (Compose project)"
	}
	if len(c.Parts) == 0 {
		return title
	}
	var names []string
	for _, part := range c.Parts {
		names = append(names, partTitle(part))
	}
	title += ": " + strings.Join(names, ", ")
	if c.Kind == diff.KindResource && !c.Update {
		title += "; needs no update"
	}
	return title
}

func partTitle(p diff.Part) string {
	if p.Kind == diff.KindImage {
		return "image " + p.Name
	}
	return p.Name
}

// writePart prints what is different in a part. Of an image or object that comes or goes the name says enough.
func writePart(w *styledWriter, p diff.Part) error {
	const margin = "    "
	if p.Kind != diff.KindField && p.Change != diff.Changed {
		_, err := fmt.Fprintln(w, margin+w.mark(p.Change, partTitle(p)))
		return err
	}
	lines, err := p.Lines()
	if err != nil {
		return err
	}
	if p.Kind != diff.KindField && len(lines) > 0 {
		fmt.Fprintln(w, margin+w.mark(p.Change, partTitle(p)))
	}
	for _, line := range lines {
		fmt.Fprintln(w, margin+"  "+w.edit(printable(line)))
	}
	return nil
}

// mark puts the sign of a change before text.
func (s style) mark(change, text string) string {
	switch change {
	case diff.Added:
		return s.green("+") + " " + text
	case diff.Removed:
		return s.red("-") + " " + text
	}
	return s.yellow("~") + " " + text
}

// edit colours a line that comes or goes.
func (s style) edit(line string) string {
	switch {
	case strings.HasPrefix(line, "+"):
		return s.green(line)
	case strings.HasPrefix(line, "-"):
		return s.red(line)
	}
	return line
}
