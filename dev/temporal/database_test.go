package temporal

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var testTime = time.Date(2026, 11, 22, 21, 0, 0, 0, time.UTC)

// newDatabase makes a database of this version in a folder whose name must survive being part of a URI.
func newDatabase(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "100% odd ?name#é")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "temporal.db")
	if notice, err := OpenDatabase(t.Context(), path, testTime); err != nil || notice != "" {
		t.Fatalf("OpenDatabase: %q, %v", notice, err)
	}
	return path
}

// query runs statements on the database and returns the only column of the last one.
func query(t *testing.T, path string, statements ...string) (got []string) {
	t.Helper()
	err := withDatabase(t.Context(), path, func(db *sql.DB) error {
		for _, s := range statements[:len(statements)-1] {
			if _, err := db.ExecContext(t.Context(), s); err != nil {
				return err
			}
		}
		rows, err := db.QueryContext(t.Context(), statements[len(statements)-1])
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var v string
			if err := rows.Scan(&v); err != nil {
				return err
			}
			got = append(got, v)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatalf("query %s: %v", path, err)
	}
	return got
}

// schemaOf returns all tables and indexes with their columns, so that two databases can be compared.
func schemaOf(t *testing.T, path string) []string {
	t.Helper()
	return query(t, path, `
		SELECT m.type || ' ' || m.name || ' ' || coalesce(group_concat(c.name || ' ' || c.type || ' ' || c."notnull" || ' ' || c.pk, ', '), '')
		FROM (SELECT * FROM sqlite_master ORDER BY name) m JOIN (SELECT 1) LEFT JOIN pragma_table_xinfo(m.name) c
		GROUP BY m.type, m.name ORDER BY m.type, m.name`)
}

func filesBeside(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestOpenDatabase_KeepsOneOfThisVersion(t *testing.T) {
	t.Parallel()
	path := newDatabase(t)
	query(t, path, "CREATE TABLE mine (v)", "INSERT INTO mine VALUES ('kept')", "SELECT 1")
	if notice, err := OpenDatabase(t.Context(), path, testTime); err != nil || notice != "" {
		t.Fatalf("OpenDatabase: %q, %v", notice, err)
	}
	if got := query(t, path, "SELECT v FROM mine"); !cmp.Equal(got, []string{"kept"}) {
		t.Errorf("content is %v", got)
	}
	if got := filesBeside(t, path); !cmp.Equal(got, []string{"temporal.db"}) {
		t.Errorf("files are %v", got)
	}
}

// downgrade makes a database look like one of an older server: what later schemas added is taken away.
func downgrade(t *testing.T, path string) {
	t.Helper()
	query(t, path,
		"DROP TABLE current_chasm_executions",              // 0.11
		"DROP TABLE tasks_v2", "DROP TABLE task_queues_v2", // 0.10
		"UPDATE envflow_server SET server = '1.28.1', executions = '0.9'",
		"CREATE TABLE mine (v)", "INSERT INTO mine VALUES ('kept')", "SELECT 1")
}

func TestOpenDatabase_MigratesAnOlderOne(t *testing.T) {
	t.Parallel()
	path := newDatabase(t)
	want := schemaOf(t, path)
	downgrade(t, path)
	if notice, err := OpenDatabase(t.Context(), path, testTime); err != nil || notice != "" {
		t.Fatalf("OpenDatabase: %q, %v", notice, err)
	}
	if got := query(t, path, "SELECT v FROM mine"); !cmp.Equal(got, []string{"kept"}) {
		t.Errorf("content is %v", got)
	}
	if got := query(t, path, "DROP TABLE mine", "SELECT server || ' ' || executions FROM envflow_server"); !cmp.Equal(got, []string{Version + " " + current.executions}) {
		t.Errorf("versions are %v", got)
	}
	if diff := cmp.Diff(want, schemaOf(t, path)); diff != "" {
		t.Errorf("the migrated schema differs from a new one (-new +migrated):\n%s", diff)
	}
	const kept = "temporal-1.28.1-20261122T210000Z.db"
	if got := filesBeside(t, path); !cmp.Equal(got, []string{kept, "temporal.db"}) {
		t.Errorf("files are %v", got)
	}
	if got := query(t, filepath.Join(filepath.Dir(path), kept), "SELECT server FROM envflow_server"); !cmp.Equal(got, []string{"1.28.1"}) {
		t.Errorf("the kept file says %v", got)
	}
}

func TestOpenDatabase_ReplacesWhatItCannotUse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage func(t *testing.T, path string)
		kept   string // the name under which the old file is found again
		notice string // a part of it
	}{
		"newer": {
			damage: func(t *testing.T, path string) {
				query(t, path, "UPDATE envflow_server SET server = '99.0.0'", "SELECT 1")
			},
			kept: "temporal-99.0.0-20261122T210000Z.db", notice: "written by a newer version (99.0.0)",
		},
		"not a database": {
			damage: func(t *testing.T, path string) { overwrite(t, path, 0, []byte("these are not the bytes you look for")) },
			kept:   "temporal-damaged-20261122T210000Z.db", notice: "is damaged",
		},
		"damaged in the middle": {
			damage: func(t *testing.T, path string) { overwrite(t, path, 4096, []byte(strings.Repeat("\xff", 40*4096))) },
			kept:   "temporal-damaged-20261122T210000Z.db", notice: "is damaged",
		},
		"cut short": {
			damage: func(t *testing.T, path string) {
				if err := os.Truncate(path, 5000); err != nil {
					t.Fatal(err)
				}
			},
			kept: "temporal-damaged-20261122T210000Z.db", notice: "is damaged",
		},
		"somebody else's": {
			damage: func(t *testing.T, path string) { query(t, path, "DROP TABLE envflow_server", "SELECT 1") },
			kept:   "temporal-damaged-20261122T210000Z.db", notice: "is damaged",
		},
		"older, and no script fits": {
			damage: func(t *testing.T, path string) {
				query(t, path, "UPDATE envflow_server SET server = '1.28.1', executions = '0.9'", "SELECT 1") // its tables are there already
			},
			kept: "temporal-1.28.1-20261122T210000Z.db", notice: "cannot be brought to " + Version,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := newDatabase(t)
			want := schemaOf(t, path)
			test.damage(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			notice, err := OpenDatabase(t.Context(), path, testTime)
			if err != nil {
				t.Fatalf("OpenDatabase: %v", err)
			}
			if !strings.Contains(notice, test.notice) || !strings.Contains(notice, test.kept) || strings.Contains(notice, "\n") {
				t.Errorf("notice %q does not say %q and %q in one line", notice, test.notice, test.kept)
			}
			if diff := cmp.Diff(want, schemaOf(t, path)); diff != "" {
				t.Errorf("the new database (-want +got):\n%s", diff)
			}
			after, err := os.ReadFile(filepath.Join(filepath.Dir(path), test.kept))
			if err != nil {
				t.Fatalf("the old file is not kept: %v; there are %v", err, filesBeside(t, path))
			}
			if string(before) != string(after) {
				t.Error("the kept file is not what it was")
			}
			if got := filesBeside(t, path); len(got) != 2 {
				t.Errorf("files are %v", got)
			}
		})
	}
}

// A start that cannot replace the file, here because something stands in the way of the new one, leaves all as it was: the
// next start finds the same and says the same.
func TestOpenDatabase_SaysItAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	path := newDatabase(t)
	query(t, path, "UPDATE envflow_server SET server = '99.0.0'", "SELECT 1")
	obstacle := filepath.Join(path+".new", "in the way")
	if err := os.MkdirAll(obstacle, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDatabase(t.Context(), path, testTime); err == nil {
		t.Fatal("no error")
	}
	if got := query(t, path, "SELECT server FROM envflow_server"); !cmp.Equal(got, []string{"99.0.0"}) {
		t.Errorf("the database is of version %v", got)
	}
	if err := os.RemoveAll(path + ".new"); err != nil {
		t.Fatal(err)
	}
	if notice, err := OpenDatabase(t.Context(), path, testTime); err != nil || !strings.Contains(notice, "99.0.0") {
		t.Errorf("notice %q, %v", notice, err)
	}
}

// A start that is cancelled says nothing about the file.
func TestInspect_CancelledIsNotDamaged(t *testing.T) {
	t.Parallel()
	path := newDatabase(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := inspect(ctx, path); err == nil || unusable(err) {
		t.Errorf("error %v means that the file is unusable: %v", err, unusable(err))
	}
}

func overwrite(t *testing.T, path string, at int64, data []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(data, at); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// A start that was interrupted leaves temporary files; the next one is not confused by them.
func TestOpenDatabase_IgnoresLeftovers(t *testing.T) {
	t.Parallel()
	path := newDatabase(t)
	downgrade(t, path)
	for _, name := range []string{".new", ".new-wal", ".migrated", ".migrated-wal", ".migrated-shm"} {
		if err := os.WriteFile(path+name, []byte("half of something"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if notice, err := OpenDatabase(t.Context(), path, testTime); err != nil || notice != "" {
		t.Fatalf("OpenDatabase: %q, %v", notice, err)
	}
	if got := query(t, path, "SELECT v FROM mine"); !cmp.Equal(got, []string{"kept"}) {
		t.Errorf("content is %v", got)
	}
}

// What a killed server had only in its write-ahead log is migrated as well.
func TestOpenDatabase_MigratesTheWriteAheadLog(t *testing.T) {
	t.Parallel()
	path := newDatabase(t)
	downgrade(t, path)
	// A copy of the files while they are open is what kill -9 leaves.
	crashed := filepath.Join(t.TempDir(), "temporal.db")
	err := withDatabase(t.Context(), path, func(db *sql.DB) error {
		if _, err := db.ExecContext(t.Context(), "INSERT INTO mine VALUES ('in the log')"); err != nil {
			return err
		}
		for _, suffix := range []string{"", "-wal"} {
			data, err := os.ReadFile(path + suffix)
			if err != nil {
				return err
			}
			if err := os.WriteFile(crashed+suffix, data, 0o600); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDatabase(t.Context(), crashed, testTime); err != nil {
		t.Fatalf("OpenDatabase: %v", err)
	}
	if got := query(t, crashed, "SELECT v FROM mine"); !cmp.Equal(got, []string{"kept", "in the log"}) {
		t.Errorf("content is %v", got)
	}
}

func TestOpenDatabase_StopsWhenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "temporal.db")
	if _, err := OpenDatabase(ctx, path, testTime); err == nil {
		t.Error("no error")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("half a database was left")
	}
}
