package workflows

import (
	"github.com/envflow/envflow/internal/api"
)

// localSteps runs the command of a local resource if that is due, and sees to it that its server runs.
func (r *resource) localSteps(calls caller, p api.Pending) (kind string, err error) {
	spec := r.s.Spec
	if spec.Command || p.Anew {
		check := r.manual() && r.s.Begun && !p.Asked
		out, err := callRunCommand(calls, api.RunCommandIn{
			Resource: spec.Name, Spec: spec.Digest, Seq: p.Seq, Full: p.Full, Check: check, Retry: p.Asked || p.Deploy, Anew: p.Anew,
		})
		switch {
		case err != nil:
			return api.KindCommand, err
		case check && out.Due:
			// What has changed waits to be asked for. A server that does not run does not.
			if spec.Serve {
				serve, err := callServe(calls, api.ServeIn{Resource: spec.Name, Spec: spec.Digest, Missing: true})
				if err != nil {
					return api.KindCommand, err
				}
				r.s.Runtime = serve.Runtime
			}
			return "", errUnasked
		case out.Due:
			kind = api.KindCommand
		}
		r.s.Runtime = out.Runtime
	}
	if !spec.Serve {
		return kind, nil
	}
	out, err := callServe(calls, api.ServeIn{Resource: spec.Name, Spec: spec.Digest})
	if err != nil {
		return api.KindCommand, err
	}
	r.s.Runtime = out.Runtime
	if out.Started {
		kind = api.KindCommand
	}
	return kind, nil
}
