package worker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/envflow/envflow/activities/deploy"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/kube/forward"
	"github.com/envflow/envflow/internal/kube/observe"
	"github.com/envflow/envflow/internal/kube/podlog"
	"github.com/envflow/envflow/internal/kube/stream"
	"github.com/envflow/envflow/internal/logstore"
	"github.com/envflow/envflow/internal/plan"
)

// runtime supervises what an environment runs in the cluster. All of it follows from the plan, the records of what was
// applied, and what the observer sees: it can be set up again at any moment.
type runtime struct {
	host      *Host
	observer  *observe.Observer
	forwarder *forward.Forwarder
	logs      *podlog.Streamer
	streams   *stream.Pool

	targeting sync.Mutex // held while targets are read and set anew

	mu       sync.Mutex
	targets  map[string]observe.Target
	compared map[string]map[string]bool // resource -> IDs of containers that hold what is on disk; nil: none was compared yet
	waiting  map[string]bool            // resources that have files for which no container ran at the last comparison
	edits    map[string]time.Time       // resource -> last edit
}

// observe makes the runtime follow a plan. It is set up with the first plan that has something in the cluster.
func (h *Host) observe(ctx context.Context, p *plan.Plan) error {
	r, err := h.runtimeFor(p)
	if err != nil || r == nil {
		return err
	}
	r.targeting.Lock()
	defer r.targeting.Unlock()
	targets := map[string]observe.Target{}
	var forwards []forward.Forward
	for i := range p.Resources {
		resource := &p.Resources[i]
		if !resource.Enabled || resource.Kubernetes == nil {
			continue
		}
		record, ok, err := h.records.Deployment(ctx, resource.Name)
		if err != nil {
			return err
		}
		if ok {
			objects, err := deploy.Objects(record)
			if err != nil {
				return err
			}
			targets[resource.Name] = target(resource, objects)
		}
		for _, f := range resource.Kubernetes.PortForwards {
			forwards = append(forwards, forward.Forward{Resource: resource.Name, Host: f.Host, LocalPort: f.LocalPort, ContainerPort: f.ContainerPort})
		}
	}
	r.set(targets)            //nolint:contextcheck // what is supervised outlives the activity
	r.forwarder.Set(forwards) //nolint:contextcheck // as above
	return nil
}

// runtimeFor returns the runtime, nil if the plan needs none.
func (h *Host) runtimeFor(p *plan.Plan) (*runtime, error) {
	h.runtimeMu.Lock()
	defer h.runtimeMu.Unlock()
	if h.runtime != nil || !slices.ContainsFunc(p.Resources, func(r plan.Resource) bool { return r.Enabled && r.Kubernetes != nil }) {
		return h.runtime, nil
	}
	cluster, err := h.clients.clusterClient()
	if err != nil {
		return nil, err
	}
	r := &runtime{
		host: h, targets: map[string]observe.Target{},
		compared: map[string]map[string]bool{}, waiting: map[string]bool{}, edits: map[string]time.Time{},
	}
	r.observer = observe.New(cluster.Clientset(), r.onStatus)
	r.observer.CloseConnections = cluster.Redial
	r.streams = stream.NewPool(cluster.Clientset(), cluster.REST(), stream.Options{})
	r.forwarder = forward.New(cluster.Clientset(), cluster.REST(), r.pick, r.onForward)
	r.logs = podlog.New(cluster.Clientset(), func(l podlog.Line) {
		h.log.Append(logstore.Line{Time: l.Time, Resource: l.Resource, Source: logstore.SourceRuntime, Pod: l.Pod, Container: l.Container, Text: l.Text})
	})
	for _, run := range []func(context.Context){r.observer.Run, r.streams.Run, r.forwarder.Run, r.logs.Run} {
		h.background(h.runCtx, run)
	}
	h.runtime = r
	return r, nil
}

func (h *Host) currentRuntime() *runtime {
	h.runtimeMu.Lock()
	defer h.runtimeMu.Unlock()
	return h.runtime
}

// applied makes the observer look at what a resource has in the cluster now, and returns what runs of it.
func (h *Host) applied(resource string, objects []kube.Applied) *api.Runtime {
	r, p := h.currentRuntime(), h.plans.Now()
	if r == nil || p == nil || p.Resource(resource) == nil {
		return nil
	}
	t := target(p.Resource(resource), objects)
	r.targeting.Lock()
	defer r.targeting.Unlock()
	r.mu.Lock()
	r.targets[resource] = t
	r.mu.Unlock()
	r.observer.Update(t)
	report := r.report(resource)
	return &report
}

// removed forgets a resource that has nothing in the cluster any more.
func (h *Host) removed(resource string) {
	r := h.currentRuntime()
	if r == nil {
		return
	}
	r.targeting.Lock()
	defer r.targeting.Unlock()
	r.mu.Lock()
	targets := map[string]observe.Target{}
	for name, t := range r.targets {
		if name != resource {
			targets[name] = t
		}
	}
	r.mu.Unlock()
	r.set(targets)
}

// edited remembers when the files of a resource changed last: the streams of what is edited are kept first.
func (h *Host) edited(resource string) {
	if r := h.currentRuntime(); r != nil {
		r.mu.Lock()
		r.edits[resource] = time.Now()
		r.mu.Unlock()
	}
}

// reportAll tells a workflow that has just heard of this worker what runs.
func (h *Host) reportAll() {
	r := h.currentRuntime()
	if r == nil {
		return
	}
	for resource := range r.observer.Statuses() {
		h.queueReport(r.report(resource))
	}
}

// forgetCompared: a new epoch begins with comparing everything.
func (h *Host) forgetCompared() {
	if r := h.currentRuntime(); r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		clear(r.compared)
	}
}

func target(r *plan.Resource, objects []kube.Applied) observe.Target {
	t := observe.Target{
		Resource: r.Name, ExtraSelectors: r.Kubernetes.ExtraPodSelectors, Readiness: r.Kubernetes.PodReadiness,
		SelectorsOnly: r.Kubernetes.DiscoveryStrategy == "selectors-only",
	}
	for _, o := range objects {
		t.Objects = append(t.Objects, observe.Object{
			APIVersion: o.APIVersion, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, UID: o.UID, Generation: o.Generation,
		})
	}
	return t
}

func (r *runtime) set(targets map[string]observe.Target) {
	r.mu.Lock()
	r.targets = targets
	list := make([]observe.Target, 0, len(targets))
	for _, t := range targets {
		list = append(list, t)
	}
	r.mu.Unlock()
	r.observer.Set(list)
	r.follow()
}

func (r *runtime) redial() {
	r.observer.Redial()
	r.forwarder.Redial()
	r.logs.Redial()
	r.streams.Redial()
}

// onStatus is called when the status of a resource has changed.
func (r *runtime) onStatus(s observe.Status) {
	r.host.queueReport(r.report(s.Resource))
	r.follow()
	r.compareNew(s)
}

// report says how a resource is doing.
func (r *runtime) report(resource string) api.Runtime {
	s, _ := r.observer.Status(resource)
	return r.host.report(resource, s.Runtime, s.Ready, s.Reason)
}

// follow makes logs and streams follow the pods that there are now.
func (r *runtime) follow() {
	p := r.host.plans.Now()
	if p == nil {
		return
	}
	var sources []podlog.Source
	var live []liveContainer
	r.mu.Lock()
	edits := make(map[string]time.Time, len(r.edits))
	for name, at := range r.edits {
		edits[name] = at
	}
	r.mu.Unlock()
	for name, status := range r.observer.Statuses() {
		updated := liveUpdated(p, name)
		for _, pod := range status.Pods {
			for _, c := range pod.Containers {
				if c.ID == "" {
					continue
				}
				sources = append(sources, podlog.Source{
					Resource: name, Namespace: pod.Namespace, Pod: pod.Name, PodUID: pod.UID, Container: c.Name, ContainerID: c.ID,
					Since: r.logSince(pod), Init: c.Init,
				})
				if updated && pod.Current && !pod.Deleting && !c.Init && c.State == observe.StateRunning {
					live = append(live, liveContainer{edits[name], stream.Container{Namespace: pod.Namespace, Pod: pod.Name, Container: c.Name, ID: c.ID}})
				}
			}
		}
	}
	r.logs.Set(sources)
	r.forwarder.Refresh()
	slices.SortStableFunc(live, func(a, b liveContainer) int { return b.edited.Compare(a.edited) })
	keep := make([]stream.Container, 0, len(live))
	for _, l := range live {
		keep = append(keep, l.Container)
	}
	r.streams.Keep(keep)
}

type liveContainer struct {
	edited time.Time
	stream.Container
}

// logSince is from when on a pod's log is read: from where the last worker left off. What was there before the first one
// belongs to a time that nobody watched, as in Tilt.
func (r *runtime) logSince(pod observe.Pod) time.Time {
	since := r.host.me.Started
	if last := r.host.lastSeen; !last.IsZero() {
		since = last
	}
	if pod.Created.After(since) {
		return pod.Created
	}
	return since
}

// liveUpdated is true if an image of the resource has a live update.
func liveUpdated(p *plan.Plan, resource string) bool {
	r := p.Resource(resource)
	return r != nil && slices.ContainsFunc(r.Images, func(ref string) bool {
		image := p.Image(ref)
		return image != nil && len(image.LiveUpdate) > 0
	})
}

// pick returns the pod that port-forwards of a resource go to: the newest that runs and does not end, a ready one first.
func (r *runtime) pick(resource string) (namespace, pod string, ports []int32, ok bool) {
	var best *observe.Pod
	s, _ := r.observer.Status(resource)
	for _, p := range s.Pods {
		if p.Deleting || p.Phase != "Running" {
			continue
		}
		if best == nil || rankPod(p) > rankPod(*best) || rankPod(p) == rankPod(*best) && p.Created.After(best.Created) {
			best = &p
		}
	}
	if best == nil {
		return "", "", nil, false
	}
	for _, c := range best.Containers {
		ports = append(ports, c.Ports...)
	}
	return best.Namespace, best.Name, ports, true
}

func rankPod(p observe.Pod) int {
	rank := 0
	if p.Current {
		rank += 2
	}
	if p.Ready {
		rank++
	}
	return rank
}

func (r *runtime) onForward(resource string, f forward.Forward, err error) {
	if err != nil {
		r.host.log.Append(logstore.Line{Resource: resource, Source: logstore.SourceEngine, Level: logstore.LevelError, Text: "port-forward: " + err.Error()})
	}
}
