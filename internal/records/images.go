package records

import (
	"context"
	"database/sql"
	"time"
)

// Of images are kept: the newest, as many per ref; of these only younger ones, except the newest of a ref and what a
// Deployment names.
const (
	keptImages    = 50
	keptImagesFor = 30 * 24 * time.Hour
)

// Image is an image that was built.
type Image struct {
	Ref         string            // as the Tiltfile has it
	InputDigest string            // of all that went into it
	ImageID     string            // of the engine, "sha256:..."
	Tag         string            // what it was tagged and pushed as
	ClusterRef  string            // what goes into objects: the same, as the cluster names the registry
	Files       map[string]string // absolute path -> digest of the file when it was built
	Unsure      []string          // paths of Files of which nobody knows what is in it, for instance because they changed while it was built
	WonBack     bool              // found again after the records were lost: so were those of its containers, which may hold anything
	Built       time.Time         // set to now by PutImage if zero
}

// imageData is the part of an Image without a column.
type imageData struct {
	Files  map[string]string `json:"files,omitempty"`
	Unsure []string          `json:"unsure,omitempty"`

	WonBack bool `json:"won_back,omitempty"`
}

// PutImage records an image under its Ref and InputDigest.
func (s *Store) PutImage(ctx context.Context, image Image) error {
	if image.Built.IsZero() {
		image.Built = time.Now()
	}
	data, err := packJSON(imageData{Files: image.Files, Unsure: image.Unsure, WonBack: image.WonBack})
	if err != nil {
		return err
	}
	return s.write(ctx, "record an image", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO images (ref, input_digest, image_id, tag, cluster_ref, built, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
			image.Ref, image.InputDigest, image.ImageID, image.Tag, image.ClusterRef, image.Built.UnixNano(), data); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM images WHERE ref = ?1 AND rowid NOT IN (SELECT rowid FROM images WHERE ref = ?1 ORDER BY built DESC, rowid DESC LIMIT ?2)",
			image.Ref, keptImages)
		return err
	})
}

// Image returns the image of ref that was built from what inputDigest stands for.
func (s *Store) Image(ctx context.Context, ref, inputDigest string) (Image, bool, error) {
	return s.image(ctx, "ref = ? AND input_digest = ?", ref, inputDigest)
}

// ImageByClusterRef returns the newest image that objects name as clusterRef.
func (s *Store) ImageByClusterRef(ctx context.Context, clusterRef string) (Image, bool, error) {
	if clusterRef == "" {
		return Image{}, false, nil
	}
	return s.image(ctx, "cluster_ref = ?", clusterRef)
}

func (s *Store) image(ctx context.Context, where string, args ...any) (image Image, ok bool, err error) {
	ok, err = s.get(ctx, "read an image's record", func(scan func(...any) error) error {
		var data imageData
		err := scan(&image.Ref, &image.InputDigest, &image.ImageID, &image.Tag, &image.ClusterRef, at(&image.Built), unpackedJSON(&data))
		image.Files, image.Unsure, image.WonBack = data.Files, data.Unsure, data.WonBack
		return err
	}, "SELECT ref, input_digest, image_id, tag, cluster_ref, built, data FROM images WHERE "+where+" ORDER BY built DESC LIMIT 1", args...)
	if err != nil || !ok {
		return Image{}, false, err
	}
	return image, true, nil
}

// DeleteImage forgets an image, for instance one that the engine does not have any more.
func (s *Store) DeleteImage(ctx context.Context, ref, inputDigest string) error {
	return s.exec(ctx, "forget an image", "DELETE FROM images WHERE ref = ? AND input_digest = ?", ref, inputDigest)
}

// pruneImages removes the old ones.
func pruneImages(ctx context.Context, tx *sql.Tx, now time.Time, deployed map[ImageKey]bool) error {
	rows, err := tx.QueryContext(ctx, `SELECT rowid, ref, input_digest FROM images WHERE built < ?
		AND built < (SELECT max(built) FROM images AS newer WHERE newer.ref = images.ref)`, now.Add(-keptImagesFor).UnixNano())
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var old []int64
	for rows.Next() {
		var (
			id  int64
			key ImageKey
		)
		if err := rows.Scan(&id, &key.Ref, &key.InputDigest); err != nil {
			return err
		}
		if !deployed[key] {
			old = append(old, id)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, id := range old {
		if _, err := tx.ExecContext(ctx, "DELETE FROM images WHERE rowid = ?", id); err != nil {
			return err
		}
	}
	return nil
}
