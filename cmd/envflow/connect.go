package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/urfave/cli/v2"
	sdkclient "go.temporal.io/sdk/client"

	"github.com/envflow/envflow/internal/server"
	"github.com/envflow/envflow/internal/temporalclient"
)

// dialTimeout is how long a command that starts no server waits for one to answer.
const dialTimeout = 5 * time.Second

// connection is a command's way to Temporal.
type connection struct {
	sdkclient.Client
	address, namespace string
	embedded           *server.Handle // nil for a Temporal of the user's own
}

// connect returns a client of the embedded server, which it starts if need be, or of the Temporal that flags or
// ENVFLOW_TEMPORAL=env ask for. The caller closes it.
func (e *environ) connect(c *cli.Context) (conn *connection, err error) {
	defer func() { err = interruption(c.Context, err) }()
	external, err := e.external(c)
	if err != nil {
		return nil, err
	}
	if external.Wanted() {
		return e.dialExternal(c.Context, external)
	}
	h, err := e.serverHandle()
	if err != nil {
		return nil, err
	}
	record, _, err := e.ensureServer(c.Context, h)
	if err != nil {
		return nil, err
	}
	return e.dialEmbedded(c.Context, h, record)
}

// connectRunning is connect without starting the embedded server: conn is nil if that does not run.
func (e *environ) connectRunning(ctx context.Context, c *cli.Context) (conn *connection, err error) {
	defer func() { err = interruption(c.Context, err) }()
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	external, err := e.external(c)
	if err != nil {
		return nil, err
	}
	if external.Wanted() {
		return e.dialExternal(ctx, external)
	}
	h, err := e.serverHandle()
	if err != nil {
		return nil, err
	}
	record, ok, err := h.Status(ctx)
	if err != nil || !ok {
		return nil, err
	}
	return e.dialEmbedded(ctx, h, record)
}

// external returns what flags and variables say about a Temporal of the user's own.
func (e *environ) external(c *cli.Context) (temporalclient.External, error) {
	if err := e.checkTemporal(c); err != nil {
		return temporalclient.External{}, err
	}
	flags := temporalFlagsOf(c)
	return temporalclient.External{
		Address: flags.Address, Namespace: flags.Namespace, Profile: flags.Profile, APIKey: flags.APIKey,
		UseEnv: e.env("ENVFLOW_TEMPORAL") == "env",
		TLS: temporalclient.TLS{
			Set: flags.TLS.Given, Enabled: flags.TLS.Enabled,
			CAPath: flags.TLS.CAPath, CertPath: flags.TLS.CertPath, KeyPath: flags.TLS.KeyPath,
			ServerName: flags.TLS.ServerName, DisableHostVerification: flags.TLS.DisableHostVerification,
		},
	}, nil
}

func (e *environ) dialExternal(ctx context.Context, external temporalclient.External) (*connection, error) {
	client, options, err := temporalclient.DialExternal(ctx, external, envLookup{e}, e.sdkLogger())
	if err != nil {
		return nil, err
	}
	return &connection{Client: client, address: options.HostPort, namespace: options.Namespace}, nil
}

func (e *environ) dialEmbedded(ctx context.Context, h *server.Handle, record server.Record) (*connection, error) {
	client, err := temporalclient.DialEmbedded(ctx, h, e.sdkLogger())
	if err != nil {
		return nil, err
	}
	return &connection{Client: client, address: record.Address, namespace: record.Namespace, embedded: h}, nil
}

// interruption returns why ctx ended, if it did, in place of an error: what clients make of that is no news.
func interruption(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// sdkLogger takes what Temporal's SDK logs. It is about connections and retries, and of use only to whoever asks for it.
func (e *environ) sdkLogger() *slog.Logger {
	if !e.isOn("verbose") {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(e.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// envLookup reads TEMPORAL_* variables.
type envLookup struct{ e *environ }

func (l envLookup) LookupEnv(name string) (string, bool) { return l.e.LookupEnv(name) }

// Environ is asked for the variables with a prefix, TEMPORAL_GRPC_META_*, which only the process itself can list.
func (envLookup) Environ() []string { return os.Environ() }

// login returns a one-time link to a page of the embedded server's UI.
func (c *connection) login(ctx context.Context, path string) (string, error) {
	link, err := c.embedded.Login(ctx, server.LoginRequest{Path: path})
	return link.URL, err
}
