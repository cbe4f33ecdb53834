package process

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/envflow/envflow/activities/liveupdate"
	"github.com/envflow/envflow/internal/filetree"
	"github.com/envflow/envflow/internal/ignore"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
)

// marks are what files hold: absolute path to mark. A file that is not there has none.
type marks = map[string]string

// inputs reads what the deps of a resource hold.
func (a *Activities) inputs(ctx context.Context, l *plan.Local) (marks, error) {
	filter, err := ignore.New(l.Ignores...)
	if err != nil {
		return nil, err
	}
	all := marks{}
	for _, dep := range l.Deps {
		tree, _, err := filetree.Scan(ctx, dep, filter, a.Digests)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for path, entry := range tree {
			all[path] = liveupdate.Mark(entry)
		}
	}
	return all, nil
}

// differing returns the paths that have not the same mark in both, with that in b.
func differing(a, b marks) marks {
	out := marks{}
	for path, mark := range b {
		if a[path] != mark {
			out[path] = mark
		}
	}
	for path := range a {
		if _, ok := b[path]; !ok {
			out[path] = ""
		}
	}
	return out
}

// A command may write below its own deps. A file that changed during a run was changed by the command or by somebody who
// works on it, which nobody can tell. So the command is run once more, and mostly changes nothing then. What it changes with each
// run is its own: after ownAfter runs that were made for nothing else it counts no more, and neither do files of new names that
// the last of these has made. Object code is the command's own sooner: people do not write that.
const ownAfter = 2

// changedSince returns what has changed since the last run began, but for what that has changed itself and is known to.
func changedSince(record *records.Command, inputs marks) marks {
	changed := differing(record.Inputs, inputs)
	drop := func(own marks) {
		for path, mark := range own {
			if is, ok := changed[path]; ok && is == mark {
				delete(changed, path)
			}
		}
	}
	drop(record.Outputs)
	if record.Own >= ownAfter { // more of them would be made for ever
		drop(record.Changed)
	}
	return changed
}

// begin makes the record that of a run that begins.
func begin(record *records.Command, spec, run string, inputs marks) {
	changed := changedSince(record, inputs)
	own := record.Spec == spec && len(changed) > 0
	for path, mark := range changed {
		delete(record.Outputs, path) // somebody else has changed it too
		if left, ok := record.Changed[path]; !ok || left != mark {
			own = false
		}
	}
	if record.Own++; !own {
		record.Own = 0
	}
	record.Spec, record.Running, record.Inputs, record.Failed = spec, run, inputs, ""
}

// end makes the record that of a run that has ended. It returns what is newly known to be the command's own.
func end(record *records.Command, inputs marks) (own []string) {
	before, suspects := record.Changed, record.Suspects
	record.Running, record.Changed, record.Suspects = "", differing(record.Inputs, inputs), map[string]int{}
	outputs, objects := maps.Clone(record.Outputs), maps.Clone(record.Objects)
	if outputs == nil {
		outputs = marks{}
	}
	if objects == nil {
		objects = map[string]int{}
	}
	for path, mark := range record.Changed {
		_, known := outputs[path]
		_, again := before[path]
		_, was := record.Inputs[path]
		switch again = again && record.Own > 0; {
		case known, isObjectCode(path) && (!was || objects[path] > 0): // the command has made it, or has changed it before
			outputs[path] = mark
		case isObjectCode(path):
			objects[path]++
		case again && suspects[path]+1 >= ownAfter:
			outputs[path] = mark
			own = append(own, path)
		case again:
			record.Suspects[path] = suspects[path] + 1
		case record.Own >= ownAfter:
			own = append(own, path)
		}
	}
	record.Outputs, record.Objects = outputs, objects
	slices.Sort(own)
	return own
}

// objectCode are the first bytes of what compilers and linkers write: ELF, Mach-O, PE, Java classes and universal binaries,
// WebAssembly, archives.
var objectCode = [][]byte{
	[]byte("\x7fELF"), []byte("\xfe\xed\xfa\xce"), []byte("\xfe\xed\xfa\xcf"), []byte("\xce\xfa\xed\xfe"), []byte("\xcf\xfa\xed\xfe"),
	[]byte("MZ"), []byte("\xca\xfe\xba\xbe"), []byte("\x00asm"), []byte("!<arch>\n"),
}

func isObjectCode(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() { // a pipe would not let go of whoever opens it
		return false
	}
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }() // opened for reading
	first := make([]byte, 8)
	n, _ := io.ReadFull(file, first) // one that is shorter is none
	return slices.ContainsFunc(objectCode, func(magic []byte) bool { return bytes.HasPrefix(first[:n], magic) })
}
