package records

import (
	"context"
	"database/sql"
	"time"
)

// keptContainersFor is how long a container is remembered that nobody sees any more.
const keptContainersFor = 7 * 24 * time.Hour

// Container is what a container holds.
type Container struct {
	ID          string            `json:"id"`
	Resource    string            `json:"resource"`
	ImageRef    string            `json:"image_ref"`       // Image.Ref of the image it was started from
	InputDigest string            `json:"input_digest"`    // Image.InputDigest of it
	Files       map[string]string `json:"files,omitempty"` // path -> digest, "" for a deleted file: what differs from the image
	Seen        time.Time         `json:"-"`               // set to now by PutContainer if zero
}

// PutContainer records what a container holds, in place of what was recorded before.
func (s *Store) PutContainer(ctx context.Context, c Container) error {
	if c.Seen.IsZero() {
		c.Seen = time.Now()
	}
	data, err := packJSON(c)
	if err != nil {
		return err
	}
	return s.exec(ctx, "record a container", "INSERT OR REPLACE INTO containers (id, resource, seen, data) VALUES (?, ?, ?, ?)",
		c.ID, c.Resource, c.Seen.UnixNano(), data)
}

// Container returns what the container id holds.
func (s *Store) Container(ctx context.Context, id string) (c Container, ok bool, err error) {
	ok, err = s.get(ctx, "read a container's record", func(scan func(...any) error) error {
		return scan(unpackedJSON(&c), at(&c.Seen))
	}, "SELECT data, seen FROM containers WHERE id = ?", id)
	return c, ok, err
}

// ContainersOf returns the containers of resource by ID, also those that are gone.
func (s *Store) ContainersOf(ctx context.Context, resource string) (map[string]Container, error) {
	all := map[string]Container{}
	err := s.query(ctx, "read the containers' records", func(scan func(...any) error) error {
		var c Container
		err := scan(unpackedJSON(&c), at(&c.Seen))
		all[c.ID] = c
		return err
	}, "SELECT data, seen FROM containers WHERE resource = ?", resource)
	return all, err
}

// TouchContainers records that the containers are still there, and forgets those that have not been for 7 days. IDs without
// a record are passed over.
func (s *Store) TouchContainers(ctx context.Context, ids []string) error {
	now := time.Now()
	return s.write(ctx, "record which containers are there", func(ctx context.Context, tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, "UPDATE containers SET seen = ? WHERE id = ?", now.UnixNano(), id); err != nil {
				return err
			}
		}
		return pruneContainers(ctx, tx, now)
	})
}

func pruneContainers(ctx context.Context, tx *sql.Tx, now time.Time) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM containers WHERE seen < ?", now.Add(-keptContainersFor).UnixNano())
	return err
}
