package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/dev"
	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/server"
	"github.com/envflow/envflow/internal/state"
	"github.com/envflow/envflow/internal/version"
)

// serverCommand is `envflow server`.
func serverCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:     "server",
		Usage:    "control the background server: Temporal and its UI",
		Category: groupServer,
		Description: "One server per user runs in the background. Every command that needs it starts it; " +
			"it ends by itself an hour after its last use. What it knows is on disk and outlives it.",
		Subcommands: []*cli.Command{
			serverStartCommand(e),
			serverStopCommand(e),
			serverStatusCommand(e),
			serverUICommand(e),
			serverLogsCommand(e),
			serverRunCommand(e),
		},
	}
}

// serverHandle returns the handle on this user's server.
func (e *environ) serverHandle(startArgs ...string) (*server.Handle, error) {
	dir, err := state.Dir(e.LookupEnv)
	if err != nil {
		return nil, err
	}
	return server.New(dir, server.Options{StartArgs: startArgs}), nil
}

// ensureServer starts the server if none runs, and says what a person should know about it.
func (e *environ) ensureServer(ctx context.Context, h *server.Handle) (server.Record, bool, error) {
	record, started, err := h.Ensure(ctx)
	if err != nil {
		return record, started, err
	}
	if started && record.Notice != "" {
		fmt.Fprintf(e.Stderr, "Note: %s\n", record.Notice)
	}
	if record.Version != version.Version {
		fmt.Fprintf(e.Stderr, "Note: the server is of envflow %s, this is %s; `envflow server stop` lets the next command start its own\n", record.Version, version.Version)
	}
	return record, started, nil
}

func serverStartCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:  "start",
		Usage: "start the server if it does not run",
		Flags: []cli.Flag{outputFlag(), idleTimeoutFlag()},
		Action: func(c *cli.Context) error {
			if c.Duration("idle-timeout") < 0 {
				return usageFault("0 means never", "--idle-timeout is %s, which is less than nothing", c.Duration("idle-timeout"))
			}
			h, err := e.serverHandle("--idle-timeout", c.Duration("idle-timeout").String())
			if err != nil {
				return err
			}
			record, started, err := e.ensureServer(c.Context, h)
			if err != nil {
				return err
			}
			if !started && c.IsSet("idle-timeout") {
				fmt.Fprintln(e.Stderr, "Note: the server runs already and keeps its own --idle-timeout; `envflow server stop` first")
			}
			return e.print(c, statusOf(record), func(w io.Writer) error {
				what := "The server runs already"
				if started {
					what = "The server is started"
				}
				_, err := fmt.Fprintf(w, "%s (process %d).\n", what, record.PID)
				return writeStatus(w, record, err)
			})
		},
	}
}

func serverStopCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:  "stop",
		Usage: "stop the server; nothing is lost",
		Action: func(c *cli.Context) error {
			h, err := e.serverHandle()
			if err != nil {
				return err
			}
			wasRunning, err := h.Stop(c.Context)
			if err != nil {
				return err
			}
			said := "The server did not run."
			if wasRunning {
				said = "The server is stopped."
			}
			_, err = fmt.Fprintln(e.Stdout, said)
			return err
		},
	}
}

func serverStatusCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:        "status",
		Usage:       "say whether the server runs, and where",
		Description: "Exits with 0 if the server runs, else with 3.",
		Flags:       []cli.Flag{outputFlag()},
		Action: func(c *cli.Context) error {
			h, err := e.serverHandle()
			if err != nil {
				return err
			}
			record, ok, err := h.Status(c.Context)
			if err != nil {
				return err
			}
			err = e.print(c, statusOf(record), func(w io.Writer) error {
				if !ok {
					return nil // the error says it
				}
				_, err := fmt.Fprintf(w, "The server runs (process %d, envflow %s).\n", record.PID, record.Version)
				return writeStatus(w, record, err)
			})
			if err != nil || ok {
				return err
			}
			return fault.New(fault.Missing, "run `envflow server start`; other commands start it by themselves", "the server does not run")
		},
	}
}

func serverUICommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:        "ui",
		Usage:       "print a link to the Temporal UI",
		Description: "The link lets whoever opens it first in, once, within 10 minutes.",
		Flags: []cli.Flag{
			outputFlag(),
			&cli.BoolFlag{Name: "write", Usage: "let the page change workflows: terminate, cancel, signal, reset"},
		},
		Action: func(c *cli.Context) error {
			h, err := e.serverHandle()
			if err != nil {
				return err
			}
			if _, _, err := e.ensureServer(c.Context, h); err != nil {
				return err
			}
			link, err := h.Login(c.Context, server.LoginRequest{Path: "/", Write: c.Bool("write")})
			if err != nil {
				return err
			}
			return e.print(c, link, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, link.URL)
				return err
			})
		},
	}
}

// serverRunCommand is the server itself. `envflow server start` runs it in the background and reads its report.
func serverRunCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:   "run",
		Usage:  "be the server, in the foreground",
		Hidden: true,
		Flags:  []cli.Flag{idleTimeoutFlag()},
		Action: func(c *cli.Context) error {
			dir, err := state.Dir(e.LookupEnv)
			if err != nil {
				return err
			}
			// Whoever started us may be gone when we report.
			signal.Ignore(syscall.SIGPIPE)
			reported := false
			err = dev.Run(c.Context, dev.Options{
				StateDir:    dir,
				Lookup:      e.LookupEnv,
				IdleTimeout: c.Duration("idle-timeout"),
				Logger:      slog.New(slog.NewTextHandler(e.Stderr, nil)),
				Ready: func(r server.Record) {
					reported = true
					e.reportStart(server.Report{Record: &r})
				},
			})
			if err != nil && !reported {
				e.reportStart(server.ReportOf(err))
			}
			return err
		},
	}
}

// reportStart prints the one line that the starter waits for and lets go of its pipe.
func (e *environ) reportStart(r server.Report) {
	// Nobody is left to hear of an error.
	_ = json.NewEncoder(e.Stdout).Encode(r)
	if out, ok := e.Stdout.(*os.File); ok {
		_ = out.Close()
	}
}

func idleTimeoutFlag() cli.Flag {
	return &cli.DurationFlag{Name: "idle-timeout", Value: time.Hour, Usage: "end the server after `TIME` without use; 0 means never"}
}

// serverStatus is the answer of `envflow server status -o json`. When no server runs, pid is 0 and the rest empty.
type serverStatus struct {
	PID       int    `json:"pid"`
	Address   string `json:"address"`
	UI        string `json:"ui"`
	Dashboard string `json:"dashboard"`
	Database  string `json:"database"`
	Version   string `json:"version"`
}

func statusOf(r server.Record) serverStatus {
	return serverStatus{PID: r.PID, Address: r.Address, UI: r.UI, Dashboard: r.Dashboard, Database: r.Database, Version: r.Version}
}

// writeStatus goes on after the first line, unless writing that failed with err.
func writeStatus(w io.Writer, r server.Record, err error) error {
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "  Temporal  %s, namespace %s\n  UI        %s, to log in: envflow server ui\n  Database  %s\n", r.Address, r.Namespace, r.UI, r.Database)
	return err
}
