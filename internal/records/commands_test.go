package records

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// commandOf is a record with something in each of its fields.
func commandOf(resource string) Command {
	inputs := map[string]string{}
	for i := range 1000 {
		inputs[fmt.Sprintf("/src/%s/file%d.txt", resource, i)] = fmt.Sprintf("%064d:644", i)
	}
	return Command{
		Resource: resource, Spec: "s", Runs: 7, Running: "r", Failed: "exited with code 1", Inputs: inputs,
		Changed: map[string]string{"/src/x": "d:644", "/src/gone": ""}, Outputs: map[string]string{"/src/x": "d:644"},
		Own: 1, Suspects: map[string]int{"/src/x": 1},
	}
}

func TestCommands_GiveBackWhatWasPut(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	if _, ok, err := s.Command(ctx, "web"); ok || err != nil {
		t.Errorf("before the first: %v, %v", ok, err)
	}
	names, err := s.Commands(ctx)
	same(t, []string(nil), names, true, err)
	odd := "a 'b' \"c\" %\n"
	for _, name := range []string{"web", "db", odd} {
		check(t, s.PutCommand(ctx, Command{Resource: name}))
		check(t, s.PutCommand(ctx, commandOf(name))) // in its place
	}
	reader, err := OpenReadOnly(ctx, path)
	check(t, err)
	defer func() { _ = reader.Close() }()
	for _, s := range []*Store{s, reader} {
		for _, name := range []string{"web", "db", odd} {
			got, ok, err := s.Command(ctx, name)
			same(t, commandOf(name), got, ok, err)
		}
		names, err := s.Commands(ctx)
		same(t, []string{odd, "db", "web"}, names, true, err)
	}
	check(t, s.DeleteCommand(ctx, "db"))
	check(t, s.DeleteCommand(ctx, "nobody"))
	if _, ok, err := s.Command(ctx, "db"); ok || err != nil {
		t.Errorf("after it was deleted: %v, %v", ok, err)
	}
	names, err = s.Commands(ctx)
	same(t, []string{odd, "web"}, names, true, err)
}

// How a command has gone does not grow old: it says what need not be run again.
func TestCommands_OutliveTheWorker(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	check(t, s.PutCommand(t.Context(), commandOf("web")))
	check(t, s.prune(t.Context(), time.Now().AddDate(10, 0, 0)))
	check(t, s.Close())
	got, ok, err := open(t, path).Command(t.Context(), "web")
	same(t, commandOf("web"), got, ok, err)
}

// A file of a worker that knew of no commands keeps what it holds.
func TestMigrations_FromTheFirstVersion(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "state.db")
	old := &Store{path: path}
	check(t, old.create())
	check(t, old.connect())
	check(t, old.migrate(ctx, 0))
	check(t, old.PutMeta(ctx, "args", "a b"))
	if version, err := old.version(ctx); err != nil || version != 1 {
		t.Fatalf("the old file has version %d, %v", version, err)
	}
	var tables int
	check(t, old.db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name = 'commands'").Scan(&tables))
	if tables != 0 {
		t.Fatal("the old file has room for commands")
	}
	check(t, old.Close())

	s := open(t, path)
	if notice := s.Notice(); notice != "" {
		t.Errorf("the old file was moved: %s", notice)
	}
	value, ok, err := s.Meta(ctx, "args")
	same(t, "a b", value, ok, err)
	check(t, s.PutCommand(ctx, commandOf("web")))
	got, ok, err := s.Command(ctx, "web")
	same(t, commandOf("web"), got, ok, err)
	if version, err := s.version(ctx); err != nil || version != len(migrations) {
		t.Errorf("version %d, %v; want %d", version, err, len(migrations))
	}
}
