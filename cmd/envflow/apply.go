package main

import (
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/plan"
)

// applyCommand is what extensions run as `tilt apply` while a Tiltfile is evaluated, by way of sys.executable: it hands objects of
// v1alpha1 to that evaluation.
func applyCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:   "apply",
		Usage:  "hand objects to the Tiltfile that runs this command",
		Hidden: true,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "filename", Aliases: []string{"f"}, Value: "-", Usage: "read the objects from `FILE`, as YAML; - is the standard input"},
		},
		Action: func(c *cli.Context) error {
			to := e.env(plan.ApplyVariable)
			if to == "" {
				return fault.New(fault.Failure, "register objects in the Tiltfile, with v1alpha1", "apply works only in commands that a Tiltfile runs with local()")
			}
			data, err := e.readInput(c.String("filename"))
			if err != nil {
				return fault.Wrap(err, fault.Failure, "", "%s cannot be read", c.String("filename"))
			}
			return appendFile(to, data)
		},
	}
}

// readInput reads a file, or the standard input for "-".
func (e *environ) readInput(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(e.Stdin)
	}
	return os.ReadFile(name)
}

// appendFile adds YAML documents to a file that is there.
func appendFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fault.Wrap(err, fault.Failure, "", "the Tiltfile that ran this command has ended")
	}
	_, err = f.Write(append([]byte("\n---\n"), data...))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fault.Wrap(err, fault.Failure, "", "the objects cannot be handed over")
	}
	return nil
}
