package liveupdate

import (
	"context"
	"slices"
	"strings"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
)

// winBack finds out what a deployed image holds of which there is no record, and records it: nil if only a build can tell.
//
// Its digest says whether it holds just what is on disk. If it differs in nothing but files that syncs cover, what these are
// in the image stays unknown, and each of its containers is asked.
func (s *comparison) winBack(ctx context.Context, image *plan.Image, key records.ImageKey, before []api.DeployedImage) (map[string]string, error) {
	tree, _, err := s.Disk.Scan(ctx, image.Ref)
	if err != nil {
		return nil, failure.UserError(err, "the build context cannot be read")
	}
	record := records.Image{
		Ref: image.Ref, InputDigest: key.InputDigest, ImageID: key.ImageID, ClusterRef: key.ClusterRef, Files: tree, WonBack: true,
	}
	if now := s.Input(s.plan, image, tree, before); now != key.InputDigest {
		if !sameButCovered(now, key.InputDigest) {
			return nil, nil
		}
		for path := range tree {
			if Covers(image, path) {
				record.Unsure = append(record.Unsure, path)
			}
		}
		slices.Sort(record.Unsure)
	}
	if err := s.Records.PutImage(ctx, record); err != nil {
		return nil, err
	}
	return s.filesOf(record), nil
}

// sameButCovered is true if two input digests differ only by their last part, that of the files that syncs cover.
func sameButCovered(a, b string) bool {
	x, y := strings.Split(a, "-"), strings.Split(b, "-")
	return len(x) == 3 && len(y) == 3 && slices.Equal(x[:2], y[:2])
}

// filesOf returns what an image holds by its record.
func (a *Activities) filesOf(image records.Image) map[string]string {
	for _, path := range image.Unsure {
		image.Files[path] = Unsure
	}
	if image.WonBack {
		a.wonBack.Store(records.ImageKey{Ref: image.Ref, InputDigest: image.InputDigest}, true)
	}
	return image.Files
}

// isWonBack is true if containers of the image that have no record may hold anything: theirs may be lost. Otherwise they hold
// just the image.
func (a *Activities) isWonBack(key records.ImageKey) bool {
	_, is := a.wonBack.Load(records.ImageKey{Ref: key.Ref, InputDigest: key.InputDigest})
	return is
}
