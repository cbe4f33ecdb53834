package tiltfile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/envflow/envflow/activities"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
	"github.com/envflow/envflow/starlark"
)

// Records keep plans.
type Records interface {
	PutPlan(ctx context.Context, digest string, data []byte) error
	Deployments(ctx context.Context) (map[string]records.Deployment, error)
}

// Activities are those of the Tiltfile.
type Activities struct {
	// Run evaluates the Tiltfile. Its error is the evaluator's.
	Run     func(ctx context.Context, resources []string) (*plan.Plan, error)
	Records Records
	// Use puts a plan into force: watches, forwards, and all that follows from it.
	Use func(ctx context.Context, p *plan.Plan) error
	// Watch makes a change of these files a reason to evaluate again. It is called whether or not there is a plan.
	Watch func(files []string)
	// Keep puts the plan with this digest into force, if it is not.
	Keep func(ctx context.Context, digest string) error
	Log  activities.Log
}

// Evaluate runs the Tiltfile and puts the plan into force. Workflows get digests and names only.
func (a *Activities) Evaluate(ctx context.Context, in api.EvaluateIn) (api.EvaluateOut, error) {
	p, err := a.run(ctx, in)
	if err != nil {
		return api.EvaluateOut{}, err
	}
	out := api.EvaluateOut{Plan: plan.Digest(p), Specs: make([]api.Spec, 0, len(p.Resources)), Warnings: len(p.Warnings), NotRun: alsoNotRun(p)}
	data, err := json.Marshal(p)
	if err != nil {
		return api.EvaluateOut{}, fmt.Errorf("record the plan: %w", err)
	}
	if err := a.Records.PutPlan(ctx, out.Plan, data); err != nil {
		return api.EvaluateOut{}, err
	}
	for _, warning := range p.Warnings {
		a.Log(api.TiltfileName, activities.SourceBuild, "WARNING: "+warning)
	}
	for _, objects := range out.NotRun {
		a.Log(api.TiltfileName, activities.SourceBuild, "WARNING: not run by this version of envflow: "+objects)
	}
	for i := range p.Resources {
		out.Specs = append(out.Specs, spec(p, &p.Resources[i]))
	}
	if out.Leftover, err = a.leftover(ctx, p); err != nil {
		return api.EvaluateOut{}, err
	}
	return out, a.Use(ctx, p)
}

// leftover are resources that have objects in the cluster although the plan does not have them, or has them switched off.
func (a *Activities) leftover(ctx context.Context, p *plan.Plan) (names []string, err error) {
	deployments, err := a.Records.Deployments(ctx)
	for name := range deployments {
		if r := p.Resource(name); r == nil || !r.Enabled {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, err
}

// run evaluates. After an error, what runs goes on by the last good plan.
func (a *Activities) run(ctx context.Context, in api.EvaluateIn) (*plan.Plan, error) {
	p, err := a.Run(ctx, in.Resources)
	if err == nil {
		a.Watch(p.ConfigFiles)
		return p, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	a.Watch(starlark.ConfigFilesOf(err))
	if keepErr := a.Keep(ctx, in.Plan); keepErr != nil {
		return nil, keepErr
	}
	if e, ok := errors.AsType[*starlark.Error](err); ok {
		return nil, failure.UserError(err, "%s", e.Summary())
	}
	return nil, failure.UserError(err, "the Tiltfile cannot be evaluated")
}

// spec is what workflows know of a resource.
func spec(p *plan.Plan, r *plan.Resource) api.Spec {
	s := api.Spec{
		Name: r.Name, Type: r.Type, Digest: p.SpecDigest(r.Name), TriggerMode: r.TriggerMode, AutoInit: r.AutoInit, Enabled: r.Enabled,
		DependsOn: r.DependsOn, Images: r.Images, NotRun: notRun(p, r),
	}
	if r.Kubernetes != nil {
		s.Objects = len(r.Kubernetes.Objects) > 0
	}
	if l := r.Local; l != nil {
		s.Command, s.Serve = l.Update != nil || len(l.Deps) > 0, l.Serve != nil
	}
	return s
}
