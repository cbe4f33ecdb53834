package render

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/ignore"
	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/starlark/kit"
)

const (
	chartFile        = "Chart.yaml"
	requirementsFile = "requirements.yaml" // has the dependencies of old charts
	filePrefix       = "file://"           // of a dependency that is a folder
)

// utf8BOM is what some editors begin a file with. Helm drops it.
var utf8BOM = []byte("\xef\xbb\xbf")

// readChart returns all files of a chart that count: what .helmignore names is left out. It notes the folder, and those that the
// chart depends on.
func readChart(c *kit.Call, named, dir string) ([]*loader.BufferedFile, error) {
	c.NoteTree(dir)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, kit.Hint(fmt.Errorf("there is no folder %s", named), "paths start from %s", c.WorkingDir())
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, kit.Hint(fmt.Errorf("%s is a file, want the folder of a chart", named), "the folder of a chart has a %s; unpack a packed chart", chartFile)
	}
	w := chartWalk{call: c, top: dir, rules: ignore.Empty()}
	if _, err := os.Stat(filepath.Join(dir, ignore.HelmIgnore)); err == nil {
		if w.rules, err = ignore.ParseFile(filepath.Join(dir, ignore.HelmIgnore)); err != nil {
			return nil, fmt.Errorf("read %s: %w", ignore.HelmIgnore, err)
		}
	}
	w.rules.AddDefaults()
	target, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	if link, err := os.Lstat(dir); err == nil && link.Mode()&fs.ModeSymlink != 0 {
		w.noteTarget(target, info)
	}
	if err := w.folder(dir, []string{target}); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(w.files, func(f *loader.BufferedFile) bool { return f.Name == chartFile }) {
		return nil, kit.Hint(fmt.Errorf("%s is not a chart: it has no %s", named, chartFile), "%s", nearChart(named, dir))
	}
	noteDependencies(c, dir, w.files)
	return w.files, nil
}

// chartWalk reads the files of a chart as helm does: sorted by name within each folder, links followed.
type chartWalk struct {
	call  *kit.Call
	top   string
	rules *ignore.Rules
	files []*loader.BufferedFile
}

// folder reads what is in dir. within are the real paths of dir and the folders that lead to it, to find links that go round.
func (w *chartWalk) folder(dir string, within []string) error {
	if err := w.call.Ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		target := filepath.Join(within[len(within)-1], entry.Name())
		isLink := entry.Type()&fs.ModeSymlink != 0
		if isLink {
			if target, err = filepath.EvalSymlinks(path); err != nil {
				return fmt.Errorf("follow the link %s: %w", w.call.Display(path), err)
			}
		}
		info, err := os.Stat(target)
		if err != nil {
			return err
		}
		if isLink {
			w.noteTarget(target, info)
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, w.top+string(filepath.Separator)))
		switch {
		case w.rules.Ignore(name, info):
		case info.IsDir() && slices.Contains(within, target):
			return kit.Hint(fmt.Errorf("the link %s leads to a folder that it is in", w.call.Display(path)), "remove the link, or name it in %s", ignore.HelmIgnore)
		case info.IsDir():
			err = w.folder(path, append(slices.Clone(within), target))
		default:
			err = w.file(path, name, info)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// noteTarget notes what a link leads to: it is not below the chart.
func (w *chartWalk) noteTarget(path string, info fs.FileInfo) {
	if info.IsDir() {
		w.call.NoteTree(path)
	} else {
		w.call.Note(path)
	}
}

func (w *chartWalk) file(path, name string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return kit.Hint(fmt.Errorf("%s is neither a file nor a folder", w.call.Display(path)), "name it in %s of the chart", ignore.HelmIgnore)
	}
	if info.Size() > loader.MaxDecompressedFileSize {
		return kit.Hint(fmt.Errorf("%s has %d bytes, and helm takes files of up to %d", w.call.Display(path), info.Size(), loader.MaxDecompressedFileSize),
			"name it in %s of the chart if templates do not need it", ignore.HelmIgnore)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	w.files = append(w.files, &loader.BufferedFile{Name: name, Data: bytes.TrimPrefix(data, utf8BOM)})
	return nil
}

// nearChart tells where the chart may be that was meant.
func nearChart(named, dir string) string {
	found, err := filepath.Glob(filepath.Join(dir, "*", chartFile))
	if err != nil || len(found) != 1 {
		return "name the folder that has the " + chartFile
	}
	return fmt.Sprintf("did you mean %s?", filepath.ToSlash(filepath.Join(named, filepath.Base(filepath.Dir(found[0])))))
}

// noteDependencies notes the folders that the chart names as dependencies. Helm reads the copies in charts/ instead; who changes
// the original wants to see what becomes of it.
func noteDependencies(c *kit.Call, dir string, files []*loader.BufferedFile) {
	for _, file := range files {
		if file.Name != chartFile && file.Name != requirementsFile {
			continue
		}
		var metadata struct {
			Dependencies []struct{ Repository string }
		}
		if err := yaml.Unmarshal(file.Data, &metadata); err != nil {
			continue // rendering says what is wrong
		}
		for _, d := range metadata.Dependencies {
			path, ok := strings.CutPrefix(d.Repository, filePrefix)
			if !ok {
				continue
			}
			if !filepath.IsAbs(path) {
				path = filepath.Join(dir, path)
			}
			c.NoteTree(path)
		}
	}
}
