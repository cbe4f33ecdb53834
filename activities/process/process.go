package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/envflow/envflow/activities"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/filetree"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
	"github.com/envflow/envflow/internal/supervise"
)

// Records keep how commands have gone.
type Records interface {
	Command(ctx context.Context, resource string) (records.Command, bool, error)
	Commands(ctx context.Context) ([]string, error)
	PutCommand(ctx context.Context, c records.Command) error
	DeleteCommand(ctx context.Context, resource string) error
}

// Activities are those of local processes.
type Activities struct {
	Plans   *activities.Plans
	Records Records
	Digests filetree.Cache         // of files
	Folder  string                 // below which each process has its folder
	Agent   func() (string, error) // path of envflow-agent
	Environ func() []string        // that a command inherits which is started now
	Holder  string                 // file that is locked while processes are wanted
	Orphan  time.Duration          // that it may be free before they are ended
	// Enter waits for a place among the updates. Alone means: while no other runs.
	Enter func(ctx context.Context, resource string, alone bool) (leave func(), err error)
	// Observe looks at a resource now, and returns what runs of it.
	Observe func(resource string) *api.Runtime
	Log     activities.Log
}

// Kinds of processes.
const (
	KindCommand = "cmd"
	KindServer  = "serve"
)

// Dir is the folder of a resource's process below folder. Names of resources may hold what names of files may not.
func Dir(folder, resource, kind string) string {
	const longest = 40
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, resource)
	sum := sha256.Sum256([]byte(resource))
	return filepath.Join(folder, name[:min(longest, len(name))]+"-"+hex.EncodeToString(sum[:4]), kind)
}

// nameFile is beside the folders of a resource's processes, and says whose they are.
const nameFile = "name"

// putName says whose processes have their folders beside dir.
func putName(dir, resource string) error {
	path := filepath.Join(filepath.Dir(dir), nameFile)
	if data, err := os.ReadFile(path); err == nil && string(data) == resource {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder of a process: %w", err)
	}
	return os.WriteFile(path, []byte(resource), 0o600)
}

// Any reports whether a process runs.
func (a *Activities) Any() bool {
	return slices.ContainsFunc(a.dirs(), func(dir string) bool {
		state, err := supervise.Read(dir)
		return err == nil && state.Alive()
	})
}

// dirs are the folders of all processes that there were.
func (a *Activities) dirs() []string {
	var all []string
	for _, kind := range []string{KindCommand, KindServer} {
		found, _ := filepath.Glob(filepath.Join(escape(a.Folder), "*", kind)) // the pattern is fine
		all = append(all, found...)
	}
	return all
}

// escape makes a pattern of a path that matches nothing else.
func escape(path string) string {
	if os.PathSeparator == '\\' {
		return path // nothing is escaped there, and brackets are rare
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// Environment is that of a command: what the worker has inherited, as the Tiltfile and the command change it.
func Environment(inherited []string, p *plan.Plan, c *plan.Command) []string {
	set := maps.Clone(p.Settings.Env)
	if set == nil {
		set = map[string]string{}
	}
	maps.Copy(set, c.Env)
	drop := map[string]bool{}
	for _, name := range p.Settings.Unset {
		drop[name] = true
	}
	env := make([]string, 0, len(inherited)+len(set))
	for _, pair := range inherited {
		name, _, _ := strings.Cut(pair, "=")
		if _, other := set[name]; !other && !drop[name] {
			env = append(env, pair)
		}
	}
	for name, value := range set {
		env = append(env, name+"="+value)
	}
	return env
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
