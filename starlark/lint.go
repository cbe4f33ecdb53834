package starlark

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/envflow/envflow/starlark/kit"
	"github.com/envflow/envflow/starlark/lint"
)

// Rules of findings that take an evaluation, beside those of warnings.
const (
	ruleError     = "error"
	rulePortClash = "port-clash"
)

// LintFiles finds what is wrong in the Tiltfile at path and the files it names by reading them. Nothing is evaluated.
func LintFiles(ctx context.Context, path string) lint.Report {
	return lint.Files([]string{filepath.Clean(path)}, documented(ctx).GlobalNames())
}

// Lint evaluates a Tiltfile, and finds what is wrong in it and the files of the project that it executes or names. An error is one
// of ctx; those of the Tiltfile are findings.
func Lint(ctx context.Context, o Options) (lint.Report, error) {
	run, err := newRun(ctx, o)
	if err != nil {
		return lint.Report{}, err
	}
	evalErr := evaluateMain(run)
	if ctx.Err() != nil {
		return lint.Report{}, evalErr
	}
	report := lint.Files(append([]string{run.Path}, run.OwnFiles()...), run.GlobalNames())
	more := warningsOf(run)
	if evalErr != nil {
		more = append(more, failureOf(report, run, evalErr)...)
	} else {
		more = append(more, clashes(run)...)
	}
	report.Add(more...)
	return report, nil
}

// warningsOf are the warnings of an evaluation that are about files of the project. What has neither place nor rule is about the
// machine, such as a network that is not there.
func warningsOf(run *kit.Run) (findings []lint.Finding) {
	for _, w := range run.Warnings() {
		f := lint.Finding{File: run.Path, Builtin: w.Builtin, Rule: cmp.Or(w.Rule, kit.RuleWarning), Message: w.Text, Hint: w.Hint}
		frame, ok := run.OwnFrame(w.At)
		switch {
		case ok:
			f.File, f.Line, f.Column = frame.File, frame.Line, frame.Column
		case len(w.At) > 0 || w.Rule == "":
			continue
		}
		if !slices.Contains(findings, f) { // a loop has said it already
			findings = append(findings, f)
		}
	}
	return findings
}

// failureOf is why the evaluation has failed, unless reading the file has shown it.
func failureOf(report lint.Report, run *kit.Run, err error) []lint.Finding {
	f := lint.Finding{File: run.Path, Rule: ruleError, Message: err.Error()}
	if e, ok := errors.AsType[*Error](err); ok {
		f.File, f.Line, f.Column, f.Message, f.Hint = cmp.Or(e.File, run.Path), e.Line, e.Column, e.Message, e.Hint
		if text, ok := strings.CutPrefix(e.Message, e.Builtin+": "); ok { // what the Tiltfile says itself is without the name
			f.Builtin, f.Message = e.Builtin, text
		}
		if frame, ok := run.OwnFrame(e.Stack); ok { // the files of an extension cannot be mended here
			f.File, f.Line, f.Column = frame.File, frame.Line, frame.Column
		}
	}
	if slices.ContainsFunc(report.Findings, func(other lint.Finding) bool { return other.StopsAt(f.File, f.Line) }) {
		return nil
	}
	return []lint.Finding{f}
}

// clashes are ports of this machine that two forwards would open. Resources that wait to be triggered may be meant as alternatives.
func clashes(run *kit.Run) (findings []lint.Finding) {
	taken := map[string]string{} // the resource, by address
	for _, r := range run.Plan.Resources {
		if r.Kubernetes == nil || !r.Enabled || !r.AutoInit {
			continue
		}
		for _, f := range r.Kubernetes.PortForwards {
			address := net.JoinHostPort(cmp.Or(f.Host, "localhost"), strconv.Itoa(f.LocalPort))
			first, ok := taken[address]
			if !ok {
				taken[address] = r.Name
				continue
			}
			finding := lint.Finding{
				File: run.Path, Rule: rulePortClash, Builtin: "port_forwards",
				Message: fmt.Sprintf("resource %s forwards %s, which resource %s does already", r.Name, address, first),
				Hint:    fmt.Sprintf("give one of them another local port, such as %d:%d", f.LocalPort+1, cmp.Or(f.ContainerPort, f.LocalPort)),
			}
			if frame, ok := run.OwnFrame(run.Origin(r.Name)); ok {
				finding.File, finding.Line, finding.Column = frame.File, frame.Line, frame.Column
			}
			findings = append(findings, finding)
		}
	}
	return findings
}
