package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/envflow/envflow/internal/state"
	"github.com/envflow/envflow/internal/supervise"
)

// inherited is what the commands that envflow runs get to see of it.
type inherited struct {
	Environ    []string // variables, NAME=value
	Executable string   // sys.executable in Tiltfiles: this program as tilt
}

// forItself are variables for one envflow alone.
var forItself = []string{apiKeyVariable, supervise.RestartsVariable, state.NameVariable, environmentVariable}

// inherited returns what commands of the environment id inherit: the variables of this process without those that are for envflow
// alone, the environment's ID unless that is "", and the folder of a program `tilt` first in PATH, since scripts call it.
func (e *environ) inherited(id string) (inherited, error) {
	var out inherited
	if e.Environ == nil {
		return out, nil
	}
	for _, pair := range e.Environ() {
		if name, _, _ := strings.Cut(pair, "="); !slices.Contains(forItself, name) {
			out.Environ = append(out.Environ, pair)
		}
	}
	if id != "" {
		out.Environ = append(out.Environ, environmentVariable+"="+id)
	}
	stateDir, err := state.Dir(e.LookupEnv)
	if err != nil {
		return out, err
	}
	if out.Executable, err = linkTilt(stateDir); err == nil {
		putFirst(out.Environ, filepath.Dir(out.Executable))
	}
	return out, err
}

// linkTilt makes a link to this program with Tilt's name, where it is missing, and returns its path. Each envflow on the machine has
// one of its own.
func linkTilt(stateDir string) (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the program that runs: %w", err)
	}
	sum := sha256.Sum256([]byte(program))
	link := filepath.Join(stateDir, "bin", hex.EncodeToString(sum[:6]), tiltName)
	makeLink := os.Symlink
	if runtime.GOOS == "windows" {
		link, makeLink = link+".exe", os.Link // a symbolic link needs rights that people do not have
	}
	target, err := os.Stat(program)
	if err != nil {
		return "", fmt.Errorf("find the program that runs: %w", err)
	}
	if found, err := os.Stat(link); err == nil && os.SameFile(found, target) {
		return link, nil
	}
	if err := state.EnsureDir(filepath.Dir(link)); err != nil {
		return "", err
	}
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) { // it leads to what was there before
		return "", state.WriteFault(err, link)
	}
	if err := makeLink(program, link); err != nil && !errors.Is(err, fs.ErrExist) { // another process was quicker
		return "", state.WriteFault(err, link)
	}
	return link, nil
}

// putFirst puts dir first in the PATH among variables.
func putFirst(environ []string, dir string) {
	for i, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if name != "PATH" && !(runtime.GOOS == "windows" && strings.EqualFold(name, "PATH")) {
			continue
		}
		dirs := slices.DeleteFunc(filepath.SplitList(value), func(other string) bool { return other == dir })
		environ[i] = name + "=" + strings.Join(append([]string{dir}, dirs...), string(filepath.ListSeparator))
	}
}
