package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/logstore"
	"github.com/envflow/envflow/internal/version"
	"github.com/envflow/envflow/worker"
)

// tiltName is the name under which Tilt's command lines are understood: extensions, buttons and people's scripts call it.
const tiltName = "tilt"

const tiltDescription = `This is envflow. Commands that it has take Tilt's flags and do the same; what Tilt shows its own way, ` +
	`and where its server listens, is accepted and means nothing here.`

// newTiltApp is newApp for the name tilt.
func newTiltApp(e *environ) *cli.App {
	app := newApp(e, tiltCommands(e))
	app.Name, app.Usage, app.Description = tiltName, "the commands of Tilt that envflow has", tiltDescription
	app.Flags = append(app.Flags,
		&cli.BoolFlag{Name: "debug", Aliases: []string{"d"}, Usage: "like --verbose"},
		&cli.IntFlag{Name: "klog", Usage: "accepted, without effect", Hidden: true},
	)
	return app
}

// tiltCommands are those of Tilt that have a counterpart, with Tilt's flags (internal/cli of Tilt v0.33).
func tiltCommands(e *environ) []*cli.Command {
	return []*cli.Command{
		tiltUp(e),
		tiltDown(e),
		tiltTrigger(e),
		tiltWait(e),
		tiltLogs(e),
		tiltApply(e),
		lspCommand(e),
		tiltVersion(e),
	}
}

// asEnvflow runs a command line of envflow in place of the one of Tilt.
func (e *environ) asEnvflow(c *cli.Context, words ...string) error {
	if e.isOn("verbose") || e.isOn("debug") {
		words = append([]string{"--verbose"}, words...)
	}
	e.Args = words
	return execute(c.Context, e, newApp(e, commands(e)))
}

// same are the words for those flags of c that are set and that envflow calls by the same names.
func same(c *cli.Context, names ...string) (words []string) {
	for _, name := range names {
		if c.IsSet(name) {
			words = append(words, fmt.Sprintf("--%s=%v", name, c.Value(name)))
		}
	}
	return words
}

// noEffect are flags of Tilt for what envflow does not have: a server of its own on a port, and several ways to show the same. More
// are names of further ones that take values.
func noEffect(more ...string) []cli.Flag {
	const usage = "accepted, without effect"
	var flags []cli.Flag
	for _, name := range []string{"host", "web-mode", "update-mode"} {
		flags = append(flags, &cli.StringFlag{Name: name, Usage: usage, Hidden: true})
	}
	for _, name := range []string{"port", "webdev-port"} {
		flags = append(flags, &cli.IntFlag{Name: name, Usage: usage, Hidden: true})
	}
	for _, name := range more {
		flags = append(flags, &cli.StringSliceFlag{Name: name, Usage: usage, Hidden: true})
	}
	for _, name := range []string{"stream", "legacy", "hud"} {
		flags = append(flags, &cli.BoolFlag{Name: name, Usage: usage, Hidden: true})
	}
	return flags
}

func tiltUp(e *environ) *cli.Command {
	return &cli.Command{
		Name:      "up",
		Usage:     "bring an environment up, as envflow up does",
		ArgsUsage: "[RESOURCE...] [-- ARG...]",
		Flags: append(noEffect("log-level", "log-source", "log-resource"),
			fileFlag("f"),
			&cli.StringFlag{Name: "context", Usage: "bring it up in the kubeconfig's context `NAME`"},
			&cli.StringFlag{Name: "namespace", Usage: "put objects that name no namespace into `NAME`"},
		),
		Action: func(c *cli.Context) error {
			names, args, dashed := splitDash(c)
			words := append(append([]string{"up"}, same(c, "file", "context", "namespace")...), names...)
			if dashed {
				words = append(append(words, "--"), args...)
			}
			return e.asEnvflow(c, words...)
		},
	}
}

func tiltDown(e *environ) *cli.Command {
	return &cli.Command{
		Name:      "down",
		Usage:     "take an environment down, as envflow down does",
		ArgsUsage: "[-- ARG...]",
		Flags: append(noEffect(),
			fileFlag("f"),
			&cli.BoolFlag{Name: "delete-namespaces", Usage: "delete the namespaces that this environment created too"},
			&cli.BoolFlag{Name: "delete-volumes", Usage: "accepted; Compose services, whose volumes these are, are not run yet"},
			&cli.StringFlag{Name: "context", Usage: "the kubeconfig's context `NAME`, which must be the environment's"},
			&cli.StringFlag{Name: "namespace", Usage: "accepted: the environment knows its namespace", Hidden: true},
		),
		Action: func(c *cli.Context) error {
			if context := c.String("context"); context != "" {
				env, known, err := e.findEnvironment(c)
				if err != nil {
					return err
				}
				if known && env.Context != context {
					return usageFault("leave --context out", "the environment %s is in the context %s, not in %s", env.ID, env.Context, context)
				}
			}
			return e.asEnvflow(c, append([]string{"down"}, same(c, "file", "delete-namespaces")...)...)
		},
	}
}

func tiltTrigger(e *environ) *cli.Command {
	return &cli.Command{
		Name:      "trigger",
		Usage:     "update a resource now, as envflow trigger does",
		ArgsUsage: "RESOURCE",
		Flags:     noEffect(),
		Action: func(c *cli.Context) error {
			return e.asEnvflow(c, "trigger", "--", c.Args().First())
		},
	}
}

// tiltWait is kubectl's wait, over Tilt's objects. Resources are the only ones of them that there are here.
func tiltWait(e *environ) *cli.Command {
	return &cli.Command{
		Name:      "wait",
		Usage:     "wait for resources, as envflow wait does",
		ArgsUsage: "[uiresource/NAME...]",
		Description: `Examples:
  tilt wait --for=condition=Ready uiresource/web
  tilt wait --for=condition=UpToDate uiresource web cart`,
		Flags: append(noEffect(),
			&cli.StringFlag{Name: "for", Required: true, Usage: "wait for `CONDITION`: condition=Ready or condition=UpToDate"},
			&cli.DurationFlag{Name: "timeout", Value: 30 * time.Second, Usage: "give up after `TIME`; less than nothing means a week"},
			&cli.BoolFlag{Name: "all", Usage: "wait for all resources"},
		),
		Action: func(c *cli.Context) error {
			until, err := conditionOf(c.String("for"))
			if err != nil {
				return err
			}
			names, err := uiResources(c.Args().Slice())
			if err != nil {
				return err
			}
			if len(names) == 0 && !c.Bool("all") {
				return usageFault("name them, or add --all", "no resource is named")
			}
			timeout := c.Duration("timeout")
			switch {
			case timeout < 0:
				timeout = 7 * 24 * time.Hour
			case timeout < time.Second: // to look once takes as long
				timeout = time.Second
			}
			return e.asEnvflow(c, append([]string{"wait", "--for", until, "--timeout", timeout.String(), "--"}, names...)...)
		},
	}
}

// conditionOf returns what `envflow wait --for` calls a condition of Tilt's resources.
func conditionOf(condition string) (string, error) {
	switch strings.ToLower(strings.TrimSuffix(condition, "=true")) {
	case "condition=ready":
		return untilReady, nil
	case "condition=uptodate":
		return untilUpdated, nil
	}
	return "", usageFault("", "--for must be condition=Ready or condition=UpToDate, not %q", condition)
}

// uiResources returns the names in TYPE/NAME... or TYPE NAME...
func uiResources(args []string) (names []string, err error) {
	for i, arg := range args {
		kind, name, slash := strings.Cut(arg, "/")
		switch {
		case (slash || i == 0) && kind != "uiresource" && kind != "uiresources":
			return nil, usageFault("wait for uiresource/NAME", "envflow has nothing of Tilt's objects but uiresource, not %q", kind)
		case slash:
			names = append(names, name)
		case i > 0:
			names = append(names, arg)
		}
	}
	return names, nil
}

func tiltLogs(e *environ) *cli.Command {
	return &cli.Command{
		Name:      "logs",
		Usage:     "print logs, as envflow logs does",
		ArgsUsage: "[RESOURCE...]",
		Flags: append(noEffect(),
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on printing as more comes"},
			&cli.BoolFlag{Name: "json", Usage: "print each line as a JSON document"},
			&cli.IntFlag{Name: "tail", Usage: "begin with the last `N` lines"},
			&cli.DurationFlag{Name: "since", Usage: "leave out what is older than `TIME`"},
			&choiceFlag{
				StringFlag: &cli.StringFlag{Name: "level", Usage: "print nothing but lines of `LEVEL`: warn or error"},
				choices:    []string{logstore.LevelWarn, logstore.LevelError},
			},
			&choiceFlag{
				StringFlag: &cli.StringFlag{Name: "source", Value: "all", Usage: "print nothing but lines from `SOURCE`: all, build or runtime"},
				choices:    []string{"all", logstore.SourceBuild, logstore.SourceRuntime},
			},
		),
		Action: func(c *cli.Context) error {
			words := append([]string{"logs"}, same(c, "follow", "json", "tail", "since", "level")...)
			if source := c.String("source"); source != "all" {
				words = append(words, "--source", source)
			}
			return e.asEnvflow(c, append(append(words, "--"), c.Args().Slice()...)...)
		},
	}
}

func tiltApply(e *environ) *cli.Command {
	return &cli.Command{
		Name:  "apply",
		Usage: "hand objects to the Tiltfile that runs this command",
		Flags: append(noEffect(),
			&cli.StringFlag{Name: "filename", Aliases: []string{"f"}, Required: true, Usage: "read the objects from `FILE`, as YAML; - is the standard input"}),
		Action: func(c *cli.Context) error {
			return e.asEnvflow(c, append([]string{"apply"}, same(c, "filename")...)...)
		},
	}
}

// tiltVersion says which Tilt this stands for, in Tilt's words: the extension min_tilt_version and editors take them apart.
func tiltVersion(e *environ) *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version of Tilt whose language this is",
		Action: func(*cli.Context) error {
			v := version.Get()
			day, _, _ := strings.Cut(v.Date, "T")
			_, err := fmt.Fprintf(e.Stdout, "v%s, built %s, by envflow %s\n", worker.TiltVersion, day, v.Version)
			return err
		},
	}
}
