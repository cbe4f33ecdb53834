package records

import (
	"context"
	"encoding/json"
	"time"
)

// ImageKey names an image that was built. Ref and InputDigest lead to its record.
type ImageKey struct {
	Ref         string `json:"ref"`
	InputDigest string `json:"input_digest"`
	ImageID     string `json:"image_id,omitempty"`
	ClusterRef  string `json:"cluster_ref,omitempty"`
}

// Deployment is what was applied for a resource.
type Deployment struct {
	Resource string              `json:"resource"`
	Plan     string              `json:"plan"`             // digest of the plan it came from
	Spec     string              `json:"spec"`             // plan.SpecDigest of the resource
	Images   map[string]ImageKey `json:"images,omitempty"` // by Image.Ref of the plan
	Objects  json.RawMessage     `json:"objects,omitempty"`
	Applied  time.Time           `json:"applied"` // set to now by PutDeployment if zero
}

// PutDeployment records what was applied for d.Resource, in place of what was before. d.Objects must be JSON.
func (s *Store) PutDeployment(ctx context.Context, d Deployment) error {
	if d.Applied.IsZero() {
		d.Applied = time.Now()
	}
	data, err := packJSON(d)
	if err != nil {
		return err
	}
	return s.exec(ctx, "record a deployment", "INSERT OR REPLACE INTO deployments (resource, data) VALUES (?, ?)", d.Resource, data)
}

// Deployment returns what was applied for resource.
func (s *Store) Deployment(ctx context.Context, resource string) (d Deployment, ok bool, err error) {
	ok, err = s.get(ctx, "read a deployment", func(scan func(...any) error) error {
		return scan(unpackedJSON(&d))
	}, "SELECT data FROM deployments WHERE resource = ?", resource)
	return d, ok, err
}

// Deployments returns what was applied, by resource.
func (s *Store) Deployments(ctx context.Context) (map[string]Deployment, error) {
	all := map[string]Deployment{}
	err := s.query(ctx, "read the deployments", func(scan func(...any) error) error {
		var d Deployment
		err := scan(unpackedJSON(&d))
		all[d.Resource] = d
		return err
	}, "SELECT data FROM deployments")
	return all, err
}

// DeleteDeployment forgets what was applied for resource, once it is gone.
func (s *Store) DeleteDeployment(ctx context.Context, resource string) error {
	return s.exec(ctx, "forget a deployment", "DELETE FROM deployments WHERE resource = ?", resource)
}
