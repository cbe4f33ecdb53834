package records

import (
	"context"
	"database/sql"
	"time"
)

// prune removes what is older than it has to be kept. Containers are left to TouchContainers: nobody has looked yet which are
// there, and without its record one would be taken for what its image is.
func (s *Store) prune(ctx context.Context, now time.Time) error {
	deployments, err := s.Deployments(ctx)
	if err != nil {
		return err
	}
	deployed := map[ImageKey]bool{}
	for _, d := range deployments {
		for _, image := range d.Images {
			deployed[ImageKey{Ref: image.Ref, InputDigest: image.InputDigest}] = true
		}
	}
	return s.write(ctx, "forget old records", func(ctx context.Context, tx *sql.Tx) error {
		if err := pruneImages(ctx, tx, now, deployed); err != nil {
			return err
		}
		return pruneUpdates(ctx, tx, now, "")
	})
}
