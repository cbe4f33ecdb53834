package worker

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	sdkclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdkworker "go.temporal.io/sdk/worker"
	"k8s.io/klog/v2"

	"github.com/envflow/envflow/activities"
	"github.com/envflow/envflow/activities/liveupdate"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/logstore"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
	"github.com/envflow/envflow/internal/server"
	"github.com/envflow/envflow/internal/watch"
	"github.com/envflow/envflow/starlark"
)

// HostOptions say which environment a Host serves, and how.
type HostOptions struct {
	ID                string           // environment ID
	Project           string           //
	Path              string           // absolute path of the Tiltfile
	User              string           // user@host
	Owner             string           // user@host:path
	Folder            string           // state folder of the environment
	Client            sdkclient.Client // stays the caller's
	TemporalNamespace string           // that Client is in
	Server            *server.Handle   // nil for a Temporal of the user's own
	Version           string           // of envflow
	SetArgs           bool             // Resources and Args replace those of the last worker
	Resources         []string         // to enable; none: all
	Args              []string         // for config.parse
	KubeConfig        string           // "": as kubectl finds it
	Context           string           // "": the current one
	Namespace         string           // "": as the context says
	Adopt             bool             // take over objects of other environments
	Subcommand        string           // config.tilt_subcommand: up, down
	Environ           []string         // of this process, for local commands
	Executable        string           // sys.executable in the Tiltfile: this program as tilt; "": this program
	OrphanTimeout     time.Duration    // that local processes run on without a worker
	Log               *slog.Logger     // what the worker itself has to say
}

// HeldError says that another process is the worker of the environment.
type HeldError struct{ Holder api.Worker }

func (e *HeldError) Error() string {
	return fmt.Sprintf("process %d on %s is the worker of this environment", e.Holder.PID, e.Holder.Host)
}

// Host is the worker of one environment: it polls the environment's task queue and supervises what runs.
type Host struct {
	o         HostOptions
	me        api.Worker
	lookup    func(name string) (string, bool) // reads Environ
	namespace string                           // of Temporal
	lock      *lock
	records   *records.Store
	log       *logstore.Writer
	clients   *clients
	heads     starlark.Heads // of repositories of extensions, as this process has seen them
	plans     activities.Plans
	disk      *liveupdate.Disk
	digests   *digestCache
	evaluated *starlark.Cache // what the last evaluations of the Tiltfile made
	gate      gate
	attempts  *attempts
	outbox    *outbox
	watcher   *watch.Watcher
	runtime   *runtime // what runs in the cluster; nil until a plan has something there
	processes *processes
	reports   reports
	status    statusKeeper

	lastSeen time.Time    // when the last worker kept the status; zero: there was none
	epoch    atomic.Int64 // of the last attach; 0: not attached
	attached chan struct{}
	changed  struct {
		mu   sync.Mutex
		seq  int64
		open map[string]change // by resource: told to its workflow, and not compared yet
	}
	retrying struct {
		sync.Mutex
		why map[string]string // by resource: of the last failure, while it is tried again
	}
	watching struct {
		sync.Mutex
		files  []watch.Target // of images and local resources
		config []string       // files that the Tiltfile read
	}
	runtimeMu sync.Mutex // guards runtime
	runCtx    context.Context
	running   sync.WaitGroup
}

// NewHost takes the environment's lock, and opens its records and log. It returns a *HeldError if another process has it.
// The caller calls Run, which lets go of all that.
func NewHost(ctx context.Context, o HostOptions) (_ *Host, err error) {
	hostname, _ := os.Hostname() // only shown
	h := &Host{
		o: o, lookup: lookupIn(o.Environ), namespace: cmp.Or(o.TemporalNamespace, api.Namespace), attached: make(chan struct{}),
		evaluated: starlark.NewCache(),
		me:        api.Worker{PID: os.Getpid(), Host: hostname, Version: o.Version, Started: time.Now().UTC().Truncate(time.Millisecond)},
	}
	if h.lock, err = takeLock(ctx, o.Folder, h.me); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			h.lock.release()
		}
	}()
	if h.records, err = records.Open(ctx, filepath.Join(o.Folder, dbFile)); err != nil {
		return nil, err
	}
	if notice := h.records.Notice(); notice != "" {
		o.Log.Warn("the records were lost", "notice", notice)
	}
	if _, h.lastSeen, _, err = h.records.Snapshot(ctx); err != nil {
		return nil, err
	}
	if h.log, err = logstore.Open(filepath.Join(o.Folder, logFolder)); err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	klog.SetSlogLogger(o.Log) // client-go would write to standard error
	h.clients = &clients{kube: kube.Config{Path: o.KubeConfig, Context: o.Context, Namespace: o.Namespace, LookupEnv: h.lookup}, lookup: h.lookup}
	if h.digests, err = loadDigests(ctx, h.records); err != nil {
		return nil, err
	}
	h.disk = liveupdate.NewDisk(h.digests)
	h.status.kick, h.status.down = make(chan struct{}, 1), make(chan struct{})
	return h, nil
}

// Run serves the environment until ctx ends or the environment is down.
func (h *Host) Run(ctx context.Context) error {
	defer h.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h.runCtx = ctx
	h.outbox = newOutbox(ctx, h.o.Client, h.dirty)
	if err := h.startWatcher(ctx); err != nil {
		return err
	}
	h.attempts = &attempts{subject: subject, began: func(in any) { h.retries(resourceOf(in), nil) }, failed: h.failed, done: h.succeeded, work: map[attemptKey]*work{}}
	w := newWorker(h.o.Client, h.workflowID(), workerOptions(h.attempts, &unsent{host: h}))
	h.processes = newProcesses(h)
	h.register(w)
	if err := w.Start(); err != nil {
		return fmt.Errorf("start the worker: %w", err)
	}
	defer func() {
		h.attempts.stop()
		w.Stop()
		h.processes.stopAll(ctx)
	}()
	h.background(ctx, h.processes.Run)
	h.background(ctx, h.keepServer)
	h.background(ctx, h.keepStatus)
	h.background(ctx, h.noticeWake)
	h.background(ctx, h.keepDigests)
	h.background(ctx, h.keepContainers)
	if h.o.SetArgs {
		if err := h.keepArguments(ctx); err != nil {
			return err
		}
	}
	if err := h.attach(ctx, h.o.SetArgs); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	close(h.attached)
	err := h.follow(ctx)
	if err == nil && ctx.Err() == nil {
		h.refreshStatus(ctx)
		_ = os.Remove(filepath.Join(h.o.Folder, kubeConfig)) // it is down, and nobody needs the credentials; if it stays, the next one writes it anew
	}
	cancel()
	return err
}

func workerOptions(interceptors ...interceptor.WorkerInterceptor) sdkworker.Options {
	return sdkworker.Options{
		Interceptors:                     interceptors,
		StickyScheduleToStartTimeout:     2 * time.Second,
		MaxHeartbeatThrottleInterval:     500 * time.Millisecond,
		DefaultHeartbeatThrottleInterval: 500 * time.Millisecond,
		WorkerStopTimeout:                stopTimeout,
		MaxConcurrentActivityTaskPollers: 4,
		MaxConcurrentWorkflowTaskPollers: 4,
	}
}

// background runs a supervisor until Run ends.
func (h *Host) background(ctx context.Context, run func(context.Context)) {
	h.running.Go(func() { run(ctx) })
}

// close lets go of everything.
func (h *Host) close() {
	h.running.Wait()
	if h.outbox != nil {
		h.outbox.wg.Wait()
	}
	h.clients.close()
	if err := h.log.Close(); err != nil {
		h.o.Log.Warn("close the log", "error", err)
	}
	if err := h.records.Close(); err != nil {
		h.o.Log.Warn("close the records", "error", err)
	}
	h.lock.release()
}

// Attached is closed once the workflow has accepted this worker.
func (h *Host) Attached() <-chan struct{} { return h.attached }

// Pause asks the workflow to pause.
func (h *Host) Pause(ctx context.Context) error {
	return h.update(ctx, api.PauseUpdate, api.PauseIn{Epoch: h.epoch.Load()}, nil)
}

// Down takes the environment down.
func (h *Host) Down(ctx context.Context, in api.DownIn) (out api.DownOut, err error) {
	return out, h.update(ctx, api.DownUpdate, in, &out)
}

func (h *Host) update(ctx context.Context, name string, in, out any) error {
	handle, err := h.o.Client.UpdateWorkflow(ctx, sdkclient.UpdateWorkflowOptions{
		WorkflowID: h.workflowID(), UpdateName: name, Args: []any{in}, WaitForStage: sdkclient.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return err
	}
	return handle.Get(ctx, out)
}

// use puts a plan into force: from now on its files are watched and its pods observed.
func (h *Host) use(ctx context.Context, p *plan.Plan) error {
	if err := h.disk.Use(p); err != nil {
		return err
	}
	h.plans.Use(p)
	h.gate.setLimit(p.Settings.MaxParallelUpdates)
	h.watchFiles(p)
	if err := h.processes.activities.Retire(ctx, p); err != nil {
		return err
	}
	h.processes.set(p)
	return h.observe(ctx, p)
}

// keep puts the plan into force that resources go by: the Tiltfile has an error.
func (h *Host) keep(ctx context.Context, digest string) error {
	if now := h.plans.Now(); digest == "" || now != nil && plan.Digest(now) == digest {
		return nil
	}
	data, ok, err := h.records.Plan(ctx, digest)
	if err != nil || !ok {
		return err
	}
	var p plan.Plan
	if err := json.Unmarshal(data, &p); err != nil {
		return fmt.Errorf("read the last plan: %w", err)
	}
	return h.use(ctx, &p)
}

// Say puts a line into the log, of the environment as a whole.
func (h *Host) Say(text string) { h.line("", logstore.SourceEngine, text) }

// line takes a line about a resource.
func (h *Host) line(resource, source, text string) {
	h.log.Append(logstore.Line{Time: time.Now(), Resource: resource, Source: source, Text: text})
}
