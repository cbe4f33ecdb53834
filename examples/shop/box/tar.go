package main

import (
	archive "archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// tar is `tar [-C DIR] -x[o]f -`: it unpacks the input. Files belong to whoever runs it, as they do with -o.
func tar(s stdio, args []string) error {
	dir := s.dir
	if len(args) >= 2 && args[0] == "-C" {
		dir, args = s.path(args[1]), args[2:]
	}
	if len(args) != 2 || (args[0] != "-xf" && args[0] != "-xof") || args[1] != "-" {
		return errors.New("only [-C DIR] -xf - and -xof - are known here")
	}
	// What follows the end of the archive is read too, else whoever writes it would be cut off.
	defer func() { _, _ = io.Copy(io.Discard, s.in) }()
	var failed []error
	for r := archive.NewReader(s.in); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return errors.Join(failed...)
		}
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		if err := unpack(filepath.Join(dir, filepath.Clean("/"+header.Name)), header, r); err != nil {
			failed = append(failed, fmt.Errorf("unpack %s: %w", header.Name, err))
		}
	}
}

func unpack(path string, header *archive.Header, content io.Reader) error {
	mode := header.FileInfo().Mode().Perm()
	if header.Typeflag == archive.TypeDir {
		return os.MkdirAll(path, mode)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	// A file is made anew instead of written into: it may be a link, or a program that runs.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	switch header.Typeflag {
	case archive.TypeReg:
		return create(path, mode, header, content)
	case archive.TypeSymlink:
		return os.Symlink(header.Linkname, path)
	}
	return fmt.Errorf("entries of type %q are unknown here", header.Typeflag)
}

func create(path string, mode os.FileMode, header *archive.Header, content io.Reader) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, content); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Chtimes(path, header.ModTime, header.ModTime)
}
