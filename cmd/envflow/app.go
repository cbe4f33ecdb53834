package main

import (
	"github.com/urfave/cli/v2"
)

const appDescription = `envflow brings up a whole microservice environment from a Tiltfile, keeps it in step with the ` +
	`files on disk, and lets you run any one service on your laptop as if it were in the cluster. Every step is a durable ` +
	`Temporal workflow: kill it, close the laptop, come back, and it goes on from where it stood.`

// The groups of the root's help, in the order in which commands uses them.
const (
	groupEnvironments = "Environments"
	groupServer       = "Server"
	groupOther        = "Other"
)

// commands returns the command tree. Help shows groups and commands in this order.
func commands(e *environ) []*cli.Command {
	return []*cli.Command{
		upCommand(e),
		downCommand(e),
		pauseCommand(e),
		lsCommand(e),
		statusCommand(e),
		waitCommand(e),
		triggerCommand(e),
		logsCommand(e),
		evalCommand(e),
		lintCommand(e),
		serverCommand(e),
		selftestCommand(e),
		lspCommand(e),
		completionCommand(e),
		helpCommand(e),
		versionCommand(e),
		completeCommand(e),
		applyCommand(e),
	}
}

// newApp returns the app over a command tree, ready for one run.
func newApp(e *environ, tree []*cli.Command) *cli.App {
	app := &cli.App{
		Name:        "envflow",
		Usage:       "a whole microservice environment from a Tiltfile, durable",
		Description: appDescription,
		Flags:       append(globalFlags(), temporalFlagSet()...),
		Commands:    tree,
		Reader:      e.Stdin,
		Writer:      e.Stdout,
		ErrWriter:   e.Stderr,

		// Values with commas are common: build args, label selectors.
		DisableSliceFlagSeparator: true,

		// All of this is ours: urfave/cli would print to stdout, exit the process, and take "help" for a command
		// wherever a first argument can stand.
		HideHelp:       true,
		HideVersion:    true,
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   onUsageError,
	}
	e.flagEnv = detachEnv(app.Flags, tree)
	tame(tree)
	return app
}

// globalFlags are accepted by every command, anywhere on the line before --.
func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "say more, and print the causes of an error"},
		&cli.BoolFlag{Name: "no-color", Usage: "print without colour, like NO_COLOR=1"},
	}
}

// tame takes urfave/cli's own help out of every command.
func tame(tree []*cli.Command) {
	for _, cmd := range tree {
		cmd.HideHelp = true
		cmd.OnUsageError = onUsageError
		tame(cmd.Subcommands)
	}
}

// onUsageError words a mistake that urfave/cli finds. parseLine finds them all before, so this is for safety.
func onUsageError(c *cli.Context, err error, _ bool) error {
	return usageFault("", "%q: %s", c.Command.HelpName, err)
}
