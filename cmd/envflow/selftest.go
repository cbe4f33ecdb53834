package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/urfave/cli/v2"
	sdkclient "go.temporal.io/sdk/client"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/worker"
)

// selftestTimeout is generous: the machine may be busy building images.
const selftestTimeout = time.Minute

// selftestResult is the answer of `envflow selftest -o json`.
type selftestResult struct {
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id"`
	Namespace  string `json:"namespace"`
	Address    string `json:"address"`      // of the Temporal frontend
	Duration   string `json:"duration"`     // from the request to the answer
	UI         string `json:"ui,omitempty"` // one-time link to the workflow; empty for a Temporal of the user's own
}

// selftestCommand is `envflow selftest`.
func selftestCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:        "selftest",
		Usage:       "run a small workflow through server, worker and activity",
		Description: "Needs no Tiltfile, Docker or Kubernetes: it proves that this machine can run envflow at all.",
		Category:    groupServer,
		Flags:       []cli.Flag{outputFlag()},
		Action: func(c *cli.Context) error {
			conn, err := e.connect(c)
			if err != nil {
				return err
			}
			defer conn.Close()
			result, err := selftest(c.Context, conn)
			if err != nil {
				return err
			}
			return e.print(c, result, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "The selftest passed in %s: workflow %s on %s, namespace %s.\n", result.Duration, result.WorkflowID, result.Address, result.Namespace)
				if err == nil && result.UI != "" {
					_, err = fmt.Fprintf(w, "See it (the link works once): %s\n", result.UI)
				}
				return err
			})
		},
	}
}

// selftest hosts a worker of its own, starts the workflow and waits for its answer.
func selftest(outer context.Context, conn *connection) (result selftestResult, err error) {
	ctx, cancel := context.WithTimeout(outer, selftestTimeout)
	defer cancel()
	defer func() { err = interruption(outer, err) }()
	nonce := newNonce()
	id := "envflow/selftest/" + nonce
	w := worker.New(conn.Client, id) // the task queue is called like the workflow
	if err := w.Start(); err != nil {
		return selftestResult{}, selftestFault(err, conn)
	}
	defer w.Stop()

	began := time.Now()
	run, err := conn.ExecuteWorkflow(ctx, sdkclient.StartWorkflowOptions{
		ID: id, TaskQueue: id, WorkflowExecutionTimeout: selftestTimeout, StaticSummary: "envflow selftest",
	}, api.SelftestWorkflow, api.SelftestIn{Nonce: nonce})
	if err != nil {
		return selftestResult{}, selftestFault(err, conn)
	}
	var out api.SelftestOut
	if err := run.Get(ctx, &out); err != nil {
		return selftestResult{}, selftestFault(err, conn)
	}
	if out.Nonce != nonce {
		return selftestResult{}, fault.New(fault.Failure, "", "the selftest got the answer to another question: %q instead of %q", out.Nonce, nonce)
	}
	result = selftestResult{
		WorkflowID: id, RunID: run.GetRunID(), Namespace: conn.namespace, Address: conn.address,
		Duration: time.Since(began).Round(time.Millisecond).String(),
	}
	if conn.embedded != nil {
		page := fmt.Sprintf("/namespaces/%s/workflows/%s/%s/history", conn.namespace, url.PathEscape(id), run.GetRunID())
		if result.UI, err = conn.login(ctx, page); err != nil {
			return selftestResult{}, err
		}
	}
	return result, nil
}

func selftestFault(err error, conn *connection) error {
	if conn.embedded == nil {
		return fault.Wrap(err, fault.Failure, "look at Temporal's own logs", "the selftest failed on Temporal at %s", conn.address)
	}
	if why := conn.embedded.Diagnose(); why != nil {
		return why
	}
	return fault.Wrap(err, fault.Failure, "see `envflow server status` and `envflow server logs`", "the selftest failed")
}

func newNonce() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails, says its documentation
	return hex.EncodeToString(b)
}
