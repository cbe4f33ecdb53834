package records

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"
)

// keptUpdatesFor is how long the history reaches back.
const keptUpdatesFor = 30 * 24 * time.Hour

// Kinds of updates.
const (
	KindBuild      = "build"
	KindLiveUpdate = "live_update"
	KindCommand    = "command"
)

// Results of updates.
const (
	ResultOK        = "ok"
	ResultError     = "error"
	ResultCancelled = "cancelled"
)

// Update is one entry of the history of a resource.
type Update struct {
	ID       int64     `json:"-"` // given by AddUpdate; a later update has a higher one
	Resource string    `json:"resource"`
	Kind     string    `json:"kind"`             // KindBuild, ...
	Reason   string    `json:"reason,omitempty"` // why there was an update, for people
	Result   string    `json:"result"`           // ResultOK, ...
	Error    string    `json:"error,omitempty"`  //
	Started  time.Time `json:"started"`          // set to now by AddUpdate if zero
	Seconds  float64   `json:"seconds"`          // how long it took
}

// AddUpdate adds u to the history and returns its ID. Entries older than 30 days go.
func (s *Store) AddUpdate(ctx context.Context, u Update) (id int64, err error) {
	now := time.Now()
	if u.Started.IsZero() {
		u.Started = now
	}
	data, err := packJSON(u)
	if err != nil {
		return 0, err
	}
	err = s.write(ctx, "record an update", func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "INSERT INTO updates (resource, started, data) VALUES (?, ?, ?)", u.Resource, u.Started.UnixNano(), data)
		if err != nil {
			return err
		}
		if id, err = result.LastInsertId(); err != nil {
			return err
		}
		return pruneUpdates(ctx, tx, now, u.Resource)
	})
	return id, err
}

// LastUpdates returns the last n updates of resource, the newest first.
func (s *Store) LastUpdates(ctx context.Context, resource string, n int) ([]Update, error) {
	byID := map[int64]Update{}
	err := s.query(ctx, "read the updates", func(scan func(...any) error) error {
		var u Update
		err := scan(&u.ID, unpackedJSON(&u))
		byID[u.ID] = u
		return err
	}, "SELECT id, data FROM updates WHERE resource = ? ORDER BY id DESC LIMIT ?", resource, n)
	all := make([]Update, 0, len(byID))
	for _, u := range byID {
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b Update) int { return cmp.Compare(b.ID, a.ID) })
	return all, err
}

// pruneUpdates removes what is too old, of one resource, or of all if resource is "".
func pruneUpdates(ctx context.Context, tx *sql.Tx, now time.Time, resource string) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM updates WHERE started < ?1 AND (?2 = '' OR resource = ?2)", now.Add(-keptUpdatesFor).UnixNano(), resource)
	return err
}
