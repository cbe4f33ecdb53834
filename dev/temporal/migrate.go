package temporal

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"go.temporal.io/server/common/persistence"
	"go.temporal.io/server/schema"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"golang.org/x/mod/semver"
	sqlitelib "modernc.org/sqlite/lib"

	"github.com/envflow/envflow/internal/state"
)

const schemaRoot = "sqlite/v3/" // in schema.Assets()

// versions is what a database file says of itself.
type versions struct {
	server     string // of Temporal, such as 1.31.2
	executions string // of the schema of workflows, such as 0.11
	visibility string // of the schema of the list of workflows, such as 0.1
}

var current = versions{server: Version, executions: sqliteschema.Version, visibility: sqliteschema.VisibilityVersion}

// inspect returns the versions of the database at path after checking that the file is sound.
func inspect(ctx context.Context, path string) (v versions, err error) {
	err = withDatabase(ctx, path, func(db *sql.DB) error {
		var verdict string
		if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
			return err
		}
		if verdict != "ok" {
			return fmt.Errorf("%w: %s", errForeign, verdict)
		}
		err := db.QueryRowContext(ctx, "SELECT server, executions, visibility FROM envflow_server").Scan(&v.server, &v.executions, &v.visibility)
		if errors.Is(err, sql.ErrNoRows) || codeOf(err) == sqlitelib.SQLITE_ERROR { // no such table or column
			return fmt.Errorf("%w: %w", errForeign, err)
		}
		if err != nil {
			return err // such as a disk error or a cancelled start, which say nothing about the file
		}
		for _, version := range []string{v.server, v.executions, v.visibility} {
			if !semver.IsValid("v" + version) {
				return fmt.Errorf("%w: it has a version %q", errForeign, version)
			}
		}
		return nil
	})
	return v, err
}

func writeVersions(ctx context.Context, db *sql.DB, v versions) error {
	_, err := db.ExecContext(ctx, `
		CREATE TABLE IF NOT EXISTS envflow_server (
			id INTEGER PRIMARY KEY CHECK (id = 1), server TEXT NOT NULL, executions TEXT NOT NULL, visibility TEXT NOT NULL);
		INSERT OR REPLACE INTO envflow_server VALUES (1, ?, ?, ?)`, v.server, v.executions, v.visibility)
	return err
}

// migrate replaces the database at path by a copy that has the current schema, and keeps the old file as kept. Whatever
// fails, path still is the old database.
func migrate(ctx context.Context, path, kept string, from versions) (err error) {
	tmp := path + ".migrated"
	if err := removeDatabase(tmp); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = state.WriteFault(errors.Join(err, removeDatabase(tmp)), path)
		}
	}()
	err = withDatabase(ctx, path, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, "VACUUM INTO ?", tmp)
		return err
	})
	if err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	err = withDatabase(ctx, tmp, func(db *sql.DB) error {
		if err := upgrade(ctx, db, "temporal", from.executions); err != nil {
			return err
		}
		if err := upgrade(ctx, db, "visibility", from.visibility); err != nil {
			return err
		}
		return writeVersions(ctx, db, current)
	})
	if err != nil {
		return err
	}
	// First a second name for the old file, then the new one in its place: path is a whole database at every moment.
	if err := keep(path, kept); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// upgrade runs the scripts of all versions of one schema that are newer than from, oldest first.
func upgrade(ctx context.Context, db *sql.DB, name, from string) error {
	root := schemaRoot + name + "/versioned"
	steps, err := fs.Glob(schema.Assets(), root+"/v*")
	if err != nil {
		return err
	}
	slices.SortFunc(steps, func(a, b string) int { return semver.Compare(path.Base(a), path.Base(b)) })
	for _, step := range steps {
		if semver.Compare(path.Base(step), "v"+from) <= 0 {
			continue
		}
		var manifest struct{ SchemaUpdateCqlFiles []string }
		data, err := fs.ReadFile(schema.Assets(), step+"/manifest.json")
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, &manifest); err != nil {
			return fmt.Errorf("read %s/manifest.json: %w", step, err)
		}
		for _, file := range manifest.SchemaUpdateCqlFiles {
			if err := execScript(ctx, db, step+"/"+file); err != nil {
				return fmt.Errorf("schema %s: %w", path.Base(step), err)
			}
		}
	}
	return nil
}

// execScript runs one of the SQL files that Temporal ships.
func execScript(ctx context.Context, db *sql.DB, file string) error {
	data, err := fs.ReadFile(schema.Assets(), file)
	if err != nil {
		return err
	}
	statements, err := persistence.LoadAndSplitQueryFromReaders([]io.Reader{bytes.NewReader(data)})
	if err != nil {
		return fmt.Errorf("split %s: %w", file, err)
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("run %s: %w", file, err)
		}
	}
	return nil
}
