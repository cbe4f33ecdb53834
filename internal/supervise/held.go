package supervise

import (
	"errors"
	"io/fs"
	"os"

	"github.com/gofrs/flock"
)

// Held reports whether a process has locked the file. Nobody has one that is not there.
func Held(path string) (bool, error) {
	// Shared, so that those who only look do not see each other; and the file is not made by looking.
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryRLock()
	defer func() { _ = lock.Close() }() // opened for reading; it lets go of the lock too
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && !free, err
}
