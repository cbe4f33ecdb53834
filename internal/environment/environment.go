package environment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/envflow/envflow/internal/state"
)

// Environment is one environment of this user, as <state>/<id>/environment.json has it.
type Environment struct {
	ID      string `json:"id"`
	Project string `json:"project"` // first part of the ID
	Path    string `json:"path"`    // absolute path of the Tiltfile
	Name    string `json:"name"`    // --name; "" if there was none
	User    string `json:"user"`    // user@host
	Owner   string `json:"owner"`   // user@host:path

	// Where the last `up` brought it up, so that `down` goes there too.
	KubeConfig string `json:"kube_config"` // value of KUBECONFIG; "": as kubectl finds it
	Context    string `json:"context"`     // "": nothing was configured
	Namespace  string `json:"namespace"`   // "": as the context says

	Created time.Time `json:"created"`
	Folder  string    `json:"-"` // its state folder
}

// Database is the path of the records, state.db.
func (e Environment) Database() string { return filepath.Join(e.Folder, "state.db") }

// Logs is the folder of the log that `envflow logs` reads.
func (e Environment) Logs() string { return filepath.Join(e.Folder, "log") }

// WorkerLog is the file that the worker's own messages go to.
func (e Environment) WorkerLog() string { return filepath.Join(e.Folder, "worker.log") }

// record is the name of the file that makes a folder an environment.
const record = "environment.json"

// idPattern is the shape of an ID, so that no argument of a command leads out of the state folder.
var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}-[0-9a-f]{8}$`)

// ValidID reports whether id looks like the ID of an environment.
func ValidID(id string) bool { return idPattern.MatchString(id) }

// Save writes the record, in the environment's folder, which is made if need be. The first Created stays.
func (e Environment) Save() error {
	if err := state.EnsureRoot(filepath.Dir(e.Folder)); err != nil {
		return err
	}
	if err := state.EnsureDir(e.Folder); err != nil {
		return err
	}
	if before, err := read(e.Folder); err == nil && !before.Created.IsZero() {
		e.Created = before.Created
	}
	if e.Created.IsZero() {
		e.Created = time.Now().UTC().Truncate(time.Second)
	}
	if err := state.WriteJSON(filepath.Join(e.Folder, record), e); err != nil {
		return fmt.Errorf("remember the environment %s: %w", e.ID, err)
	}
	return nil
}

// Load returns the environment id. It matches fs.ErrNotExist if none of that ID is known.
func Load(stateDir, id string) (Environment, error) {
	if !ValidID(id) {
		return Environment{}, fmt.Errorf("%q is no ID of an environment: %w", id, fs.ErrNotExist)
	}
	return read(filepath.Join(stateDir, id))
}

func read(folder string) (Environment, error) {
	var e Environment
	if err := state.ReadJSON(filepath.Join(folder, record), &e); err != nil {
		return Environment{}, fmt.Errorf("read what is known of an environment: %w", err)
	}
	if e.ID != filepath.Base(folder) {
		return Environment{}, fmt.Errorf("the record in %s is of another environment, %q", folder, e.ID)
	}
	e.Folder = folder
	return e, nil
}

// List returns all environments that are known, by ID. What cannot be read is left out, and comes back as the error beside
// the others.
func List(stateDir string) ([]Environment, error) {
	entries, err := os.ReadDir(stateDir) // sorted
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("list the environments: %w", err)
	}
	var all []Environment
	var broken []error
	for _, entry := range entries {
		if !entry.IsDir() || !ValidID(entry.Name()) {
			continue
		}
		e, err := read(filepath.Join(stateDir, entry.Name()))
		switch {
		case err == nil:
			all = append(all, e)
		case !errors.Is(err, fs.ErrNotExist):
			broken = append(broken, err)
		}
	}
	return all, errors.Join(broken...)
}

// Remove forgets the environment and deletes its folder, with its records and logs. One that is not known is no error.
func Remove(stateDir, id string) error {
	if !ValidID(id) {
		return nil
	}
	if err := os.RemoveAll(filepath.Join(stateDir, id)); err != nil {
		return fmt.Errorf("forget the environment %s: %w", id, err)
	}
	return nil
}

// maxProject is how long the project's part of an ID may be: with dash and digits it stays below the 63 characters of a
// label's value in Kubernetes.
const maxProject = 40

// projectOf makes the first part of an ID from a name. A label's value in Kubernetes begins with a letter or a digit, so
// dashes at the beginning go.
func projectOf(name string) string {
	var out strings.Builder
	for _, r := range strings.ToLower(name) {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			r = '-'
		}
		out.WriteRune(r)
	}
	project := strings.TrimLeft(out.String(), "-")
	if len(project) > maxProject {
		project = project[:maxProject]
	}
	if project == "" {
		return "environment"
	}
	return project
}
