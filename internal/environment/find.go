package environment

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/envflow/envflow/internal/fault"
)

// Tiltfile is the name that is looked for in a folder.
const Tiltfile = "Tiltfile"

// Path returns where the Tiltfile that a command means would be: at file if it is not empty, which may also name a folder,
// else in dir.
func Path(dir, file string) string {
	switch {
	case file == "":
		return filepath.Join(dir, Tiltfile)
	case !filepath.IsAbs(file):
		file = filepath.Join(dir, file)
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return filepath.Join(file, Tiltfile)
	}
	return file
}

// Find is Path for a Tiltfile that must be there. A missing one is a fault that says what to do.
func Find(dir, file string) (string, error) {
	path := Path(dir, file)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && file == "":
		return "", fault.Wrap(err, fault.Config, "go to a folder that has one, or name it: --file PATH", "there is no Tiltfile in %s", dir)
	case errors.Is(err, fs.ErrNotExist):
		return "", fault.Wrap(err, fault.Config, "check the path after --file", "there is no Tiltfile at %s", path)
	case err != nil:
		return "", fault.Wrap(err, fault.Config, "check that you may read it", "the Tiltfile %s cannot be looked at", path)
	case info.IsDir():
		return "", fault.New(fault.Config, "name a file: --file PATH", "%s is a folder, not a Tiltfile", path)
	}
	return path, nil
}
