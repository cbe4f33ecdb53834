package language

import (
	_ "embed"
	"fmt"

	gostarlark "go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/envflow/envflow/starlark/kit"
)

//go:embed builtins.md
var docs string

//go:embed functions.md
var functions string // the interpreter's own

// New registers the family.
func New(run *kit.Run) {
	run.Document(docs)
	run.Document(functions)
	run.Builtin("include", include)
	run.Builtin("load_dynamic", loadDynamic)
	run.Builtin("warn", warn)
	run.Builtin("fail", fail)
	run.Builtin("exit", exit)
	run.Value("struct", gostarlark.NewBuiltin("struct", starlarkstruct.Make))
	run.Value("module", gostarlark.NewBuiltin("module", starlarkstruct.MakeModule))
}

// include executes a file for what it registers.
func include(c *kit.Call) (gostarlark.Value, error) {
	_, err := execute(c)
	return nil, err
}

// loadDynamic executes a file and returns its global names, as a frozen dict. As in Tilt, those that load refuses are there too.
func loadDynamic(c *kit.Call) (gostarlark.Value, error) {
	globals, err := execute(c)
	if err != nil {
		return nil, err
	}
	exported := gostarlark.NewDict(len(globals))
	for _, name := range globals.Keys() {
		if err := exported.SetKey(gostarlark.String(name), globals[name]); err != nil {
			return nil, err
		}
	}
	exported.Freeze()
	return exported, nil
}

func execute(c *kit.Call) (gostarlark.StringDict, error) {
	var path kit.Str
	if err := c.Unpack("path", &path); err != nil {
		return nil, err
	}
	globals, err := c.ExecAt(string(path), c.Path(string(path)))
	if err != nil {
		return nil, fmt.Errorf("cannot load %s: %w", path, err)
	}
	return globals, nil
}

func warn(c *kit.Call) (gostarlark.Value, error) {
	var msg kit.Str
	if err := c.Unpack("msg", &msg); err != nil {
		return nil, err
	}
	c.Warn(c.Trace(), "%s", msg)
	return nil, nil
}

func fail(c *kit.Call) (gostarlark.Value, error) {
	var msg gostarlark.Value = gostarlark.String("fail")
	if err := c.Unpack("msg?", &msg); err != nil {
		return nil, err
	}
	text, ok := kit.Text(msg)
	if !ok {
		text = msg.String()
	}
	return nil, kit.Plain(text)
}

// exit ends the evaluation; what was registered stays. The code is shown only, as in Tilt.
func exit(c *kit.Call) (gostarlark.Value, error) {
	var code gostarlark.Value = gostarlark.None
	if err := c.Unpack("code?", &code); err != nil {
		return nil, err
	}
	if code != gostarlark.None {
		text, ok := kit.Text(code)
		if !ok {
			text = code.String()
		}
		_, _ = fmt.Fprintln(c.Output(), text) // no one to tell if the log is gone
	}
	return nil, kit.ErrExit
}
