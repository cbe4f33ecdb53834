package render

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/envflow/envflow/starlark/kit"
)

// templateError is what helm says of a template. Its message names templates by their place in the chart, as web/templates/a.yaml.
type templateError struct {
	chart string
	err   error
}

func (e *templateError) Error() string { return e.err.Error() }
func (e *templateError) Unwrap() error { return e.err }

// missingError is about dependencies that a chart names and does not have.
type missingError struct{ names []string }

func (e *missingError) Error() string {
	return "dependencies are not in charts/: " + strings.Join(e.names, ", ")
}

// explain says which chart an error of rendering is about, and for a template where its file is.
func explain(c *kit.Call, dir string, err error) error {
	shown := filepath.ToSlash(c.Display(dir))
	if missing, ok := errors.AsType[*missingError](err); ok {
		return kit.Hint(fmt.Errorf("%s: %w", shown, missing), "run: helm dependency build %s", shown)
	}
	t, ok := errors.AsType[*templateError](err)
	if !ok {
		return fmt.Errorf("%s: %w", shown, err)
	}
	text := strings.TrimPrefix(t.Error(), "template: ")
	text = templatePath(t.chart).ReplaceAllStringFunc(text, func(found string) string {
		below := strings.TrimPrefix(found, t.chart)
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(below))); err != nil {
			return found
		}
		return shown + below
	})
	switch {
	case strings.Contains(text, "nil pointer evaluating"):
		return kit.Hint(errors.New(text), "there is no such value: add it to values.yaml of the chart, or give it with values= or set=")
	case strings.HasPrefix(text, "YAML parse error"):
		return kit.Hint(errors.New(text), "the line is one of what the template made; look at what it makes of values, and at its indentation")
	}
	return errors.New(text)
}

// templatePath matches the names that helm gives to the files of a chart.
func templatePath(chart string) *regexp.Regexp {
	return regexp.MustCompile(`\b` + regexp.QuoteMeta(chart) + `/[^\s:()<>"]+`)
}
