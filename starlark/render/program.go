package render

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// runProgram builds a kustomization with the program kustomize, or that of the Tiltfile's choice.
func runProgram(c *kit.Call, bin string, flags []string, dir string) (string, error) {
	noteKustomization(c, dir, map[string]bool{})
	argv, err := program(c, bin)
	if err != nil {
		return "", err
	}
	argv = append(append(argv, flags...), relative(c.WorkingDir(), dir))
	line := plan.CommandLine(argv)
	_, _ = fmt.Fprintf(c.Output(), "kustomize: %s\n", line) // no one to tell if the log is gone
	cmd := c.Command(c.Ctx, argv...)
	cmd.Dir = c.WorkingDir()
	stdout, stderr, err := kit.Capture(c.Ctx, cmd)
	switch {
	case c.Ctx.Err() != nil, errors.Is(err, kit.ErrTooMuch):
		return "", err
	case err != nil:
		return "", fmt.Errorf("%s: %w%s", line, err, complaint(stderr))
	}
	return stdout, nil
}

// program returns how the command begins: with the program that the Tiltfile names, else with kustomize or kubectl from PATH.
func program(c *kit.Call, bin string) ([]string, error) {
	if bin != "" {
		path := c.Path(bin)
		c.Note(path)
		if _, err := exec.LookPath(path); err != nil {
			return nil, kit.Hint(fmt.Errorf("kustomize_bin: there is no program %s", bin), "paths start from %s", c.WorkingDir())
		}
		return []string{path, "build"}, nil
	}
	if path, err := c.Environ.LookPath("kustomize"); err == nil {
		return []string{path, "build"}, nil
	}
	if path, err := c.Environ.LookPath("kubectl"); err == nil {
		return []string{path, "kustomize"}, nil
	}
	return nil, kit.Hint(errors.New("flags= is for the program kustomize, and neither it nor kubectl is in PATH"),
		"install one, name it with kustomize_bin=, or leave flags= away")
}

// relative returns dir as seen from base: kustomize takes relative paths best.
func relative(base, dir string) string {
	rel, err := filepath.Rel(base, dir)
	if err != nil {
		return dir
	}
	return rel
}

// complaint returns the end of what a program wrote to standard error, for a message.
func complaint(text string) string {
	if text = kit.Tail(text); text == "" {
		return ""
	}
	return "\n" + text
}

// noteKustomization notes all that a kustomization names, also in those that it is made of. What a program reads cannot be seen:
// so every text in a kustomization that is the path of something counts, and every one outside of the folder that could be.
func noteKustomization(c *kit.Call, dir string, done map[string]bool) {
	if done[dir] {
		return
	}
	done[dir] = true
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		c.Note(filepath.Join(dir, name))
	}
	data, err := os.ReadFile(kustomizationFile(dir))
	if err != nil {
		return // the program says what is wrong
	}
	var fields map[string]any
	if err := yaml.Unmarshal(data, &fields); err != nil {
		return // the program says what is wrong
	}
	if home := chartHome(fields); home != "" {
		c.NoteTree(filepath.Join(dir, home))
	}
	for text := range texts(fields) {
		if strings.ContainsAny(text, "\n\x00") {
			continue
		}
		_, named, isPair := strings.Cut(text, "=") // files of a generator may be given as key=path
		for _, path := range []string{text, named} {
			if path == "" || path == text && isPair {
				continue
			}
			noteNamed(c, dir, path, done)
		}
	}
}

// noteNamed notes what a text in the kustomization of dir may name.
func noteNamed(c *kit.Call, dir, text string, done map[string]bool) {
	path := text
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil && (filepath.Ext(path) != "" || strings.HasPrefix(text, "../")) && !strings.Contains(text, "://"):
		c.Note(path) // it may come
	case err != nil:
	case !info.IsDir():
		c.Note(path)
	case kustomizationFile(path) != "":
		noteKustomization(c, path, done)
	case path != dir && !isBelow(path, dir):
		c.NoteTree(path)
	}
}

// chartHome is the folder where a kustomization has its charts, "" if it uses none.
func chartHome(fields map[string]any) string {
	if fields["helmCharts"] == nil && fields["helmChartInflationGenerator"] == nil {
		return ""
	}
	globals, ok := fields["helmGlobals"].(map[string]any)
	if !ok {
		return "charts"
	}
	if home, ok := globals["chartHome"].(string); ok && home != "" {
		return home
	}
	return "charts"
}

// texts are all strings within a value that was decoded from YAML, in an order that is always the same.
func texts(value any) iter.Seq[string] {
	return func(yield func(string) bool) { each(value, yield) }
}

func each(value any, yield func(string) bool) bool {
	switch value := value.(type) {
	case string:
		return yield(value)
	case []any:
		for _, item := range value {
			if !each(item, yield) {
				return false
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if !each(value[key], yield) {
				return false
			}
		}
	}
	return true
}
