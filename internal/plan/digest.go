package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Digest returns 16 hex digits that stand for v. They may enter a history.
func Digest(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic("plan: digest of what is not plain data: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// SpecDigest stands for all that an update of the resource name carries out: another one means that it must be looked at
// again. What only people see (labels, links) and what is set up without an update (port-forwards, probes) is not in it, as in
// Tilt.
func (p *Plan) SpecDigest(name string) string {
	r := p.Resource(name)
	if r == nil {
		return ""
	}
	spec := struct {
		Kubernetes *Kubernetes
		Images     []Image
		Registry   *Registry
		Local      *Local            `json:",omitempty"` // left out, so that the digests of all others are those of before there was any
		Env        map[string]string `json:",omitempty"`
		Unset      []string          `json:",omitempty"`
		Compose    *ComposeService   `json:",omitempty"`
		Service    json.RawMessage   `json:",omitempty"` // as the files of its project define it
	}{Registry: p.Settings.DefaultRegistry}
	if r.Local != nil {
		l := *r.Local
		l.Readiness, l.AllowParallel = nil, false
		spec.Local, spec.Env, spec.Unset = &l, p.Settings.Env, p.Settings.Unset
	}
	if r.Kubernetes != nil {
		k := *r.Kubernetes
		k.PortForwards = nil
		spec.Kubernetes = &k
	}
	if r.Compose != nil {
		spec.Compose, spec.Service = r.Compose, p.composeService(r.Compose)
	}
	for _, ref := range r.Images {
		if image := p.Image(ref); image != nil {
			spec.Images = append(spec.Images, *image)
		}
	}
	return Digest(spec)
}

// composeService is the definition of a service in its project, nil if there is none.
func (p *Plan) composeService(s *ComposeService) json.RawMessage {
	for i := range p.Compose {
		if p.Compose[i].Name != s.Project {
			continue
		}
		var model struct {
			Services map[string]json.RawMessage `json:"services"`
		}
		if err := json.Unmarshal(p.Compose[i].Model, &model); err != nil {
			return p.Compose[i].Model // nobody wrote that; then the project counts as a whole
		}
		return model.Services[s.Service]
	}
	return nil
}
