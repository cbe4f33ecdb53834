package system

import (
	_ "embed"
	"os"
	"path/filepath"
	"runtime"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

//go:embed builtins.md
var docs string

// executable returns what sys.executable is.
func executable(run *kit.Run) string {
	if run.Executable != "" {
		return run.Executable
	}
	if program, err := os.Executable(); err == nil {
		return program
	}
	return "envflow"
}

// New registers the family.
func New(run *kit.Run) {
	run.Document(docs)
	name := "posix"
	if runtime.GOOS == "windows" {
		name = "nt"
	}
	run.Value("os.name", gostarlark.String(name))
	run.Value("os.environ", run.Environ)
	run.Builtin("os.getcwd", func(c *kit.Call) (gostarlark.Value, error) {
		return gostarlark.String(c.WorkingDir()), c.Unpack()
	})
	run.Builtin("os.getenv", getenv)
	run.Builtin("os.putenv", func(c *kit.Call) (gostarlark.Value, error) {
		var key, value kit.Str
		if err := c.Unpack("key", &key, "value", &value); err != nil {
			return nil, err
		}
		c.Environ.Put(string(key), string(value))
		return nil, nil
	})
	run.Builtin("os.unsetenv", func(c *kit.Call) (gostarlark.Value, error) {
		var key kit.Str
		if err := c.Unpack("key", &key); err != nil {
			return nil, err
		}
		c.Environ.Remove(string(key))
		return nil, nil
	})
	registerPaths(run)

	argv := []gostarlark.Value{gostarlark.String("envflow")}
	if run.Subcommand != "" {
		argv = append(argv, gostarlark.String(run.Subcommand))
	}
	for _, arg := range run.Arguments() {
		argv = append(argv, gostarlark.String(arg))
	}
	run.Value("sys.argv", gostarlark.NewList(argv))
	run.Value("sys.executable", gostarlark.String(executable(run)))
	run.Builtin("shlex.quote", func(c *kit.Call) (gostarlark.Value, error) {
		var s kit.Str
		if err := c.Unpack("s", &s); err != nil {
			return nil, err
		}
		return gostarlark.String(plan.Quote(string(s))), nil
	})
	run.Builtin("local", local)
	run.OnFinish(func() error {
		run.Plan.Settings.Env, run.Plan.Settings.Unset = run.Environ.Changes()
		return nil
	})
}

func getenv(c *kit.Call) (gostarlark.Value, error) {
	var key kit.Str
	var fallback gostarlark.Value = gostarlark.None
	if err := c.Unpack("key", &key, "default?", &fallback); err != nil {
		return nil, err
	}
	if value, ok := c.Environ.Lookup(string(key)); ok {
		return gostarlark.String(value), nil
	}
	return fallback, nil
}

// registerPaths registers os.path. Relative paths start from the folder of the executing file.
func registerPaths(run *kit.Run) {
	of := func(name string, fn func(c *kit.Call, path string) (gostarlark.Value, error)) {
		run.Builtin("os.path."+name, func(c *kit.Call) (gostarlark.Value, error) {
			var path kit.Str
			if err := c.Unpack("path", &path); err != nil {
				return nil, err
			}
			return fn(c, string(path))
		})
	}
	of("abspath", func(c *kit.Call, path string) (gostarlark.Value, error) { return gostarlark.String(c.Path(path)), nil })
	of("basename", func(_ *kit.Call, path string) (gostarlark.Value, error) {
		return gostarlark.String(filepath.Base(path)), nil
	})
	of("dirname", func(_ *kit.Call, path string) (gostarlark.Value, error) {
		return gostarlark.String(filepath.Dir(path)), nil
	})
	of("exists", func(c *kit.Call, path string) (gostarlark.Value, error) {
		path = c.Path(path)
		c.Note(path)
		_, err := os.Stat(path)
		return gostarlark.Bool(err == nil), nil
	})
	of("realpath", func(c *kit.Call, path string) (gostarlark.Value, error) {
		target, err := filepath.EvalSymlinks(c.Path(path))
		return gostarlark.String(target), err
	})
	run.Builtin("os.path.join", func(c *kit.Call) (gostarlark.Value, error) {
		if len(c.Kwargs) > 0 || len(c.Args) == 0 {
			return nil, c.Unpack("path", new(kit.Str)) // says what is wrong
		}
		var parts []string
		for _, arg := range c.Args {
			var part kit.Str
			if err := part.Unpack(arg); err != nil {
				return nil, err
			}
			if filepath.IsAbs(string(part)) {
				parts = nil // as in Python
			}
			parts = append(parts, string(part))
		}
		return gostarlark.String(filepath.Join(parts...)), nil
	})
	run.Builtin("os.path.relpath", func(c *kit.Call) (gostarlark.Value, error) {
		var target, base kit.Str
		if err := c.Unpack("targpath", &target, "basepath?", &base); err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(c.Path(string(base)), c.Path(string(target)))
		return gostarlark.String(rel), err
	})
}
