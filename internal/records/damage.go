package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"

	"github.com/envflow/envflow/internal/state"
)

// Why a file is of no use.
var (
	ErrDamaged = errors.New("the file is damaged")
	ErrNewer   = errors.New("the file was written by a newer version of envflow")
)

// keptFiles is how many files that were moved aside stay.
const keptFiles = 3

// missingTable is how SQLite says that a file is not what its version promises. It has no code of its own.
var missingTable = regexp.MustCompile(`no such (table|column)|has no column|already exists`)

// classify makes SQLite's errors about the content of the file match ErrDamaged.
func classify(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlitelib.SQLITE_CORRUPT, sqlitelib.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case sqlitelib.SQLITE_ERROR:
		if missingTable.MatchString(err.Error()) { // somebody else's file, or one that was edited
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	return err
}

// unusable returns what to call a file that must be moved aside, "" for other errors.
func unusable(err error) string {
	switch err = classify(err); {
	case errors.Is(err, ErrDamaged):
		return "damaged"
	case errors.Is(err, ErrNewer):
		return "newer"
	}
	return ""
}

// setAside moves the file away and leaves a notice.
func (s *Store) setAside(reason string) error {
	prefix := fmt.Sprintf("%s.%s-", s.path, reason)
	kept := prefix + time.Now().UTC().Format("20060102T150405.000000000Z")
	// The log goes first: without it the file is still one that is moved aside by the next attempt, while a new file with an
	// old log would be ruined by it.
	for _, suffix := range []string{"-shm", "-wal", ""} {
		if err := os.Rename(s.path+suffix, kept+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("move the records aside: %w", state.WriteFault(err, s.path))
		}
	}
	why := "were damaged"
	if reason == "newer" {
		why = "were written by a newer version of envflow"
	}
	s.notice = fmt.Sprintf("The records of this environment %s; they are kept as %s, and everything is looked at again.", why, kept)
	return forget(prefix)
}

// replace moves a file aside that turned out to be damaged, unless somebody else has done so already, and opens a new one.
func (s *Store) replace(ctx context.Context, damaged *sql.DB) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errClosed
	case s.db != damaged:
		return nil
	case s.db != nil:
		_ = s.db.Close() // it may find the damage again
		s.db = nil
		if err := s.setAside("damaged"); err != nil {
			return err
		}
	}
	return s.open(context.WithoutCancel(ctx)) // for all who come after this one
}

// forget removes the oldest files that were moved aside.
func forget(prefix string) error {
	names, err := filepath.Glob(prefix + "*Z")
	if err != nil { // the path has a character that Glob takes for a pattern: then they stay
		return nil //nolint:nilerr // said above
	}
	slices.Sort(names)
	var all error
	for len(names) > keptFiles {
		all = errors.Join(all, os.Remove(names[0]), removeLogs(names[0]))
		names = names[1:]
	}
	return all
}

func removeLogs(path string) error {
	var all error
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return all
}
