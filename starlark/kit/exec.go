package kit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	gostarlark "go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// dialect is that of Tilt.
var dialect = &syntax.FileOptions{
	Set:             true,
	While:           true,
	TopLevelControl: true,
	GlobalReassign:  true,
	Recursion:       true,
}

// Dialect is how Tiltfiles are parsed, for those who do not execute them.
func Dialect() *syntax.FileOptions {
	options := *dialect
	return &options
}

// module is a file that was executed, or is being executed.
type module struct {
	globals gostarlark.StringDict
	err     error
	running bool
}

// ErrExit is what exit() returns: all files end, and what was registered stays.
var ErrExit = errors.New("exit")

// Exec executes a file of the absolute path, once in a Run, and returns its globals.
func (r *Run) Exec(path string) (gostarlark.StringDict, error) {
	if m, ok := r.loaded[path]; ok {
		if m.running {
			return nil, Hint(fmt.Errorf("%s is being executed already", r.Display(path)), "two files load each other; move what both need to a third")
		}
		return m.globals, m.err
	}
	m := &module{running: true}
	r.loaded[path] = m
	m.globals, m.err = r.execute(path)
	m.running = false
	return m.globals, m.err
}

// ExecAt executes the file that a Tiltfile names in load, load_dynamic or include: an extension, or else the file at path.
func (c *Call) ExecAt(name, path string) (gostarlark.StringDict, error) {
	if extension, ok := strings.CutPrefix(name, extensionPrefix); ok {
		var err error
		if path, err = c.FindExtension(extension); err != nil {
			return nil, err
		}
	}
	return c.Exec(path)
}

func (r *Run) execute(path string) (gostarlark.StringDict, error) {
	src, err := r.ReadFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no file %s", r.Display(path))
		}
		return nil, Unread(r.Display(path), err)
	}
	r.sources[path] = string(src)

	thread, stop := r.newThread(path)
	defer stop()
	globals := r.predeclared(path)
	program, err := r.compile(path, src, globals)
	if err != nil {
		return nil, err
	}
	exported, err := program.Init(thread, globals)
	exported.Freeze() // who loads the file cannot change what others load
	return exported, err
}

// CallFunction calls a function of the Tiltfile when all files were executed, as if the file that defines it did.
func (r *Run) CallFunction(fn *gostarlark.Function, args ...gostarlark.Value) (gostarlark.Value, error) {
	thread, stop := r.newThread(fn.Position().Filename())
	defer stop()
	return gostarlark.Call(thread, fn, args, nil)
}

// newThread returns a thread that executes the file of the given path. stop frees it.
func (r *Run) newThread(path string) (thread *gostarlark.Thread, stop func()) {
	thread = &gostarlark.Thread{
		Name:       path,
		Print:      r.print,
		OnMaxSteps: r.watch,
	}
	thread.SetMaxExecutionSteps(depthEvery)
	thread.Load = func(thread *gostarlark.Thread, name string) (gostarlark.StringDict, error) {
		c := &Call{Run: r, Name: "load", thread: thread}
		return c.ExecAt(name, c.Path(name))
	}
	uncancel, unwatch := context.AfterFunc(r.Ctx, func() { thread.Cancel("evaluation was cancelled") }), r.watchMemory(thread)
	return thread, func() {
		uncancel()
		unwatch()
	}
}

// programKey is what a compiled file was made from. The names that are there without being defined are resolved by the compiler.
type programKey struct {
	path   string
	digest Digest // of the source and the predeclared names
}

// compile parses and compiles a file, unless the cache has it. A compiled file can be executed any number of times: each time has
// globals of its own.
func (r *Run) compile(path string, src []byte, predeclared gostarlark.StringDict) (*gostarlark.Program, error) {
	digest := NewDigester()
	digest.AddBytes(src)
	digest.Add(predeclared.Keys()...)
	key := programKey{path: path, digest: digest.Sum()}
	return Cached(r.Cache, key, func() (*gostarlark.Program, error) {
		_, program, err := gostarlark.SourceProgramOptions(dialect, path, src, predeclared.Has)
		return program, err
	})
}
