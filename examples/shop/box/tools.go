package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// stdio is what a tool works with: its folder, input and output.
type stdio struct {
	dir string
	in  io.Reader
	out io.Writer
}

// path returns where a name leads that was given to the tool.
func (s stdio) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.dir, name)
}

// tools have the options that scripts of envflow and short ones of people use. Others they refuse.
var tools = map[string]func(s stdio, args []string) error{
	"cat":       cat,
	"head":      head,
	"mkdir":     mkdir,
	"mv":        mv,
	"readlink":  readlink,
	"rm":        rm,
	"sha256sum": sha256sum,
	"tar":       tar,
}

// options takes the options, of the letters that are known, off the arguments.
func options(args []string, known string) (given string, rest []string, err error) {
	for i, arg := range args {
		if arg == "--" {
			return given, args[i+1:], nil
		}
		letters, ok := strings.CutPrefix(arg, "-")
		if !ok || letters == "" {
			return given, args[i:], nil
		}
		if strings.Trim(letters, known) != "" {
			return "", nil, fmt.Errorf("option %s is unknown here", arg)
		}
		given += letters
	}
	return given, nil, nil
}

func cat(s stdio, args []string) error {
	_, files, err := options(args, "")
	if err != nil {
		return err
	}
	return s.each(files, func(_ string, r io.Reader) error {
		_, err := io.Copy(s.out, r)
		return err
	})
}

// head is `head -c BYTES [FILE...]`. It reads not one byte more, because the shell goes on to read behind them.
func head(s stdio, args []string) error {
	if len(args) < 2 || args[0] != "-c" {
		return errors.New("only -c BYTES is known here")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return err
	}
	return s.each(args[2:], func(_ string, r io.Reader) error {
		_, err := io.Copy(s.out, io.LimitReader(r, n))
		return err
	})
}

func mkdir(s stdio, args []string) error {
	given, dirs, err := options(args, "p")
	if err != nil {
		return err
	}
	create := os.Mkdir
	if given != "" {
		create = os.MkdirAll
	}
	var failed []error
	for _, dir := range dirs {
		failed = append(failed, create(s.path(dir), 0o777))
	}
	return errors.Join(failed...)
}

// mv is `mv [-f] FROM TO`. To another file system it does not move.
func mv(s stdio, args []string) error {
	_, names, err := options(args, "f")
	if err != nil {
		return err
	}
	if len(names) != 2 {
		return errors.New("wants two names")
	}
	from, to := s.path(names[0]), s.path(names[1])
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		to = filepath.Join(to, filepath.Base(from))
	}
	return os.Rename(from, to)
}

func readlink(s stdio, args []string) error {
	_, names, err := options(args, "")
	if err != nil {
		return err
	}
	for _, name := range names {
		target, err := os.Readlink(s.path(name))
		if err != nil {
			return err
		}
		fmt.Fprintln(s.out, target)
	}
	return nil
}

func rm(s stdio, args []string) error {
	given, names, err := options(args, "rRf")
	if err != nil {
		return err
	}
	remove := os.Remove
	if strings.ContainsAny(given, "rR") {
		remove = os.RemoveAll
	}
	force := strings.Contains(given, "f")
	var failed []error
	for _, name := range names {
		if err := remove(s.path(name)); err != nil && !(force && errors.Is(err, os.ErrNotExist)) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func sha256sum(s stdio, args []string) error {
	_, files, err := options(args, "")
	if err != nil {
		return err
	}
	return s.each(files, func(name string, r io.Reader) error {
		sum := sha256.New()
		if _, err := io.Copy(sum, r); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "%x  %s\n", sum.Sum(nil), name)
		return err
	})
}

// each hands out the files, or the input if there are none. It goes on after a file that fails.
func (s stdio) each(files []string, f func(name string, r io.Reader) error) error {
	if len(files) == 0 || slices.Equal(files, []string{"-"}) {
		return f("-", s.in)
	}
	var failed []error
	for _, name := range files {
		failed = append(failed, func() error {
			file, err := os.Open(s.path(name))
			if err != nil {
				return err
			}
			defer file.Close()
			return f(name, file)
		}())
	}
	return errors.Join(failed...)
}
