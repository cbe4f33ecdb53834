package liveupdate

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/filetree"
	"github.com/envflow/envflow/internal/plan"
)

// destination returns where the steps of an image's live update put a file of this machine. The last sync that covers it
// decides, as in Tilt.
func destination(image *plan.Image, file string) (remote string, ok bool) {
	for _, step := range slices.Backward(image.LiveUpdate) {
		if step.Kind != plan.StepSync {
			continue
		}
		rel, below := relative(step.Local, file)
		switch {
		case !below:
		case rel == "." && strings.HasSuffix(step.Remote, "/"):
			return path.Join(step.Remote, filepath.Base(file)), true
		case rel == ".":
			return step.Remote, true
		default:
			return path.Join(step.Remote, filepath.ToSlash(rel)), true
		}
	}
	return "", false
}

// uncovered returns a path that makes a build necessary: no sync covers it, or a fall_back_on does.
func uncovered(image *plan.Image, marks map[string]string) (file string, bad bool) {
	for _, file := range slices.Sorted(maps.Keys(marks)) {
		for _, step := range image.LiveUpdate {
			if step.Kind == plan.StepFallBackOn && below(step.Paths, file) {
				return file, true
			}
		}
		if _, ok := destination(image, file); !ok {
			return file, true
		}
	}
	return "", false
}

// Covers is true if a change of the file can be brought into a container that runs. It does not depend on whether the file is
// there.
func Covers(image *plan.Image, file string) bool {
	_, bad := uncovered(image, map[string]string{file: ""})
	return !bad
}

// triggered is true if a run step is due.
func triggered(step plan.Step, marks map[string]string) bool {
	if len(step.Triggers) == 0 {
		return true
	}
	for file := range marks {
		if below(step.Triggers, file) {
			return true
		}
	}
	return false
}

func below(roots []string, file string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		_, ok := relative(root, file)
		return ok
	})
}

// relative returns file as seen from root, if it is root or below it.
func relative(root, file string) (string, bool) {
	if file == root {
		return ".", true
	}
	rest, ok := strings.CutPrefix(file, strings.TrimSuffix(root, string(filepath.Separator))+string(filepath.Separator))
	return rest, ok
}

// pack makes the batch that brings the files of marks into a container, and says what it read: path to mark.
func pack(image *plan.Image, marks map[string]string) (b Batch, sent map[string]string, err error) {
	sent = map[string]string{}
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	for _, file := range slices.Sorted(maps.Keys(marks)) {
		remote, ok := destination(image, file)
		if !ok {
			return Batch{}, nil, fmt.Errorf("no sync covers %s", file)
		}
		mark := ""
		if marks[file] != "" {
			if mark, err = add(w, file, strings.TrimPrefix(remote, "/")); err != nil {
				return Batch{}, nil, err
			}
		}
		if mark == "" { // it has gone, perhaps a moment ago
			b.Deletes = append(b.Deletes, remote)
		}
		sent[file] = mark
	}
	if err := w.Close(); err != nil {
		return Batch{}, nil, err
	}
	if slices.ContainsFunc(slices.Collect(maps.Values(sent)), func(mark string) bool { return mark != "" }) {
		b.Tar = buffer.Bytes()
	}
	return b, sent, nil
}

// add writes one file into the archive. mark is "" if it does not exist.
func add(w *tar.Writer, file, name string) (mark string, err error) {
	info, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", unreadable(err)
	}
	header := &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), ModTime: info.ModTime(), Format: tar.FormatPAX}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(file)
		if err != nil {
			return "", unreadable(err)
		}
		header.Typeflag, header.Linkname = tar.TypeSymlink, target
		return markOf([]byte(target), info), w.WriteHeader(header)
	}
	f, err := os.Open(file)
	if err != nil {
		return "", unreadable(err)
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(f)
	if err != nil {
		return "", unreadable(err)
	}
	header.Typeflag, header.Size = tar.TypeReg, int64(len(content))
	if err := w.WriteHeader(header); err != nil {
		return "", err
	}
	_, err = w.Write(content)
	return markOf(content, info), err
}

func unreadable(err error) error {
	return failure.UserError(fmt.Errorf("read a file that is synced: %w", err), "a file that is synced cannot be read")
}

// markOf is Mark for content that was just read. The digest is that of package filetree.
func markOf(content []byte, info fs.FileInfo) string {
	sum := sha256.Sum256(content)
	return Mark(filetree.Entry{Digest: hex.EncodeToString(sum[:])[:32], Mode: info.Mode()})
}
