package records

import (
	"context"
	"maps"
	"slices"
)

// Command is how the command of a local resource has gone.
type Command struct {
	Resource string            `json:"resource"`
	Spec     string            `json:"spec"`               // plan.SpecDigest of the resource that was run
	Runs     int64             `json:"runs"`               // that went well, so far
	Running  string            `json:"running,omitempty"`  // digest of the run that was begun and is not known to have ended
	Failed   string            `json:"failed,omitempty"`   // in a line, why the last run failed; "": it went well
	Inputs   map[string]string `json:"inputs,omitempty"`   // absolute path -> mark: what its deps held when the last run began
	Changed  map[string]string `json:"changed,omitempty"`  // absolute path -> mark, "" for a file that is gone: what changed of them during that run
	Outputs  map[string]string `json:"outputs,omitempty"`  // those of Changed, and of earlier runs, that the command itself changes
	Own      int               `json:"own,omitempty"`      // how many runs in a row were made for nothing but Changed of the run before
	Objects  map[string]int    `json:"objects,omitempty"`  // path of object code -> how many runs have changed it
	Suspects map[string]int    `json:"suspects,omitempty"` // path -> how many of these have changed it again
}

// PutCommand records how the command of c.Resource has gone, in place of what was before.
func (s *Store) PutCommand(ctx context.Context, c Command) error {
	data, err := packJSON(c)
	if err != nil {
		return err
	}
	return s.exec(ctx, "record a command", "INSERT OR REPLACE INTO commands (resource, data) VALUES (?, ?)", c.Resource, data)
}

// Command returns how the command of resource has gone.
func (s *Store) Command(ctx context.Context, resource string) (c Command, ok bool, err error) {
	ok, err = s.get(ctx, "read the record of a command", func(scan func(...any) error) error {
		return scan(unpackedJSON(&c))
	}, "SELECT data FROM commands WHERE resource = ?", resource)
	return c, ok, err
}

// Commands returns the resources that have such a record.
func (s *Store) Commands(ctx context.Context) ([]string, error) {
	names := map[string]bool{}
	err := s.query(ctx, "read the records of commands", func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		names[name] = true
		return err
	}, "SELECT resource FROM commands")
	return slices.Sorted(maps.Keys(names)), err
}

// DeleteCommand forgets how the command of resource has gone.
func (s *Store) DeleteCommand(ctx context.Context, resource string) error {
	return s.exec(ctx, "forget a command", "DELETE FROM commands WHERE resource = ?", resource)
}
