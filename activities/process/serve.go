package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/envflow/envflow/activities"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/ports"
	"github.com/envflow/envflow/internal/supervise"
)

// Serve sees to it that the server of a local resource runs, in the version that belongs to the last run of its command. One that
// runs already stays, whichever worker has started it.
func (a *Activities) Serve(ctx context.Context, in api.ServeIn) (out api.ServeOut, err error) {
	p, r, err := a.Plans.Resource(in.Resource, in.Spec)
	if err != nil {
		return out, err
	}
	record, _, err := a.Records.Command(ctx, r.Name)
	if err != nil {
		return out, err
	}
	l, dir := r.Local, Dir(a.Folder, r.Name, KindServer)
	digest := plan.Digest([]any{l.Serve, l.Restart, l.StopSignal, l.StopGrace, p.Settings.Env, p.Settings.Unset, record.Runs})
	if state, err := supervise.Read(dir); err == nil && (state.Digest == digest || in.Missing) && runs(state) {
		out.Runtime = a.Observe(r.Name)
		return out, nil
	}
	if err := supervise.Stop(ctx, dir); err != nil {
		return out, err
	}
	a.Log(r.Name, activities.SourceBuild, "Running serve_cmd: "+plan.CommandLine(l.Serve.Argv))
	a.warnOfPort(ctx, r)
	spec := supervise.Spec{
		Dir: dir, Argv: l.Serve.Argv, Digest: digest, Signal: signals[l.StopSignal], Grace: seconds(l.StopGrace), Restart: l.Restart,
	}
	if err := a.start(ctx, r.Name, spec, p, l.Serve); err != nil {
		if errors.Is(err, supervise.ErrCommand) {
			err = failure.UserError(err, "the server cannot be started")
		}
		return out, err
	}
	out.Started, out.Runtime = true, a.Observe(r.Name)
	return out, nil
}

// runs is true if a server runs, or will again without anybody's help.
func runs(s supervise.State) bool {
	return s.Alive() && (s.Phase == supervise.PhaseRunning || s.Phase == supervise.PhaseWaiting)
}

// start starts a command under a shim.
func (a *Activities) start(ctx context.Context, resource string, spec supervise.Spec, p *plan.Plan, c *plan.Command) error {
	if info, err := os.Stat(c.Dir); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return failure.UserError(fmt.Errorf("there is no folder %s to run the command in", c.Dir), "the folder of the command does not exist")
	}
	agent, err := a.Agent()
	if err != nil {
		return failure.UserError(err, "envflow-agent is missing")
	}
	if err := putName(spec.Dir, resource); err != nil {
		return err
	}
	spec.Holder, spec.Orphan = a.Holder, a.Orphan
	_, err = supervise.Start(ctx, agent, spec, Environment(a.Environ(), p, c), c.Dir)
	return err
}

// warnOfPort tells of somebody else who listens where the server is about to: its probe would take that one for it.
func (a *Activities) warnOfPort(ctx context.Context, r *plan.Resource) {
	port := ProbePort(r.Local.Readiness)
	if port == 0 {
		return
	}
	if who, taken := ports.Listener(ctx, port); taken {
		a.Log(r.Name, activities.SourceBuild, "WARNING: "+TakenText(port, who.String()))
	}
}

// TakenText says who has a port.
func TakenText(port int, who string) string { return fmt.Sprintf("port %d is taken by %s", port, who) }

// ProbePort is the port of this machine that a probe looks at, 0 if there is none.
func ProbePort(p *plan.Probe) int {
	host, port := "", 0
	switch {
	case p == nil:
	case p.HTTPGet != nil:
		host, port = p.HTTPGet.Host, p.HTTPGet.Port
	case p.TCPSocket != nil:
		host, port = p.TCPSocket.Host, p.TCPSocket.Port
	}
	switch host {
	case "", "localhost", "127.0.0.1", "::1", "0.0.0.0":
		return port
	}
	return 0
}
