package temporal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/semver"
	_ "modernc.org/sqlite" // the driver "sqlite", which Temporal links anyway
	sqlitelib "modernc.org/sqlite/lib"

	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/state"
)

// Temporal creates SQLite files but never migrates them: it expects that a file has just the tables of its own version.
// So the file records which server wrote it (table envflow_server). Another version gets a copy of the file, brought up
// to date by the scripts that Temporal ships; where that is not possible, a new file. What was there before is kept
// beside it under another name: nothing is deleted, and nothing that runs is rebuilt, because what envflow needs for
// that is in each environment's own state.db.

// OpenDatabase makes the file at path one that this version of Temporal can use. notice is one line for a person if the
// history that was there is not there any more, or empty. now names the files that are kept.
func OpenDatabase(ctx context.Context, path string, now time.Time) (notice string, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", createDatabase(ctx, path)
	} else if err != nil {
		return "", state.WriteFault(err, path)
	}
	if err := writable(path); err != nil {
		return "", err
	}
	found, err := inspect(ctx, path)
	switch {
	case err != nil && !unusable(err):
		return "", fmt.Errorf("read %s: %w", path, state.WriteFault(err, path))
	case err != nil:
		return replace(ctx, path, keptName(path, "damaged", now), "the Temporal database is damaged")
	case found.server == Version:
		return "", nil
	case semver.Compare("v"+found.server, "v"+Version) > 0:
		return replace(ctx, path, keptName(path, found.server, now), "the Temporal database was written by a newer version ("+found.server+")")
	}
	kept := keptName(path, found.server, now)
	if err := migrate(ctx, path, kept, found); err != nil {
		if fault.KindOf(err) == fault.Missing { // a full disk: a new file would not help
			return "", err
		}
		return replace(ctx, path, kept, fmt.Sprintf("the Temporal database of version %s cannot be brought to %s (%v)", found.server, Version, err))
	}
	return "", nil
}

// keptName returns a name beside path for a file that is no longer in use.
func keptName(path, why string, now time.Time) string {
	return fmt.Sprintf("%s-%s-%s.db", strings.TrimSuffix(path, filepath.Ext(path)), why, now.UTC().Format("20060102T150405Z"))
}

// replace puts a new database at path and keeps the old one as kept. Until the last step path is the old one, so that a
// start that fails or is killed on the way is followed by one that does and says the same.
func replace(ctx context.Context, path, kept, why string) (notice string, err error) {
	tmp, err := buildDatabase(ctx, path)
	if err != nil {
		return "", err
	}
	if err := keep(path, kept); err != nil {
		return "", err
	}
	// The write-ahead log belongs to the old file: it goes along, so that nothing of it is lost.
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Rename(path+suffix, kept+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("keep the old database: %w", state.WriteFault(err, path))
		}
	}
	if err := os.Rename(tmp, path); err != nil {
		return "", fmt.Errorf("put the new database in place: %w", state.WriteFault(err, path))
	}
	return fmt.Sprintf("%s: it is kept as %s and a new one was made; environments are started again from their own records", why, kept), nil
}

// keep gives the file at path a second name, so that it is still there when another takes its place. Where the file
// system has no links, it is renamed.
func keep(path, kept string) error {
	err := os.Link(path, kept)
	if err != nil {
		err = os.Rename(path, kept)
	}
	if err != nil {
		return fmt.Errorf("keep the old database: %w", state.WriteFault(err, path))
	}
	return nil
}

// createDatabase makes a new database. It appears at path complete or not at all.
func createDatabase(ctx context.Context, path string) error {
	tmp, err := buildDatabase(ctx, path)
	if err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// buildDatabase makes a new database beside path and returns where.
func buildDatabase(ctx context.Context, path string) (tmp string, err error) {
	tmp = path + ".new"
	if err := removeDatabase(tmp); err != nil {
		return "", err
	}
	err = withDatabase(ctx, tmp, func(db *sql.DB) error {
		for _, file := range []string{"temporal/schema.sql", "visibility/schema.sql"} {
			if err := execScript(ctx, db, schemaRoot+file); err != nil {
				return err
			}
		}
		return writeVersions(ctx, db, current)
	})
	if err != nil {
		return "", fmt.Errorf("make the Temporal database: %w", state.WriteFault(errors.Join(err, removeDatabase(tmp)), path))
	}
	return tmp, nil
}

func removeDatabase(path string) error {
	var all error
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return all
}

// writable returns a fault if the file at path cannot be written.
func writable(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return state.WriteFault(err, path)
	}
	return f.Close()
}

// withDatabase opens the file at path, which is made if it does not exist, and closes it again so that everything is in
// that one file: no write-ahead log stays behind.
func withDatabase(ctx context.Context, path string, do func(*sql.DB) error) (err error) {
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)"}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := do(db); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

// errForeign means that the file is a sound database, but not one of ours.
var errForeign = errors.New("no Temporal database of envflow")

// unusable reports whether err says that the content of a file is no use, as opposed to a disk that cannot be read.
func unusable(err error) bool {
	switch codeOf(err) {
	case sqlitelib.SQLITE_CORRUPT, sqlitelib.SQLITE_NOTADB, sqlitelib.SQLITE_FORMAT:
		return true
	}
	return errors.Is(err, errForeign)
}

// codeOf returns SQLite's code for err, without the bits that say more precisely where; 0 if it is not SQLite's.
func codeOf(err error) int {
	var coded interface{ Code() int }
	if !errors.As(err, &coded) {
		return sqlitelib.SQLITE_OK
	}
	return coded.Code() & 0xff
}
