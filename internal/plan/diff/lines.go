package diff

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"sigs.k8s.io/yaml"
)

// context is how many lines that are the same are shown around those that are not.
const context = 3

// gap stands for lines that are the same and left out.
const gap = "  ..."

// Lines are the part before and after as lines of YAML: what goes begins with "- ", what comes with "+ ", what stays with two
// spaces. Values of Secrets and of variables are not shown.
func (p Part) Lines() ([]string, error) {
	a, b := generic(p.Before), generic(p.After) // copies
	switch p.Kind {
	case KindField:
		a, b = under(p.Name, a), under(p.Name, b)
		hideVariables(a, b)
	case KindImage:
		hideVariables(a, b)
	case KindObject:
		hideSecret(a, b)
	}
	before, err := yamlLines(a)
	if err != nil {
		return nil, err
	}
	after, err := yamlLines(b)
	if err != nil {
		return nil, err
	}
	return unified(before, after), nil
}

func under(name string, v any) any {
	if v == nil {
		return nil
	}
	return map[string]any{name: v}
}

func yamlLines(v any) ([]string, error) {
	if v == nil {
		return nil, nil
	}
	data, err := json.Marshal(v)
	if err == nil {
		data, err = yaml.JSONToYAML(data)
	}
	if err != nil {
		return nil, fmt.Errorf("write a part of a plan as YAML: %w", err)
	}
	return strings.Split(strings.TrimRight(string(data), "\n"), "\n"), nil
}

// unified marks what goes and what comes, and leaves out what is far from both. The keys that a change is below stay, so that one
// sees where it is.
func unified(before, after []string) []string {
	lines := edits(before, after)
	shown := make([]bool, len(lines))
	for i, line := range lines {
		if !isEdit(line) {
			continue
		}
		for near := max(0, i-context); near < min(len(lines), i+context+1); near++ {
			shown[near] = true
		}
		for _, above := range parents(lines[:i], line) {
			shown[above] = true
		}
	}
	var out []string
	for i, line := range lines {
		first := i == 0 || shown[i-1]
		last := i == len(lines)-1 || shown[i+1]
		switch {
		case shown[i], first && last: // the gap would be as long
			out = append(out, line)
		case first:
			out = append(out, gap)
		}
	}
	return out
}

// parents returns which of the lines above one are the keys and list items that it is below.
func parents(above []string, line string) (found []int) {
	depth, item := indentation(line)
	for i := len(above) - 1; i >= 0; i-- {
		d, isItem := indentation(above[i])
		if d < depth || item && d == depth && !isItem { // a list is as far to the right as its key
			found = append(found, i)
			depth, item = d, isItem
		}
	}
	return found
}

// indentation is how far to the right a line of YAML begins, behind its mark, and whether it begins an item of a list. A line
// without text is below everything.
func indentation(line string) (depth int, item bool) {
	text := strings.TrimLeft(line[2:], " ")
	if text == "" {
		return math.MaxInt, false
	}
	return len(line) - 2 - len(text), strings.HasPrefix(text, "- ")
}

func isEdit(line string) bool { return !strings.HasPrefix(line, "  ") }

// maxCells bounds the table of edits. What is larger is shown as replaced.
const maxCells = 4 << 20

// edits are all lines of both, with a mark before each. As many as possible stay.
func edits(before, after []string) (lines []string) {
	put := func(mark string, these ...string) {
		for _, line := range these {
			lines = append(lines, mark+line)
		}
	}
	head := 0
	for head < len(before) && head < len(after) && before[head] == after[head] {
		head++
	}
	tail := 0
	for tail < min(len(before), len(after))-head && before[len(before)-1-tail] == after[len(after)-1-tail] {
		tail++
	}
	a, b := before[head:len(before)-tail], after[head:len(after)-tail]
	put("  ", before[:head]...)
	same := common(a, b)
	for len(a) > 0 && len(b) > 0 && same != nil {
		i, j := len(a), len(b)
		switch {
		case a[0] == b[0]:
			put("  ", a[0])
			a, b = a[1:], b[1:]
		case same(i-1, j) >= same(i, j-1):
			put("- ", a[0])
			a = a[1:]
		default:
			put("+ ", b[0])
			b = b[1:]
		}
	}
	put("- ", a...)
	put("+ ", b...)
	put("  ", before[len(before)-tail:]...)
	return lines
}

// common returns a function that says how many lines the last i of a and the last j of b have in common, in their order; nil if
// there are too many to count.
func common(a, b []string) func(i, j int) int {
	if (len(a)+1)*(len(b)+1) > maxCells {
		return nil
	}
	width := len(b) + 1
	counts := make([]int32, (len(a)+1)*width)
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			count := max(counts[(i-1)*width+j], counts[i*width+j-1])
			if a[len(a)-i] == b[len(b)-j] {
				count = counts[(i-1)*width+j-1] + 1
			}
			counts[i*width+j] = count
		}
	}
	return func(i, j int) int { return int(counts[i*width+j]) }
}
