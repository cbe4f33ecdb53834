package files

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/starlark/kit"
)

//go:embed builtins.md
var docs string

// New registers the family.
func New(run *kit.Run) {
	run.Document(docs)
	run.Builtin("read_file", func(c *kit.Call) (gostarlark.Value, error) {
		v, err := read(c, func(text string) (gostarlark.Value, error) { return &kit.Blob{Text: text}, nil })
		if text, ok := kit.Text(v); ok { // the default too
			v = &kit.Blob{Text: text}
		}
		return v, err
	})
	run.Builtin("read_json", func(c *kit.Call) (gostarlark.Value, error) { return read(c, decodeJSON) })
	run.Builtin("read_yaml", func(c *kit.Call) (gostarlark.Value, error) { return read(c, decodeYAML) })
	run.Builtin("read_yaml_stream", func(c *kit.Call) (gostarlark.Value, error) { return read(c, decodeYAMLStream) })
	run.Builtin("decode_json", func(c *kit.Call) (gostarlark.Value, error) { return decode(c, "json", decodeJSON) })
	run.Builtin("decode_yaml", func(c *kit.Call) (gostarlark.Value, error) { return decode(c, "yaml", decodeYAML) })
	run.Builtin("decode_yaml_stream", func(c *kit.Call) (gostarlark.Value, error) { return decode(c, "yaml", decodeYAMLStream) })
	run.Builtin("encode_json", func(c *kit.Call) (gostarlark.Value, error) { return encode(c, "obj", encodeJSON) })
	run.Builtin("encode_yaml", func(c *kit.Call) (gostarlark.Value, error) { return encode(c, "obj", encodeYAML) })
	run.Builtin("encode_yaml_stream", func(c *kit.Call) (gostarlark.Value, error) { return encode(c, "objs", encodeYAMLStream) })
	run.Builtin("blob", blob)
	run.Builtin("watch_file", watchFile)
	run.Builtin("listdir", listdir)
	run.Builtin("local_git_repo", localGitRepo)
}

// read reads a file and converts its text. default is for a file that is not there.
func read(c *kit.Call, convert func(string) (gostarlark.Value, error)) (gostarlark.Value, error) {
	var path kit.Str
	var fallback gostarlark.Value
	if err := c.Unpack("paths", &path, "default?", &fallback); err != nil {
		return nil, err
	}
	data, err := c.ReadFile(c.Path(string(path)))
	switch {
	case errors.Is(err, fs.ErrNotExist) && fallback != nil:
		return fallback, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, kit.Hint(fmt.Errorf("there is no file %s", path), "default=... gives a value for that case; paths start from %s", c.WorkingDir())
	case kit.IsDir(c.Path(string(path))):
		return nil, kit.Hint(fmt.Errorf("%s is a folder", path), "listdir lists the files in one")
	case err != nil:
		return nil, kit.Unread(string(path), err)
	}
	v, err := convert(string(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

func decode(c *kit.Call, parameter string, convert func(string) (gostarlark.Value, error)) (gostarlark.Value, error) {
	var text kit.Str
	if err := c.Unpack(parameter, &text); err != nil {
		return nil, err
	}
	return convert(string(text))
}

func encode(c *kit.Call, parameter string, convert func(gostarlark.Value) (string, error)) (gostarlark.Value, error) {
	var v gostarlark.Value
	if err := c.Unpack(parameter, &v); err != nil {
		return nil, err
	}
	text, err := convert(v)
	if err != nil {
		return nil, err
	}
	return &kit.Blob{Text: text}, nil
}

func blob(c *kit.Call) (gostarlark.Value, error) {
	var text kit.Str
	if err := c.Unpack("input", &text); err != nil {
		return nil, err
	}
	return &kit.Blob{Text: string(text)}, nil
}

// watchFile notes a file, or a folder with all that is below it.
func watchFile(c *kit.Call) (gostarlark.Value, error) {
	var paths kit.Paths
	if err := c.Unpack("paths", &paths); err != nil {
		return nil, err
	}
	for _, p := range c.Paths(paths) {
		if kit.IsDir(p) {
			c.NoteTree(p)
		} else {
			c.Note(p)
		}
	}
	return nil, nil
}

// listdir returns the absolute paths of the files in a folder, none if there is no such folder. As in Tilt the folder is watched
// only if recursive.
func listdir(c *kit.Call) (gostarlark.Value, error) {
	var dir kit.Path
	var recursive bool
	if err := c.Unpack("dir", &dir, "recursive?", &recursive); err != nil {
		return nil, err
	}
	root := c.Path(string(dir))
	list := []gostarlark.Value{}
	if !kit.IsDir(root) { // often it is in no repository, such as cluster-api's tilt.d
		c.Note(root)
		return gostarlark.NewList(list), nil
	}
	if recursive {
		c.NoteTree(root)
		if target, ok := linkTarget(root); ok {
			c.NoteTree(target)
		}
	}
	top := root + string(filepath.Separator) // so that a link is followed
	err := filepath.WalkDir(top, func(path string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case c.Ctx.Err() != nil:
			return c.Ctx.Err()
		case entry.IsDir() && path != top && !recursive:
			return filepath.SkipDir
		case !entry.IsDir():
			list = append(list, gostarlark.String(path))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return gostarlark.NewList(list), nil
}

// linkTarget returns what path leads to, if it is a link.
func linkTarget(path string) (string, bool) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return "", false
	}
	target, err := filepath.EvalSymlinks(path)
	return target, err == nil
}
