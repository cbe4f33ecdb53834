package conventions

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// linterConfig is the part of .golangci.yml that can rot without golangci-lint saying so.
type linterConfig struct {
	Linters struct {
		Default  string
		Enable   []string
		Settings map[string]any // decoded again for depguard
		// Exclusions say where a linter is silent.
		Exclusions struct {
			Paths []string
			Rules []exclusion
		}
	}
	Formatters struct {
		Exclusions struct{ Paths []string }
	}
}

type exclusion struct {
	Path       string
	PathExcept string `json:"path-except"`
	Linters    []string
}

type depguardRule struct {
	ListMode string `json:"list-mode"`
	Files    []string
	Allow    []string
	Deny     []struct{ Pkg, Desc string }
}

func linter(t *testing.T) (config linterConfig, rules map[string]depguardRule) {
	t.Helper()
	data := read(t, ".golangci.yml")
	if err := yaml.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	var settings struct {
		Linters struct {
			Settings struct {
				Depguard struct{ Rules map[string]depguardRule }
			}
		}
	}
	if err := yaml.Unmarshal(data, &settings); err != nil {
		t.Fatal(err)
	}
	rules = settings.Linters.Settings.Depguard.Rules
	if len(rules) == 0 {
		t.Fatal(".golangci.yml has no depguard rules")
	}
	return config, rules
}

// golangci-lint says nothing of a rule whose files do not exist: after a folder was renamed everything passes.
func TestLinter_PatternsMatchFiles(t *testing.T) {
	config, rules := linter(t)
	for name, rule := range rules {
		matched := productFiles(t)
		var positive, negative []string
		for _, pattern := range rule.Files {
			if p, ok := strings.CutPrefix(pattern, "!"); ok {
				negative = append(negative, p)
			} else {
				positive = append(positive, pattern)
			}
		}
		if len(positive) == 0 {
			t.Errorf("depguard rule %s: no pattern says for which files it is; write $all if all are meant", name)
		}
		matched = slices.DeleteFunc(matched, func(f string) bool {
			return !slices.ContainsFunc(positive, func(p string) bool { return depguardMatch(t, p, f) })
		})
		for _, p := range positive {
			if !slices.ContainsFunc(matched, func(f string) bool { return depguardMatch(t, p, f) }) {
				t.Errorf("depguard rule %s: %s matches no file", name, p)
			}
		}
		for _, p := range negative {
			if p != "$test" && !slices.ContainsFunc(matched, func(f string) bool { return depguardMatch(t, p, f) }) {
				t.Errorf("depguard rule %s: !%s takes no file out", name, p)
			}
		}
		if !slices.ContainsFunc(matched, func(f string) bool {
			return !slices.ContainsFunc(negative, func(p string) bool { return depguardMatch(t, p, f) })
		}) {
			t.Errorf("depguard rule %s: no file is left to check", name)
		}
	}

	patterns := slices.Concat(config.Linters.Exclusions.Paths, config.Formatters.Exclusions.Paths)
	for _, e := range config.Linters.Exclusions.Rules {
		if e.Path == "" && e.PathExcept == "" {
			t.Errorf("an exclusion for %v is for the whole repository: switch the check off in the linter's settings", e.Linters)
		}
		patterns = append(patterns, e.Path, e.PathExcept)
	}
	for _, pattern := range patterns {
		if pattern == "" {
			continue
		}
		// Each alternative has to earn its place.
		for _, alternative := range alternatives(pattern) {
			re, err := regexp.Compile(alternative)
			if err != nil {
				t.Errorf("exclusion path %q: %v", alternative, err)
				continue
			}
			if !slices.ContainsFunc(productFiles(t), re.MatchString) {
				t.Errorf("exclusion path %q matches no file", alternative)
			}
		}
	}
}

// alternatives splits a pattern at the | outside of parentheses.
func alternatives(pattern string) []string {
	var list []string
	depth, from := 0, 0
	for i, c := range pattern {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		case '|':
			if depth == 0 {
				list = append(list, pattern[from:i])
				from = i + 1
			}
		}
	}
	return append(list, pattern[from:])
}

// depguardMatch reports whether depguard takes the file of the repository for one that the pattern means. Of the library's
// globs it knows what our file uses and fails on anything else.
func depguardMatch(t *testing.T, pattern, f string) bool {
	t.Helper()
	switch pattern {
	case "$all":
		return true
	case "$test":
		return isTest(f)
	}
	glob, ok := strings.CutPrefix(pattern, "${config-path}/")
	if !ok {
		// Depguard sees absolute paths: **/worker/** would match every file of a checkout below /home/ann/worker/.
		t.Fatalf("depguard pattern %q has to begin with ${config-path}/", pattern)
	}
	if strings.ContainsAny(glob, "?[]{}\\") {
		t.Fatalf("depguard pattern %q: teach depguardMatch what that means", pattern)
	}
	expr := regexp.QuoteMeta(glob)
	expr = strings.ReplaceAll(expr, `\*\*`, ".*")
	expr = strings.ReplaceAll(expr, `\*`, "[^/]*")
	return regexp.MustCompile("^" + expr + "$").MatchString(f)
}

// Each room with code has a depguard rule of its name that allows what the table of rooms allows.
func TestLinter_AllowsWhatTheTableAllows(t *testing.T) {
	_, rules := linter(t)
	for _, r := range rooms {
		if slices.Contains(notBegun, r.dir) {
			continue
		}
		rule, ok := rules[r.dir]
		if !ok {
			if _, ok := roomOf(path.Dir(r.dir)); ok && len(r.may) == 0 {
				continue // a leaf inside another room, whose rule holds for it; the exact one is TestImports_FollowTheRooms
			}
			t.Errorf("room %s has no depguard rule", r.dir)
			continue
		}
		if want := "${config-path}/" + r.dir + "/**"; !slices.Contains(rule.Files, want) {
			t.Errorf("depguard rule %s is not for %s", r.dir, want)
		}
		if rule.ListMode != "lax" {
			t.Errorf("depguard rule %s: in list-mode %q allow does not mean what the table means", r.dir, rule.ListMode)
		}
		want := []string{module + "/" + r.dir}
		for _, dir := range r.may {
			want = append(want, module+"/"+dir)
		}
		slices.Sort(want)
		got := slices.Sorted(slices.Values(rule.Allow))
		if !slices.Equal(got, want) {
			t.Errorf("depguard rule %s allows\n%v\nthe table of rooms says\n%v", r.dir, got, want)
		}
		denied := false
		for _, d := range rule.Deny {
			denied = denied || d.Pkg == module
		}
		if !denied {
			t.Errorf("depguard rule %s does not deny %s, so its allow list does nothing", r.dir, module)
		}
	}
}

func TestLinter_RunsWhatItConfigures(t *testing.T) {
	config, _ := linter(t)
	if config.Linters.Default != "none" {
		t.Errorf("linters.default is %q: with none, an upgrade adds no rule by itself", config.Linters.Default)
	}
	enabled := map[string]bool{}
	for _, name := range config.Linters.Enable {
		if enabled[name] {
			t.Errorf("linter %s is enabled twice", name)
		}
		enabled[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(config.Linters.Settings)) {
		if !enabled[name] {
			t.Errorf("linter %s has settings but does not run", name)
		}
	}
	for _, e := range config.Linters.Exclusions.Rules {
		for _, name := range e.Linters {
			if !enabled[name] {
				t.Errorf("an exclusion is for linter %s, which does not run", name)
			}
		}
	}
}
