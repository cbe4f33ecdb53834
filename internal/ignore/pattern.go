package ignore

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/moby/patternmatcher"
)

const separator = string(filepath.Separator)

// pattern is one line of a list. It is never written to after parse, so that many may use it at once.
type pattern struct {
	exclusion bool   // began with "!"
	text      string // clean, without the "!"

	// The frequent shapes are compared without a regular expression.
	all      bool   // "**"
	plain    bool   // one component with at most one "*": prefix*suffix, or prefix alone
	anywhere bool   // began with "**/": name may be at any depth
	star     bool   // there is a "*"
	prefix   string // before the "*"
	suffix   string // after it
	matcher  *patternmatcher.PatternMatcher
}

// alone is what a matcher of one pattern is told of the folder above, "does not match", to make it look at the path alone.
var alone = func() patternmatcher.MatchInfo {
	matcher, err := patternmatcher.New([]string{"a"})
	if err != nil {
		panic("ignore: " + err.Error())
	}
	_, info, err := matcher.MatchesUsingParentResults("b", patternmatcher.MatchInfo{})
	if err != nil {
		panic("ignore: " + err.Error())
	}
	return info
}()

// parse reads a pattern as a line of .dockerignore is read, comments aside. It returns false for an empty one.
func parse(line string) (pattern, bool, error) {
	p := pattern{}
	text := strings.TrimSpace(line)
	if rest, ok := strings.CutPrefix(text, "!"); ok {
		p.exclusion, text = true, strings.TrimSpace(rest)
		if text == "" {
			return p, false, errors.New(`"!" without a pattern`)
		}
	}
	if text == "" {
		return p, false, nil
	}
	text = filepath.Clean(filepath.FromSlash(text))
	if len(text) > 1 {
		text = strings.TrimPrefix(text, separator)
	}
	p.text = text
	if text == "**" {
		p.all = true
		return p, true, nil
	}
	name, anywhere := strings.CutPrefix(text, "**"+separator)
	if star := strings.Count(name, "*"); star <= 1 && !strings.ContainsAny(name, `?[]\^`+separator) && name != "." && name != ".." {
		p.plain, p.anywhere = true, anywhere
		p.prefix, p.suffix, p.star = strings.Cut(name, "*")
		return p, true, nil
	}
	// A matcher of its own for each pattern, without "!": it compiles its expression at the first use, and which patterns
	// are used depends on the path. So each is used once here, which also tells of bad ones.
	matcher, err := patternmatcher.New([]string{guard(text)})
	if err != nil {
		return p, false, err
	}
	if _, _, err := matcher.MatchesUsingParentResults("a", alone); err != nil {
		return p, false, err
	}
	p.matcher = matcher
	return p, true, nil
}

// guard keeps a "!" that belongs to a name from being taken for an exclusion: that of "!!x" is gone already.
func guard(text string) string {
	if strings.HasPrefix(text, "!") {
		return "[!]" + text[1:]
	}
	return text
}

// matches says whether the pattern matches a path itself. rel is relative to the list's base, name its last component.
func (p *pattern) matches(rel, name string) bool {
	switch {
	case p.all:
		return true
	case p.plain:
		if !p.anywhere && len(rel) != len(name) {
			return false
		}
		if !p.star {
			return name == p.prefix
		}
		return len(name) >= len(p.prefix)+len(p.suffix) && strings.HasPrefix(name, p.prefix) && strings.HasSuffix(name, p.suffix)
	default:
		matched, _, err := p.matcher.MatchesUsingParentResults(rel, alone)
		return err == nil && matched
	}
}

// mayMatchBelow says whether the pattern could match something below the folder rel. It may say yes too often.
func (p *pattern) mayMatchBelow(rel string) bool {
	pattern, folder := p.text, rel
	for {
		want, restPattern, morePattern := strings.Cut(pattern, separator)
		have, restFolder, moreFolder := strings.Cut(folder, separator)
		if strings.Contains(want, "**") {
			return true
		}
		if matched, err := filepath.Match(want, have); err != nil || !matched {
			return err != nil
		}
		if !morePattern {
			return false // it matches the folder or one above, and that has been looked at
		}
		if !moreFolder {
			return true
		}
		pattern, folder = restPattern, restFolder
	}
}
