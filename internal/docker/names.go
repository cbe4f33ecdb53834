package docker

import (
	"fmt"
	"strings"

	"github.com/distribution/reference"

	"github.com/envflow/envflow/internal/plan"
)

// ContentTag returns the tag of an image with this ID ("sha256:..." or bare hex): "tilt-" and the first 16 hex digits, as
// Tilt. So people who use either on one cluster do not redeploy each other's pods.
func ContentTag(imageID string) string {
	hex := strings.TrimPrefix(imageID, "sha256:")
	return "tilt-" + hex[:min(16, len(hex))]
}

// escape turns a repository into one path component, as Tilt.
var escape = strings.NewReplacer("/", "_", ":", "_", "@", "_")

// Rename returns how ref is pushed to a default registry, and how the cluster names what was pushed. Without a registry both
// are ref in its short form. The rules are Tilt's:
//
//   - host/a_b_c:tag for a/b/c:tag;
//   - a ref that is below the host already stays as it is, but for the cluster's name of the host;
//   - with a single_name, host/name:a_b_c-tag; there ref must have a tag, for both cannot be told apart without.
//
// An error says which ref or registry makes no valid name.
func Rename(ref string, r *plan.Registry) (push, fromCluster string, err error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", "", fmt.Errorf("image %q: %w", ref, err)
	}
	if r == nil || r.Host == "" {
		short := reference.FamiliarString(named)
		return short, short, nil
	}
	clusterHost := r.HostFromCluster
	if clusterHost == "" {
		clusterHost = r.Host
	}
	tag := ""
	if tagged, ok := named.(reference.Tagged); ok {
		tag = tagged.Tag()
	}
	name := reference.FamiliarName(named)
	path, below := strings.CutPrefix(name, r.Host+"/")
	switch {
	case below:
	case r.SingleName == "":
		path = escape.Replace(name)
	case tag == "":
		return "", "", fmt.Errorf("image %q: in the registry's single repository %s it needs a tag", ref, r.SingleName)
	default:
		path, tag = r.SingleName, escape.Replace(name)+"-"+tag
	}
	if push, err = join(r.Host, path, tag); err != nil {
		return "", "", fmt.Errorf("image %q in registry %s: %w", ref, r.Host, err)
	}
	if fromCluster, err = join(clusterHost, path, tag); err != nil {
		return "", "", fmt.Errorf("image %q in registry %s: %w", ref, clusterHost, err)
	}
	return push, fromCluster, nil
}

func join(host, path, tag string) (string, error) {
	// ParseNamed demands the full form: without it, a host that has neither dot nor port would be taken for a folder of
	// Docker Hub.
	named, err := reference.ParseNamed(host + "/" + path)
	if err != nil {
		return "", err
	}
	if tag == "" {
		return named.String(), nil
	}
	tagged, err := reference.WithTag(named, tag)
	if err != nil {
		return "", err
	}
	return tagged.String(), nil
}
