package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/envflow/envflow/internal/fault"
)

// vars returns a Lookup over NAME, value, ...
func vars(pairs ...string) Lookup {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func TestDir(t *testing.T) {
	t.Parallel()
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		env  Lookup
		want string
	}{
		{vars("HOME", "/home/u"), "/home/u/.local/state/envflow"},
		{vars("HOME", "/home/u", "XDG_STATE_HOME", "/s"), "/s/envflow"},
		{vars("HOME", "/home/u", "XDG_STATE_HOME", "relative"), "/home/u/.local/state/envflow"},
		{vars("HOME", "/home/u", "XDG_STATE_HOME", "/s", "ENVFLOW_STATE_DIR", "/e"), "/e"},
		{vars("HOME", "/home/u", "ENVFLOW_STATE_DIR", ""), "/home/u/.local/state/envflow"},
		{vars("ENVFLOW_STATE_DIR", "here"), filepath.Join(wd, "here")},
	} {
		if got, err := Dir(test.env); err != nil || got != test.want {
			t.Errorf("Dir: %s, %v; want %s", got, err, test.want)
		}
	}
}

func TestDataDir(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		env  Lookup
		want string
	}{
		{vars("HOME", "/home/u", "XDG_STATE_HOME", "/s", "ENVFLOW_STATE_DIR", "/e"), "/home/u/.local/share/envflow"},
		{vars("HOME", "/home/u", "XDG_DATA_HOME", "/d"), "/d/envflow"},
		{vars("HOME", "/home/u", "XDG_DATA_HOME", "relative"), "/home/u/.local/share/envflow"},
	} {
		if got, err := DataDir(test.env); err != nil || got != test.want {
			t.Errorf("DataDir: %s, %v; want %s", got, err, test.want)
		}
	}
}

func TestEnsureDir_ClosesItToOthers(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := EnsureDir(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := EnsureDir(dir); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("it left %v, %v", entries, err)
	}
}

func TestEnsureDir_RefusesAnothersFolder(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can give a folder to another user")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 12345, -1); err != nil {
		t.Fatal(err)
	}
	wantSentence(t, EnsureDir(dir), "another user (uid 12345)")
}

func TestWriteFault_SaysWhatPeopleMeet(t *testing.T) {
	t.Parallel()
	for sentence, err := range map[string]error{
		"is full":               &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC},
		"/p is full":            fmt.Errorf("step: %w", errors.New("database or disk is full (13)")),
		"read-only file system": &os.PathError{Op: "open", Path: "x", Err: syscall.EROFS},
		"may not write to /p":   fs.ErrPermission,
		"a file stands in its":  syscall.ENOTDIR,
	} {
		wantSentence(t, WriteFault(err, "/p"), sentence)
	}
	other := errors.New("other")
	if got := WriteFault(other, "/p"); !errors.Is(got, other) || got.Error() != other.Error() {
		t.Errorf("%v became %v", other, got)
	}
	if WriteFault(nil, "/p") != nil {
		t.Error("nil became an error")
	}
}

// wantSentence checks for a fault that says sentence, has a hint, and exits with the code for what is missing.
func wantSentence(t *testing.T, err error, sentence string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Missing || f.Hint == "" || !strings.Contains(f.Msg, sentence) {
		t.Errorf("error is %v, want a fault that says %q", err, sentence)
	}
}

func TestSocketPath(t *testing.T) {
	t.Parallel()
	short, err := os.MkdirTemp("/tmp", "e") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(short) }()
	got, err := SocketPath(vars("XDG_RUNTIME_DIR", short), "name")
	if err != nil || filepath.Dir(got) != filepath.Join(short, "envflow") || len(filepath.Base(got)) != len("01234567.sock") {
		t.Errorf("SocketPath: %s, %v", got, err)
	}
	other, err := SocketPath(vars("XDG_RUNTIME_DIR", short), "other name")
	if err != nil || other == got {
		t.Errorf("two names share %s, %v", other, err)
	}
	fallback := filepath.Join("/tmp", fmt.Sprintf("envflow-%d", os.Getuid()))
	for what, env := range map[string]Lookup{
		"no XDG_RUNTIME_DIR":   vars(),
		"one that is too long": vars("XDG_RUNTIME_DIR", filepath.Join(t.TempDir(), strings.Repeat("x", 90))),
	} {
		got, err := SocketPath(env, "name")
		if err != nil || filepath.Dir(got) != fallback || len(got) >= maxSocketPath {
			t.Errorf("%s: %s, %v", what, got, err)
		}
	}
}

func TestWriteFile_ReplacesAsOneStep(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	for _, want := range []string{"one", "two"} {
		if err := WriteFile(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Errorf("content %q, %v", got, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := WriteFile(filepath.Join(path, "below"), nil); err == nil {
		t.Error("wrote below a file")
	}
}

func TestReadJSON_MissingIsNotExist(t *testing.T) {
	t.Parallel()
	var v any
	if err := ReadJSON(filepath.Join(t.TempDir(), "none"), &v); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}
