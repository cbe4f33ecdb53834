package records

import (
	"context"
	"database/sql"
)

// FileStat is what tells, without reading it, that a file has not changed.
type FileStat struct {
	Size  int64
	Mtime int64 // nanoseconds since 1970
	Ctime int64 // nanoseconds since 1970, 0 where the system has none
	Inode uint64
}

// FileDigest is the digest of the content that a file had when it looked like FileStat.
type FileDigest struct {
	FileStat

	Digest string
}

// Digests returns the digests of files, by absolute path.
func (s *Store) Digests(ctx context.Context) (map[string]FileDigest, error) {
	all := map[string]FileDigest{}
	err := s.query(ctx, "read the digests of files", func(scan func(...any) error) error {
		var (
			path  string
			d     FileDigest
			inode int64
		)
		err := scan(&path, &d.Size, &d.Mtime, &d.Ctime, &inode, &d.Digest)
		d.Inode = uint64(inode) //nolint:gosec // the bits come back as they were put
		all[path] = d
		return err
	}, "SELECT path, size, mtime, ctime, inode, digest FROM digests")
	return all, err
}

// PutDigests records digests of files, by absolute path. One whose Digest is "" is forgotten.
func (s *Store) PutDigests(ctx context.Context, batch map[string]FileDigest) error {
	if len(batch) == 0 {
		return nil
	}
	return s.write(ctx, "record the digests of files", func(ctx context.Context, tx *sql.Tx) error {
		put, err := tx.PrepareContext(ctx, "INSERT OR REPLACE INTO digests (path, size, mtime, ctime, inode, digest) VALUES (?, ?, ?, ?, ?, ?)")
		if err != nil {
			return err
		}
		defer func() { _ = put.Close() }()
		for path, d := range batch {
			if d.Digest == "" {
				_, err = tx.ExecContext(ctx, "DELETE FROM digests WHERE path = ?", path)
			} else {
				_, err = put.ExecContext(ctx, path, d.Size, d.Mtime, d.Ctime, int64(d.Inode), d.Digest) //nolint:gosec // read back as the same bits
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
