package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/envflow/envflow/internal/state"
)

// ErrReadOnly is returned by methods that would write to a store of OpenReadOnly.
var ErrReadOnly = errors.New("the records are open for reading only")

var errClosed = errors.New("the records are closed")

// Store is the open file. It is safe for concurrent use.
type Store struct {
	path     string
	readOnly bool

	writing sync.Mutex   // one transaction that writes at a time
	mu      sync.RWMutex // guards what follows; held for reading while db is used
	db      *sql.DB      // nil: closed, or there was no room for a new file when the old one was found to be damaged
	closed  bool
	notice  string
}

// Open opens the records at path for writing, and creates the file if it is missing. The folder must be there. There must
// be no other writer.
//
// A file that is damaged or newer than this program is moved aside. What is left for the error is a folder that cannot be
// written: a fault with a remedy.
func Open(ctx context.Context, path string) (*Store, error) {
	s := &Store{path: path}
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("open the records: %w", state.WriteFault(err, path))
	}
	if err := s.prune(ctx, time.Now()); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// OpenReadOnly opens the records at path for a command. A worker may write to them at the same time. A missing file is an
// error that matches fs.ErrNotExist, one that is of no use matches ErrDamaged or ErrNewer.
func OpenReadOnly(ctx context.Context, path string) (*Store, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open the records: %w", err)
	}
	s := &Store{path: path, readOnly: true}
	if err := s.connect(); err != nil {
		return nil, err
	}
	version, err := s.version(ctx)
	switch {
	case err == nil && version == 0: // the worker is about to create it
		err = &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	case err == nil && version > len(migrations):
		err = ErrNewer
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the records: %w", classify(err)), s.Close())
	}
	return s, nil
}

// Close closes the file. What was put is on the disk already.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.db == nil {
		return nil
	}
	err := s.db.Close()
	s.db = nil
	if err != nil {
		return fmt.Errorf("close the records: %w", err)
	}
	return nil
}

// Notice is a sentence for people if a file was moved aside since Open began, else "".
func (s *Store) Notice() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.notice
}

// open makes s.db a file of the newest version, a new one if there is none that can be used. If it fails, s.db is nil.
func (s *Store) open(ctx context.Context) error {
	err := s.openFile(ctx)
	reason := unusable(err)
	if reason == "" {
		return err
	}
	if err := s.setAside(reason); err != nil {
		return err
	}
	return s.openFile(ctx)
}

func (s *Store) openFile(ctx context.Context) (err error) {
	if err := s.create(); err != nil {
		return err
	}
	if err := s.connect(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.db.Close())
			s.db = nil
		}
	}()
	version, err := s.version(ctx)
	if err != nil {
		return err
	}
	if version > len(migrations) {
		return ErrNewer
	}
	if err := s.check(ctx); err != nil {
		return err
	}
	for ; version < len(migrations); version++ {
		if err := s.migrate(ctx, version); err != nil {
			return fmt.Errorf("bring them to version %d: %w", version+1, err)
		}
	}
	return nil
}

// create makes sure that there is a file that nobody else can read. SQLite gives those beside it the same mode.
func (s *Store) create() error {
	if _, err := os.Lstat(s.path); errors.Is(err, fs.ErrNotExist) {
		// A log without its file belongs to one that was deleted. SQLite would play it into the new one.
		if err := removeLogs(s.path); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(s.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(file.Chmod(0o600), file.Close())
}

func (s *Store) connect() error {
	query := url.Values{"_pragma": {"busy_timeout(5000)"}, "_txlock": {"immediate"}}
	if s.readOnly {
		query.Set("mode", "ro")
		query.Add("_pragma", "query_only(1)")
	} else {
		query.Add("_pragma", "journal_mode(wal)")
		query.Add("_pragma", "synchronous(full)")
		query.Add("_pragma", "journal_size_limit(8388608)") // a large image must not leave a large log
	}
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: s.path}).EscapedPath(), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return fmt.Errorf("open the records: %w", err)
	}
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	s.db = db
	return nil
}

func (s *Store) version(ctx context.Context) (version int, err error) {
	err = s.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

// maxChecked is the size up to which a file is checked whole when it is opened: about 0.1 s.
const maxChecked = 64 << 20

// check looks for damage that would come up later.
func (s *Store) check(ctx context.Context) error {
	info, err := os.Stat(s.path)
	if err != nil || info.Size() > maxChecked {
		return err
	}
	var result string
	if err := s.db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&result); err != nil {
		return err
	}
	if result != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, result)
	}
	return nil
}

func (s *Store) migrate(ctx context.Context, version int) (err error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, migrations[version]); err != nil {
		return err
	}
	return tx.Commit()
}

// write runs fn in a transaction that is on the disk when write returns nil. fn may run twice. A write that began is
// finished even if ctx ends: it takes milliseconds, and what it records has happened.
func (s *Store) write(ctx context.Context, action string, fn func(ctx context.Context, tx *sql.Tx) error) error {
	if s.readOnly {
		return fmt.Errorf("%s: %w", action, ErrReadOnly)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	ctx = context.WithoutCancel(ctx)
	return s.do(ctx, action, func(db *sql.DB) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// exec is write for one statement.
func (s *Store) exec(ctx context.Context, action, statement string, args ...any) error {
	return s.write(ctx, action, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	})
}

// query calls each for every row. It may call it twice with the same: each must put rows under their key.
func (s *Store) query(ctx context.Context, action string, each func(scan func(...any) error) error, statement string, args ...any) error {
	return s.do(ctx, action, func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			if err := each(rows.Scan); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// get calls each for the first row, if there is one. It may call it twice.
func (s *Store) get(ctx context.Context, action string, each func(scan func(...any) error) error, statement string, args ...any) (found bool, err error) {
	err = s.do(ctx, action, func(db *sql.DB) error {
		err := each(db.QueryRowContext(ctx, statement, args...).Scan)
		found = err == nil
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return found, err
}

// do runs fn with the database, and once more with a new one if the old turns out to be damaged.
func (s *Store) do(ctx context.Context, action string, fn func(*sql.DB) error) error {
	db, err := s.use(fn)
	if (errors.Is(err, ErrDamaged) || db == nil) && !s.readOnly {
		if err := s.replace(ctx, db); err != nil {
			return fmt.Errorf("%s: %w", action, err)
		}
		_, err = s.use(fn)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", action, state.WriteFault(err, s.path))
	}
	return nil
}

func (s *Store) use(fn func(*sql.DB) error) (*sql.DB, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return nil, errClosed
	}
	return s.db, classify(fn(s.db))
}
