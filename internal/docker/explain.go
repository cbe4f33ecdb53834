package docker

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/envflow/envflow/internal/failure"
)

// The forms that BuildKit's versions and the classic builder give to their messages.
var (
	exitCode    = regexp.MustCompile(`(?:exit code:|returned a non-zero code:) (\d+)`)
	parseLine   = regexp.MustCompile(`(?i)dockerfile parse error (?:on )?line (\d+)`)
	sourceLine  = regexp.MustCompile(`(?m)^Dockerfile:(\d+)`)
	parseError  = regexp.MustCompile(`(?i)dockerfile parse error|unknown instruction|failed to create LLB definition|file with no instructions|dockerfile.* cannot be empty|requires BuildKit`)
	noFile      = regexp.MustCompile(`(?i)failed to (?:compute cache key|calculate checksum|walk)|COPY failed|ADD failed|no such file or directory|file does not exist`)
	noImage     = regexp.MustCompile(`(?i)not found|pull access denied|does not exist|manifest unknown|failed to resolve source metadata`)
	noTarget    = regexp.MustCompile(`(?i)target stage .* could not be found|failed to reach build target`)
	missingPath = regexp.MustCompile(`"/?([^"]+)"(?:: not found)|stat (?:/\S*?/)?(\S+): (?:no such file|file does not exist)|lstat (?:/\S*?/)?(\S+): no such file`)
)

// explain makes the error of a build out of what the engine said and what was seen of the steps.
func (b *task) explain(engine string) error {
	step, message, lines := b.output.failed()
	if message == "" {
		message = engine
	}
	code := ""
	if m := exitCode.FindStringSubmatch(engine); m != nil {
		code = m[1]
	}
	line := b.errorLine(step, message, engine)
	where, at := b.place(line)
	whole := &strings.Builder{}
	_, _ = whole.WriteString(at)
	if node := b.original.node(line); node != nil {
		_, _ = fmt.Fprintf(whole, ": %s", node.Original)
	}
	if code != "" {
		_, _ = fmt.Fprintf(whole, "\nexit code: %s", code)
	} else {
		_, _ = fmt.Fprintf(whole, "\n%s", engine)
	}
	for _, l := range lines {
		_, _ = fmt.Fprintf(whole, "\n%s", l)
	}
	err := errors.New(whole.String())
	switch {
	case code != "":
		return failure.UserError(err, "%s: build step failed (exit code %s)", where, code)
	case strings.Contains(engine, "no space left on device"):
		return failure.TransientError(err, "the docker engine's disk is full")
	case strings.Contains(engine, "context canceled") || strings.Contains(engine, "code = Canceled"):
		// Nobody here cancelled it, so the engine is shutting down.
		return failure.Missing(err, failure.Docker, "the docker engine ended the build")
	case parseLine.MatchString(engine):
		return failure.UserError(err, "%s: the Dockerfile has a mistake", where)
	case denied.MatchString(engine):
		return failure.UserError(err, "%s: an image cannot be pulled: it does not exist or needs `docker login`", where)
	case passing.MatchString(engine):
		return failure.TransientError(err, "%s: the build failed for a reason that may pass (network, registry)", where)
	case noTarget.MatchString(engine):
		return failure.UserError(err, "%s: there is no such target stage", where)
	case noFile.MatchString(engine):
		return failure.UserError(err, "%s: a file is not in the build context", where)
	case noImage.MatchString(engine):
		return failure.UserError(err, "%s: an image is not found", where)
	case parseError.MatchString(engine):
		return failure.UserError(err, "%s: the Dockerfile has a mistake", where)
	default:
		return failure.UserError(err, "%s: the build failed", where)
	}
}

// errorLine returns the line of the instruction that failed, 0 if it cannot be told.
func (b *task) errorLine(step, message, engine string) int {
	for _, form := range []*regexp.Regexp{parseLine, sourceLine} {
		if m := form.FindStringSubmatch(engine); m != nil {
			line, _ := strconv.Atoi(m[1]) // digits, by the expression
			return line
		}
	}
	if line := b.file.stepLine(step); line > 0 {
		return line
	}
	if step != "" {
		if line := b.file.textLine(step); line > 0 {
			return line
		}
	}
	for _, base := range b.file.bases {
		if strings.Contains(engine, base.ref) {
			return base.node.StartLine
		}
	}
	if m := missingPath.FindStringSubmatch(message); m != nil {
		return b.file.copyLine(m[1] + m[2] + m[3])
	}
	return 0
}

// place names the Dockerfile and a line of it: short, for a history, and whole. Line 0 is not named.
func (b *task) place(line int) (short, whole string) {
	short, whole = dockerfileName, fmt.Sprintf("Dockerfile of %s", b.Image.Ref)
	if path := b.Image.DockerfilePath; path != "" {
		short, whole = filepath.Base(path), path
	}
	if line > 0 {
		short, whole = fmt.Sprintf("%s:%d", short, line), fmt.Sprintf("%s:%d", whole, line)
	}
	return short, whole
}

// textLine returns the line of the only instruction with this text, 0 if there is none or several.
func (d *dockerfile) textLine(text string) int {
	line := 0
	for _, node := range d.nodes {
		if strings.TrimSpace(node.Original) == strings.TrimSpace(text) {
			if line > 0 {
				return 0
			}
			line = node.StartLine
		}
	}
	return line
}

// copyLine returns the first line that copies a path, 0 if none does.
func (d *dockerfile) copyLine(path string) int {
	for _, node := range d.nodes {
		if !strings.EqualFold(node.Value, "copy") && !strings.EqualFold(node.Value, "add") {
			continue
		}
		for n := node.Next; n != nil; n = n.Next {
			if strings.Trim(filepath.ToSlash(filepath.Clean(n.Value)), "/") == strings.Trim(path, "/") {
				return node.StartLine
			}
		}
	}
	return 0
}
