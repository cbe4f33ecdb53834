package records

import (
	"context"
	"database/sql"
)

// keptPlans is how many plans are kept.
const keptPlans = 20

// PutPlan records data as the plan called digest, which becomes the last one. Older ones than the last 20 go.
func (s *Store) PutPlan(ctx context.Context, digest string, data []byte) error {
	stored := pack(data)
	return s.write(ctx, "record the plan", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO plans (digest, put, data) VALUES (?, (SELECT coalesce(max(put), 0) + 1 FROM plans), ?)
			ON CONFLICT (digest) DO UPDATE SET put = excluded.put, data = excluded.data`, digest, stored); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM plans WHERE put NOT IN (SELECT put FROM plans ORDER BY put DESC LIMIT ?)", keptPlans)
		return err
	})
}

// Plan returns the plan called digest.
func (s *Store) Plan(ctx context.Context, digest string) (data []byte, ok bool, err error) {
	ok, err = s.get(ctx, "read a plan", func(scan func(...any) error) error {
		return scan(unpacked(&data))
	}, "SELECT data FROM plans WHERE digest = ?", digest)
	return data, ok, err
}

// LastPlan returns the plan that was put last.
func (s *Store) LastPlan(ctx context.Context) (digest string, data []byte, ok bool, err error) {
	ok, err = s.get(ctx, "read the last plan", func(scan func(...any) error) error {
		return scan(&digest, unpacked(&data))
	}, "SELECT digest, data FROM plans ORDER BY put DESC LIMIT 1")
	return digest, data, ok, err
}
