package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Tree is a set of files, by their path without a leading slash, that become a layer. Everything belongs to root.
type Tree map[string]Entry

// Entry is one file, folder or symbolic link of a Tree.
type Entry struct {
	Mode int64  // permission bits, also setuid and sticky
	Body []byte // content of a file
	Link string // target of a symbolic link
	Dir  bool
}

// Layer is a compressed layer of an image.
type Layer struct {
	Blob   []byte // gzipped tar
	DiffID string // digest of the tar
}

// File adds a file.
func (t Tree) File(name string, mode int64, body []byte) {
	t[clean(name)] = Entry{Mode: mode, Body: body}
}

// Text adds a file that everybody may read.
func (t Tree) Text(name, body string) { t.File(name, 0o644, []byte(body)) }

// Dir adds a folder.
func (t Tree) Dir(name string, mode int64) { t[clean(name)] = Entry{Mode: mode, Dir: true} }

// Link adds a symbolic link unless something of that name is there already.
func (t Tree) Link(name, target string) {
	if _, ok := t[clean(name)]; !ok {
		t[clean(name)] = Entry{Mode: 0o777, Link: target}
	}
}

// AddTar adds those members of a tar that keep accepts by their path without a leading slash.
func (t Tree) AddTar(r io.Reader, keep func(name string) bool) error {
	members := tar.NewReader(r)
	for {
		header, err := members.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read tar: %w", err)
		}
		name := clean(header.Name)
		if name == "" || !keep(name) {
			continue
		}
		entry := Entry{Mode: header.Mode & 0o7777}
		switch header.Typeflag {
		case tar.TypeDir:
			entry.Dir = true
		case tar.TypeSymlink:
			entry.Link = header.Linkname
		case tar.TypeReg:
			if entry.Body, err = io.ReadAll(members); err != nil {
				return fmt.Errorf("read %s from tar: %w", name, err)
			}
		default:
			return fmt.Errorf("read %s from tar: cannot keep a member of type %q", name, header.Typeflag)
		}
		t[name] = entry
	}
}

// Layer returns the tree as a layer. Parent folders that the tree does not name are added.
func (t Tree) Layer() (Layer, error) {
	all := maps.Clone(t)
	for name := range t {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, ok := all[dir]; !ok {
				all[dir] = Entry{Mode: 0o755, Dir: true}
			}
		}
	}
	var blob bytes.Buffer
	sum := sha256.New()
	compressed, err := gzip.NewWriterLevel(&blob, gzip.BestSpeed)
	if err != nil {
		return Layer{}, fmt.Errorf("compress layer: %w", err)
	}
	archive := tar.NewWriter(io.MultiWriter(compressed, sum))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := writeEntry(archive, name, all[name]); err != nil {
			return Layer{}, fmt.Errorf("write %s to layer: %w", name, err)
		}
	}
	if err := errors.Join(archive.Close(), compressed.Close()); err != nil {
		return Layer{}, fmt.Errorf("write layer: %w", err)
	}
	return Layer{Blob: blob.Bytes(), DiffID: "sha256:" + hex.EncodeToString(sum.Sum(nil))}, nil
}

func writeEntry(archive *tar.Writer, name string, e Entry) error {
	header := &tar.Header{Name: name, Mode: e.Mode, Typeflag: tar.TypeReg, Size: int64(len(e.Body)), ModTime: time.Unix(0, 0)}
	switch {
	case e.Dir:
		header.Typeflag, header.Name = tar.TypeDir, name+"/"
	case e.Link != "":
		header.Typeflag, header.Linkname = tar.TypeSymlink, e.Link
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := archive.Write(e.Body)
	return err
}

func clean(name string) string { return strings.Trim(path.Clean("/"+name), "/") }
