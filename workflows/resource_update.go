package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
)

// errUnasked is returned by an update that would change something although nobody asked for it.
var errUnasked = errors.New("changed; waits to be triggered")

// update carries out what is pending and says how it went.
func (r *resource) update(ctx workflow.Context) {
	p := r.s.Pending
	r.s.Pending = api.Pending{Seq: p.Seq}
	r.s.Unasked, r.s.Await = false, false
	r.brief = !p.Anew && !p.New && !p.Asked
	r.set(ctx, api.StateInProgress, "")
	started, spec := workflow.Now(ctx), r.s.Spec.Digest
	kind, err := r.steps(ctx, p)
	ended := func() {
		if kind != "" {
			r.s.Last = &api.LastUpdate{Started: started, Seconds: workflow.Now(ctx).Sub(started).Seconds(), Kind: kind}
		}
	}
	switch what := problemOf(err); {
	case err == nil:
		ended()
		r.s.Begun, r.s.Stopped = true, false
		r.set(ctx, api.StateOK, "")
	case errors.Is(err, errDropped):
		r.postpone(ctx, p, "interrupted")
	case errors.Is(err, errUnasked):
		r.s.Unasked = true
		p.New = false // that has been seen to
		r.postpone(ctx, p, errUnasked.Error())
	case what.class == failure.Infrastructure:
		r.missing(ctx, p, what)
	case what.class == failure.Superseded:
		r.superseded(ctx, p, spec)
	default:
		ended()
		r.failed(ctx, p, kind, what)
	}
}

// steps makes the resource what its spec and the disk say. kind is "" if that changed nothing.
func (r *resource) steps(ctx workflow.Context, p api.Pending) (kind string, err error) {
	calls, name, spec := r.caller(ctx), r.s.Spec.Name, r.s.Spec
	if spec.NotRun != "" {
		return "", temporal.NewNonRetryableApplicationError(spec.NotRun, string(failure.User), nil)
	}
	if spec.Type == plan.TypeLocal {
		return r.localSteps(calls, p)
	}
	build := p.Anew
	var images []api.DeployedImage
	if len(spec.Images) > 0 && !p.Anew {
		check := r.manual() && r.s.Begun && !p.Asked && !p.New
		out, err := callSync(calls, api.SyncIn{Resource: name, Spec: spec.Digest, Seq: p.Seq, Full: p.Full, Check: check})
		if err != nil {
			return api.KindLiveUpdate, err
		}
		switch out.Outcome {
		case api.SyncUpdated:
			kind = api.KindLiveUpdate
		case api.SyncWaiting:
			r.s.Await = !check
		case api.SyncBuild:
			build = true
		}
		if check && out.Outcome != api.SyncInSync {
			return "", errUnasked
		}
		images = out.Images
	}
	if build {
		kind, r.brief = api.KindBuild, false
		if images, err = r.build(calls, p); err != nil {
			return kind, err
		}
	}
	if !spec.Objects || !build && !p.Deploy {
		return kind, nil
	}
	configured := r.s.Configured
	out, err := callApply(r.finisher(ctx), api.ApplyIn{Resource: name, Spec: spec.Digest, Images: images, Adopt: r.s.Adopt, Recreate: p.Anew})
	if err != nil {
		return api.KindBuild, err
	}
	r.s.Runtime = out.Runtime
	if r.s.Configured == configured && r.s.Spec.Digest == spec.Digest {
		r.s.Pending.Deploy = false // asked for while an earlier step ran
	}
	if out.Changed > 0 || out.Deleted > 0 {
		kind = api.KindBuild
	}
	return kind, nil
}

// build makes the images in their order, and pushes those that the cluster pulls.
func (r *resource) build(calls caller, p api.Pending) (images []api.DeployedImage, err error) {
	for _, ref := range r.s.Spec.Images {
		out, err := callBuildImage(calls, api.BuildImageIn{Resource: r.s.Spec.Name, Spec: r.s.Spec.Digest, Image: ref, Bases: images, Force: p.Anew})
		if err != nil {
			return nil, err
		}
		if out.Push {
			if err := callPushImage(calls, api.PushImageIn{Resource: r.s.Spec.Name, Image: out.Image}); err != nil {
				return nil, err
			}
		}
		images = append(images, out.Image)
	}
	return images, nil
}

// caller calls activities that are given up when the resource pauses or ends, or gets another spec: that may want something
// else, and need something else.
func (r *resource) caller(ctx workflow.Context) caller {
	spec := r.s.Spec.Digest
	return caller{ctx: ctx, epoch: r.epoch, dropped: func() bool { return r.end || r.s.Paused || r.s.Spec.Digest != spec }}
}

// finisher calls activities that must not be left half done: applying goes on while the resource pauses or ends.
func (r *resource) finisher(ctx workflow.Context) caller {
	return caller{ctx: ctx, epoch: r.epoch, dropped: func() bool { return false }}
}

func (r *resource) epoch() int64 { return r.s.Epoch }

// failed shows a problem. What was to be done is not tried again by itself, but the next update must not take it for done.
func (r *resource) failed(ctx workflow.Context, p api.Pending, kind string, what problem) {
	wished := r.s.Pending.Any() // while it ran
	r.s.Begun = true            // what comes next is an update like any other
	// A command that has failed is not run again for any other change than of its files.
	r.s.Pending = r.s.Pending.With(api.Pending{Full: true, Deploy: kind == api.KindBuild || p.Deploy && kind != api.KindCommand})
	r.set(ctx, api.StateError, what.summary)
	if wished {
		r.wish(ctx)
	}
}

// missing waits for infrastructure, and has the update tried again: by this worker, or by one that has taken its place.
func (r *resource) missing(ctx workflow.Context, p api.Pending, what problem) {
	r.s.Needs = what.needs
	r.postpone(ctx, p, what.summary)
	awaitInfrastructure(r.caller(ctx), what.needs)
	r.s.Needs = ""
	r.set(ctx, api.StatePending, "")
}

// supersededPause is how long an update waits at most for the spec that is in force already.
const supersededPause = time.Second

// superseded waits for the newer spec, which the worker knew before this workflow.
func (r *resource) superseded(ctx workflow.Context, p api.Pending, spec string) {
	r.postpone(ctx, p, "")
	_ = awaitWithin(ctx, supersededPause, "for the newer spec", func() bool { // a workflow that is cancelled sees it at its next step
		return r.s.Spec.Digest != spec || r.end || r.s.Paused || !r.configured()
	})
}

// postpone puts back what was not done.
func (r *resource) postpone(ctx workflow.Context, p api.Pending, why string) {
	r.s.Pending = r.s.Pending.With(p)
	r.set(ctx, api.StatePending, why)
}
