package lint

import (
	"regexp"
	"slices"
	"strings"
)

// accepting matches the comment at the end of a line that accepts what is found there: of these rules, or all. Another
// comment after it may say why.
var accepting = regexp.MustCompile(`#\s*envflow:\s*ignore(?:\s*=\s*([a-z-]+(?:\s*,\s*[a-z-]+)*))?\s*(?:#.*)?$`)

// accepted are the rules whose findings are accepted, by line; none means all.
type accepted map[int][]string

func acceptedIn(src []byte) accepted {
	found, number := accepted{}, 0
	for line := range strings.Lines(string(src)) {
		number++
		m := accepting.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil {
			continue
		}
		found[number] = []string{}
		if m[1] != "" {
			for rule := range strings.SplitSeq(m[1], ",") {
				found[number] = append(found[number], strings.TrimSpace(rule))
			}
		}
	}
	return found
}

// Accepts reports whether a comment in the files that were read accepts a finding.
func (r *Report) Accepts(f Finding) bool {
	rules, ok := r.accepted[f.File][f.Line]
	return ok && (len(rules) == 0 || slices.Contains(rules, f.Rule))
}

// Add puts what was found by other means into the report, in its place.
func (r *Report) Add(findings ...Finding) {
	r.Findings = slices.DeleteFunc(append(r.Findings, findings...), r.Accepts)
	Sort(r.Findings, r.Files)
}
