package records

import (
	"context"
	"time"
)

// PutError records the full text of the last failure of resource; "" is the Tiltfile.
func (s *Store) PutError(ctx context.Context, resource, text string) error {
	return s.exec(ctx, "record an error", "INSERT OR REPLACE INTO errors (resource, text) VALUES (?, ?)", resource, text)
}

// ClearError forgets the last failure of resource.
func (s *Store) ClearError(ctx context.Context, resource string) error {
	return s.exec(ctx, "forget an error", "DELETE FROM errors WHERE resource = ?", resource)
}

// Errors returns the full text of the last failures, by resource; "" is the Tiltfile.
func (s *Store) Errors(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	err := s.query(ctx, "read the errors", func(scan func(...any) error) error {
		var resource, text string
		err := scan(&resource, &text)
		all[resource] = text
		return err
	}, "SELECT resource, text FROM errors")
	return all, err
}

// PutSnapshot records the status of the environment, for commands while there is no worker.
func (s *Store) PutSnapshot(ctx context.Context, data []byte) error {
	return s.exec(ctx, "record the status", "INSERT OR REPLACE INTO snapshot (one, put, data) VALUES (1, ?, ?)", time.Now().UnixNano(), pack(data))
}

// Snapshot returns the status that was put last, and when.
func (s *Store) Snapshot(ctx context.Context) (data []byte, put time.Time, ok bool, err error) {
	ok, err = s.get(ctx, "read the last status", func(scan func(...any) error) error {
		return scan(at(&put), unpacked(&data))
	}, "SELECT put, data FROM snapshot")
	return data, put, ok, err
}

// PutMeta records a value of the environment under key.
func (s *Store) PutMeta(ctx context.Context, key, value string) error {
	return s.exec(ctx, "record a value", "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, value)
}

// Meta returns the value under key.
func (s *Store) Meta(ctx context.Context, key string) (value string, ok bool, err error) {
	ok, err = s.get(ctx, "read a value", func(scan func(...any) error) error {
		return scan(&value)
	}, "SELECT value FROM meta WHERE key = ?", key)
	return value, ok, err
}
