package plan

import "github.com/distribution/reference"

// Matches reports whether an image that a container names is this one: the same repository, whatever the tag, or with MatchExact
// the same tag too. Names are compared in full, so "web" and "docker.io/library/web" are one repository. As in Tilt no tag is
// another than latest.
func (i *Image) Matches(container string) bool {
	want, err := reference.ParseNormalizedNamed(i.Ref)
	if err != nil {
		return false
	}
	got, err := reference.ParseNormalizedNamed(container)
	if err != nil {
		return false // such as "$(IMAGE)"
	}
	if want.Name() != got.Name() {
		return false
	}
	return !i.MatchExact || want.String() == got.String()
}
