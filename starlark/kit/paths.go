package kit

import (
	"fmt"

	gostarlark "go.starlark.net/starlark"
)

// Folder is a value that stands for a folder, such as a repository of git. It is accepted wherever a folder is named.
type Folder interface{ FolderPath() string }

// pathText returns the path that a value names.
func pathText(v gostarlark.Value) (string, bool) {
	if folder, ok := v.(Folder); ok {
		return folder.FolderPath(), true
	}
	return Text(v)
}

// Path takes what Str takes, or a Folder.
type Path string

// Unpack implements starlark.Unpacker.
func (p *Path) Unpack(v gostarlark.Value) error {
	text, ok := pathText(v)
	if !ok {
		return fmt.Errorf("got %s, want string", v.Type())
	}
	*p = Path(text)
	return nil
}

// Paths takes what Strs takes, or Folders.
type Paths []string

// Unpack implements starlark.Unpacker.
func (p *Paths) Unpack(v gostarlark.Value) error {
	list, err := oneOrMoreTexts(v, pathText)
	*p = list
	return err
}
