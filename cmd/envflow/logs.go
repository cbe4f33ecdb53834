package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/logstore"
)

// loggedLine is a line of `envflow logs --json`. Fields are only ever added, at the end.
type loggedLine struct {
	Time      time.Time `json:"time"`
	Resource  string    `json:"resource"`  // empty: the environment as a whole
	Source    string    `json:"source"`    // build, runtime, event or engine
	Pod       string    `json:"pod"`       // of source runtime
	Container string    `json:"container"` // of source runtime
	Level     string    `json:"level"`     // empty: as the program that wrote it says nothing
	Text      string    `json:"text"`
}

// logsCommand is `envflow logs`.
func logsCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:      "logs",
		Usage:     "print what builds and containers of an environment logged",
		Category:  groupEnvironments,
		ArgsUsage: "[RESOURCE...]",
		Description: `It reads what the worker has collected, so it also works while nothing runs.

Examples:
  envflow logs -f web
  envflow logs --since 10m --json | jq -r .text`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on printing as more comes"},
			&cli.IntFlag{Name: "tail", Value: -1, Usage: "begin with the last `N` lines; -1 means all"},
			&cli.DurationFlag{Name: "since", Usage: "leave out what is older than `TIME`"},
			&cli.BoolFlag{Name: "json", Usage: "print each line as a JSON document"},
			&choiceFlag{
				StringFlag: &cli.StringFlag{Name: "source", Usage: "print nothing but lines from `SOURCE`: build, runtime, event or engine"},
				choices:    []string{logstore.SourceBuild, logstore.SourceRuntime, logstore.SourceEvent, logstore.SourceEngine},
			},
			&choiceFlag{
				StringFlag: &cli.StringFlag{Name: "level", Usage: "print nothing but lines of `LEVEL`: warn or error"},
				choices:    []string{logstore.LevelWarn, logstore.LevelError},
			},
			fileFlag(),
			envFlag(),
		},
		BashComplete: completeResources(e),
		Action: func(c *cli.Context) error {
			env, err := e.knownEnvironment(c)
			if err != nil {
				return err
			}
			query := logstore.Query{
				Resources: c.Args().Slice(), Level: c.String("level"), Follow: c.Bool("follow"), Tail: tailOf(c.Int("tail")),
			}
			if c.IsSet("source") {
				query.Sources = []string{c.String("source")}
			}
			if c.Duration("since") < 0 {
				return usageFault("", "--since is %s, which is less than nothing", c.Duration("since"))
			}
			if c.IsSet("since") {
				query.Since = time.Now().Add(-c.Duration("since"))
			}
			if err := checkLogged(c.Context, env, query.Resources); err != nil {
				return err
			}
			return e.printLog(c, env, query)
		},
	}
}

// tailOf is --tail as logstore has it: there 0 means all, and less means none.
func tailOf(n int) int {
	switch {
	case n < 0:
		return 0
	case n == 0:
		return -1
	}
	return n
}

// printLog prints the lines of a query. Ctrl-C is how following ends.
func (e *environ) printLog(c *cli.Context, env environment.Environment, query logstore.Query) error {
	defer surviveBrokenPipes()()
	out := newStream(e.Stdout)
	err := logstore.Read(c.Context, env.Logs(), query, func(l logstore.Line) error {
		if !c.Bool("json") {
			out.put(logLine(l))
			return out.failed()
		}
		line, err := jsonLine(loggedLine{
			Time: l.Time, Resource: l.Resource, Source: l.Source, Pod: l.Pod, Container: l.Container, Level: l.Level, Text: l.Text,
		})
		if err != nil {
			return err
		}
		out.put(line)
		return out.failed()
	})
	if query.Follow && c.Context.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the log of %s: %w", env.ID, err)
	}
	return nil
}

// checkLogged returns the error for a name that neither the last status nor the log knows.
func checkLogged(ctx context.Context, env environment.Environment, names []string) error {
	if len(names) == 0 {
		return nil
	}
	known := map[string]bool{api.TiltfileName: true}
	status, err := lastStatus(ctx, env)
	if err != nil {
		return err
	}
	for _, r := range status.Resources {
		known[r.Name] = true
	}
	if !slices.ContainsFunc(names, func(name string) bool { return !known[name] }) {
		return nil
	}
	// It may have been in the Tiltfile once.
	err = logstore.Read(ctx, env.Logs(), logstore.Query{}, func(l logstore.Line) error {
		if l.Resource != "" {
			known[l.Resource] = true
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the log of %s: %w", env.ID, err)
	}
	for _, name := range names {
		if !known[name] {
			return unknownResource(name, slices.Sorted(maps.Keys(known)))
		}
	}
	return nil
}

// logPrefix is how wide the names before lines are.
const logPrefix = 12

// logLine is a line of the log as text, without what programs do to colours. One of several lines has its prefix on each.
func logLine(l logstore.Line) string {
	prefix := padLeft(cmp.Or(l.Resource, "envflow"), logPrefix) + " │ "
	var out strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(l.Text, "\r\n"), "\n") {
		out.WriteString(strings.TrimRight(prefix+printable(line), " ") + "\n")
	}
	return out.String()
}
