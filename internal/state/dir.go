package state

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/envflow/envflow/internal/fault"
)

// maxDir leaves room below the 512 bytes that SQLite allows for a path.
const maxDir = 400

// maxSocketPath is below the 104 bytes that macOS allows for a unix socket's path (Linux allows 108).
const maxSocketPath = 100

// NameVariable says under which name a program was called that envflow starts of itself: its file may be called tilt.
const NameVariable = "ENVFLOW_NAME"

// Lookup finds an environment variable, as os.LookupEnv does.
type Lookup func(name string) (value string, ok bool)

// Dir returns the folder of envflow's files: ENVFLOW_STATE_DIR, else $XDG_STATE_HOME/envflow, else ~/.local/state/envflow.
// It does not create it.
func Dir(lookup Lookup) (string, error) {
	dir, err := findDir(lookup)
	if err == nil && len(dir) > maxDir {
		return "", fault.New(fault.Config, "set ENVFLOW_STATE_DIR to a shorter path", "the path of the state folder has %d bytes, which is more than %d: %s", len(dir), maxDir, dir)
	}
	if err == nil && strings.ContainsRune(dir, filepath.ListSeparator) { // a folder in it goes into PATH
		return "", fault.New(fault.Config, "set ENVFLOW_STATE_DIR to another path", "the path of the state folder has a %q in it, which separates folders in PATH: %s", filepath.ListSeparator, dir)
	}
	return dir, err
}

func findDir(lookup Lookup) (string, error) {
	if dir, ok := lookup("ENVFLOW_STATE_DIR"); ok && dir != "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return "", fault.Wrap(err, fault.Config, "set it to an absolute path", "ENVFLOW_STATE_DIR is %q, which is no usable path", dir)
		}
		return abs, nil
	}
	return userDir(lookup, "XDG_STATE_HOME", "state", "set HOME or ENVFLOW_STATE_DIR", "there is no home folder to keep envflow's state in")
}

// DataDir returns the folder of what envflow has fetched and could fetch again: $XDG_DATA_HOME/envflow, else
// ~/.local/share/envflow. It does not create it.
func DataDir(lookup Lookup) (string, error) {
	return userDir(lookup, "XDG_DATA_HOME", "share", "set HOME or XDG_DATA_HOME", "there is no home folder to keep what envflow fetches in")
}

// userDir returns envflow's folder of one kind: below what variable says, else below the home folder.
func userDir(lookup Lookup, variable, local, hint, problem string) (string, error) {
	// The XDG specification says that a relative path counts as not set.
	if dir, ok := lookup(variable); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "envflow"), nil
	}
	home, ok := lookup("HOME")
	if !ok || !filepath.IsAbs(home) {
		var err error
		if home, err = os.UserHomeDir(); err != nil {
			return "", fault.Wrap(err, fault.Missing, hint, "%s", problem)
		}
	}
	return filepath.Join(home, ".local", local, "envflow"), nil
}

// EnsureRoot makes sure that path is a folder of this user in which files can be written. If it is not there it is made,
// closed to others (0700); if it is, its mode stays: the user may have named one that is there for more than envflow.
// The error is a fault that says what to do.
func EnsureRoot(path string) error {
	_, err := ensure(path)
	return err
}

// EnsureDir is EnsureRoot for a folder that is envflow's alone: nobody else can look into it afterwards.
func EnsureDir(path string) error {
	info, err := ensure(path)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = writeFault(os.Chmod(path, 0o700), path) //nolint:gosec // a folder is of no use without x
	}
	return err
}

func ensure(path string) (fs.FileInfo, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, writeFault(err, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, writeFault(err, path)
	}
	if owner, mine := ownedByMe(info); !mine {
		return nil, fault.New(fault.Missing, "run envflow as that user, or set ENVFLOW_STATE_DIR to a folder of your own",
			"the folder %s belongs to another user (uid %s)", path, owner)
	}
	// Looking at permission bits says nothing about a read-only or full file system, nor about root: write something.
	probe, err := os.CreateTemp(path, ".probe-*")
	if err != nil {
		return nil, writeFault(err, path)
	}
	_, err = probe.Write(make([]byte, 4096))
	return info, writeFault(errors.Join(err, probe.Close(), os.Remove(probe.Name())), path)
}

// SocketPath returns where the unix socket called name belongs: $XDG_RUNTIME_DIR/envflow/<8 hex>.sock, else
// /tmp/envflow-<uid>/<8 hex>.sock, the digits being a digest of the name, so that the path stays below the limit of the
// operating system. The folder exists afterwards, is this user's and is closed to others.
func SocketPath(lookup Lookup, name string) (string, error) {
	sum := sha256.Sum256([]byte(name))
	file := hex.EncodeToString(sum[:4]) + ".sock"
	if dir, ok := lookup("XDG_RUNTIME_DIR"); ok && filepath.IsAbs(dir) {
		path := filepath.Join(dir, "envflow", file)
		if len(path) < maxSocketPath && EnsureDir(filepath.Dir(path)) == nil {
			return path, nil
		}
		// Logged in through su or a container, the folder may belong to somebody else or be gone.
	}
	dir := filepath.Join(socketRoot(), "envflow-"+strconv.Itoa(os.Getuid()))
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", writeFault(err, dir)
	}
	// /tmp is open to everybody: a link or a folder that somebody else put there first must not be used. Nobody else can
	// change one that is ours, because /tmp is sticky.
	info, err := os.Lstat(dir)
	if err != nil {
		return "", writeFault(err, dir)
	}
	if _, mine := ownedByMe(info); !mine || !info.IsDir() {
		return "", fault.New(fault.Missing, "set XDG_RUNTIME_DIR to a folder of your own", "envflow keeps its sockets in %s, but somebody else has put something there", dir)
	}
	return filepath.Join(dir, file), EnsureDir(dir)
}

// WriteFault turns an error of writing below path into a fault with a remedy if it is one that people meet: a full or
// read-only disk, or missing permission. Other errors come back as they are.
func WriteFault(err error, path string) error { return writeFault(err, path) }

func writeFault(err error, path string) error {
	switch {
	case err == nil:
		return nil
	case isFull(err):
		return fault.Wrap(err, fault.Missing, "free some space, or set ENVFLOW_STATE_DIR to a folder on another disk", "the disk that holds %s is full", path)
	case errors.Is(err, syscall.EROFS):
		return fault.Wrap(err, fault.Missing, "make it writable, or set ENVFLOW_STATE_DIR to a folder that is", "%s is on a read-only file system", path)
	case errors.Is(err, syscall.ENAMETOOLONG):
		return fault.Wrap(err, fault.Config, "set ENVFLOW_STATE_DIR to a shorter path", "the path %s is too long", path)
	case errors.Is(err, syscall.ENOTDIR):
		return fault.Wrap(err, fault.Missing, "move that file away, or set ENVFLOW_STATE_DIR to another folder", "envflow keeps its state in the folder %s, but a file stands in its place or above it", path)
	case errors.Is(err, fs.ErrPermission):
		return fault.Wrap(err, fault.Missing, "change its owner or mode, or set ENVFLOW_STATE_DIR to a folder of your own", "envflow may not write to %s", path)
	}
	return err
}

// isFull reports whether err says that a disk is full. SQLite's driver gives a text only.
func isFull(err error) bool {
	return errors.Is(err, errDiskFull) || strings.Contains(err.Error(), "database or disk is full")
}
