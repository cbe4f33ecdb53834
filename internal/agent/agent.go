package agent

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"

	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/state"
)

// embedded has <goos>_<goarch>.gz for each system that this envflow has an agent for.
//
//go:embed all:embedded
var embedded embed.FS

// Path returns the path of an envflow-agent that runs on this machine. What the binary holds is unpacked below the state folder,
// under the digest of its content, so that one that runs is never written over.
func Path(stateDir string) (string, error) {
	packed, err := embedded.ReadFile(path.Join("embedded", runtime.GOOS+"_"+runtime.GOARCH+".gz"))
	if errors.Is(err, fs.ErrNotExist) {
		return beside()
	}
	if err != nil {
		return "", fmt.Errorf("read the agent: %w", err)
	}
	sum := sha256.Sum256(packed)
	file := filepath.Join(stateDir, "agent", hex.EncodeToString(sum[:6]), name())
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	return file, unpack(packed, file)
}

func name() string {
	if runtime.GOOS == "windows" {
		return "envflow-agent.exe"
	}
	return "envflow-agent"
}

// unpack writes the file at once: several processes may be at it.
func unpack(packed []byte, file string) (err error) {
	if err := state.EnsureDir(filepath.Dir(file)); err != nil {
		return err
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("unpack the agent: %w", err)
	}
	out, err := os.CreateTemp(filepath.Dir(file), name()+"-*")
	if err != nil {
		return state.WriteFault(err, file)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(out.Name()) // the error is the one to tell
		}
	}()
	_, err = io.Copy(out, r) //nolint:gosec // it is our own
	if err = errors.Join(err, out.Chmod(0o700), out.Close()); err != nil {
		return state.WriteFault(fmt.Errorf("unpack the agent: %w", err), file)
	}
	return os.Rename(out.Name(), file)
}

// beside finds the agent that lies where this program does.
func beside() (string, error) {
	executable, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the agent: %w", err)
	}
	if target, err := filepath.EvalSymlinks(executable); err == nil {
		executable = target
	}
	file := filepath.Join(filepath.Dir(executable), name())
	if _, err := os.Stat(file); err != nil {
		return "", fault.Wrap(err, fault.Missing, "build it with `make build`", "this envflow was built without its agent, and there is none at %s", file)
	}
	return file, nil
}
