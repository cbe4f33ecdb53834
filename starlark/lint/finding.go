package lint

import (
	"cmp"
	"slices"
)

// Finding is something in a file that wants to be looked at.
type Finding struct {
	File         string // absolute path
	Line, Column int    // from 1, columns in runes; 0: it is about the file as a whole
	Builtin      string // that was called, "" if none was
	Rule         string // RuleSyntax, ...
	Message      string
	Hint         string // what to do about it, may be ""

	statement int // line where the statement begins that it is about, if that is known and another
}

// Rules that need no evaluation.
const (
	RuleSyntax      = "syntax"
	RuleUndefined   = "undefined"     // a name that nothing defines
	RuleMissingFile = "missing-file"  // a load of what is not there
	RuleShadowed    = "shadowed-name" // a name that hides a builtin or a loaded name
	RuleUnusedLoad  = "unused-load"   //
	RuleNoEffect    = "no-effect"     // a value that nothing is done with
	RuleUnreachable = "unreachable"   // a statement that is never executed
)

// IsError reports whether a finding of rule keeps the file from being executed.
func IsError(rule string) bool {
	return rule == RuleSyntax || rule == RuleUndefined || rule == RuleMissingFile
}

// StopsAt reports whether this is why a file is not executed that says so of a line.
func (f *Finding) StopsAt(file string, line int) bool {
	return IsError(f.Rule) && f.File == file && (f.Line == line || f.statement == line && line > 0)
}

// Sort orders findings by their place; files are in the given order, others after them.
func Sort(findings []Finding, files []string) {
	order := map[string]int{}
	for i, path := range files {
		order[path] = i - len(files)
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
