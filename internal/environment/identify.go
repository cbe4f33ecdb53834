package environment

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"github.com/envflow/envflow/internal/state"
)

// Identify returns the environment of the Tiltfile at path, which need not exist, and of name, "" for none. It is the same
// for the same user on the same machine. Links in the path of its folder are followed, so that a checkout is one
// environment however one got there. Nothing is written, but for a machine ID where the system has none.
func Identify(stateDir, path, name string) (Environment, error) {
	path, err := canonical(path)
	if err != nil {
		return Environment{}, err
	}
	machine, err := machineIDIn(stateDir)
	if err != nil {
		return Environment{}, err
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	e := identify(userName(), host, machine, path, name)
	e.Folder = filepath.Join(stateDir, e.ID)
	return e, nil
}

func identify(user, host, machine, path, name string) Environment {
	project := projectOf(filepath.Base(filepath.Dir(path)))
	if name != "" {
		project = projectOf(name)
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{user, machine, path, name}, "\x00")))
	at := user + "@" + host
	return Environment{
		ID: project + "-" + hex.EncodeToString(sum[:4]), Project: project, Path: path, Name: name,
		User: at, Owner: at + ":" + path,
	}
}

// canonical is path without links above the file. A folder that does not exist stays as it is.
func canonical(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the Tiltfile: %w", err)
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return path, nil //nolint:nilerr // it does not exist, which whoever reads it will say better
	}
	return filepath.Join(folder, filepath.Base(path)), nil
}

// userName is the name of this user, or the number of one without a name.
func userName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return strconv.Itoa(os.Getuid())
}

// machineIDIn is what tells this machine from others: the system's own ID, or, where that has none, as in many containers,
// one that is kept in the state folder.
func machineIDIn(stateDir string) (string, error) {
	if id := strings.TrimSpace(systemMachineID()); id != "" {
		return id, nil
	}
	return keptMachineID(stateDir)
}

// keptMachineID is the ID in the state folder. The first who asks makes it.
func keptMachineID(stateDir string) (string, error) {
	path := filepath.Join(stateDir, "machine-id")
	if id, err := readMachineID(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	if err := state.EnsureRoot(stateDir); err != nil {
		return "", err
	}
	// Two commands that both come first must agree.
	lock := flock.New(path + ".lock")
	if err := lock.Lock(); err != nil {
		return "", fmt.Errorf("lock the machine ID: %w", err)
	}
	defer func() { _ = lock.Unlock() }()
	if id, err := readMachineID(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails, says its documentation
	id := hex.EncodeToString(random)
	if err := state.WriteFile(path, []byte(id+"\n")); err != nil {
		return "", fmt.Errorf("keep a machine ID: %w", err)
	}
	return id, nil
}

// readMachineID returns the ID in the file at path. An empty file is as good as none.
func readMachineID(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the machine ID: %w", err)
	}
	id := strings.TrimSpace(string(data))
	if id == "" {
		return "", fmt.Errorf("the machine ID in %s is empty: %w", path, fs.ErrNotExist)
	}
	return id, nil
}
