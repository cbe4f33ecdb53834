package server_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/envflow/envflow/internal/testenv"
)

// eventually waits until done holds.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	testenv.Eventually(t, 30*time.Second, what, func() error {
		if !done() {
			return errors.New("not yet")
		}
		return nil
	})
}

// containsVariable reports whether a process's environment, as /proc has it, sets the variable.
func containsVariable(environ, name string) bool {
	for _, pair := range strings.Split(environ, "\x00") {
		if n, _, _ := strings.Cut(pair, "="); n == name {
			return true
		}
	}
	return false
}

// execSQL changes a database that nobody has open.
func execSQL(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}
