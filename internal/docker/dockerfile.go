package docker

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// dockerfile is the text of a Dockerfile and what could be read of it. Where it has mistakes the engine says so; here they
// only mean that nothing is found.
type dockerfile struct {
	text  string
	nodes []*parser.Node
	bases []base
}

// base is an image that a Dockerfile builds on: a FROM, or a COPY --from that names no stage.
type base struct {
	ref   string // with its variables replaced
	token string // as written, with "--from=" before that of a COPY
	node  *parser.Node
}

// stageFlag is how COPY names what it copies from.
const stageFlag = "--from="

// BaseRefs returns the images that a Dockerfile builds on, in their order: those of FROM, and of COPY --from, that are no
// stages. Variables have the values of args or, for lack of one, their defaults. A text that is no Dockerfile has none.
func BaseRefs(text string, args map[string]string) []string {
	var refs []string
	for _, b := range readDockerfile(text, args).bases {
		if !slices.Contains(refs, b.ref) {
			refs = append(refs, b.ref)
		}
	}
	return refs
}

func readDockerfile(text string, args map[string]string) *dockerfile {
	d := &dockerfile{text: text}
	result, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return d
	}
	d.nodes = result.AST.Children
	lex := shell.NewLex(result.EscapeToken)
	expand := func(word string, env []string) string {
		value, _, err := lex.ProcessWord(word, shell.EnvsFromSlice(env))
		if err != nil {
			return word
		}
		return value
	}
	var env, stages []string // NAME=value of the ARGs before the first FROM; lower case
	for _, node := range d.nodes {
		switch strings.ToLower(node.Value) {
		case command.Arg:
			for n := node.Next; n != nil && len(d.bases)+len(stages) == 0; n = n.Next {
				name, value, _ := strings.Cut(n.Value, "=")
				if given, ok := args[name]; ok {
					value = given
				} else {
					value = expand(value, env)
				}
				env = append(env, name+"="+value)
			}
		case command.From:
			d.from(node, &stages, func(word string) string { return expand(word, env) })
		case command.Copy:
			for _, flag := range node.Flags {
				if ref, ok := strings.CutPrefix(flag, stageFlag); ok {
					if _, err := strconv.Atoi(ref); err != nil && !slices.Contains(stages, strings.ToLower(ref)) {
						d.bases = append(d.bases, base{ref: ref, token: flag, node: node})
					}
				}
			}
		}
	}
	return d
}

func (d *dockerfile) from(node *parser.Node, stages *[]string, expand func(string) string) {
	if node.Next == nil {
		return
	}
	token := node.Next.Value
	ref := expand(token)
	if ref != "scratch" && ref != "" && !slices.Contains(*stages, strings.ToLower(ref)) {
		d.bases = append(d.bases, base{ref: ref, token: token, node: node})
	}
	stage := "" // a stage without a name is one too
	if as := node.Next.Next; as != nil && as.Next != nil {
		stage = strings.ToLower(as.Next.Value)
	}
	*stages = append(*stages, stage)
}

// replace returns the text with other images to build on, and whether any is another. Each line stays on its number.
func (d *dockerfile) replace(refs map[string]string) (text string, replaced bool) {
	lines := strings.SplitAfter(d.text, "\n")
	for _, b := range d.bases {
		ref, ok := find(refs, b.ref)
		if !ok {
			continue
		}
		if strings.HasPrefix(b.token, stageFlag) && strings.EqualFold(b.node.Value, command.Copy) {
			ref = stageFlag + ref
		}
		// The token as a word of its own, after the name of the instruction.
		word := regexp.MustCompile(`(\s)` + regexp.QuoteMeta(b.token) + `(\s|$)`)
		for i := b.node.StartLine - 1; i < min(b.node.EndLine, len(lines)); i++ {
			if at := word.FindStringSubmatchIndex(lines[i]); at != nil {
				lines[i] = lines[i][:at[3]] + ref + lines[i][at[4]:]
				replaced = true
				break
			}
			// A token alone on a line that continues another.
			if rest, ok := strings.CutPrefix(lines[i], b.token); ok && i > b.node.StartLine-1 && strings.TrimLeft(rest, " \t\r\n\\") != rest {
				lines[i] = ref + rest
				replaced = true
				break
			}
		}
	}
	return strings.Join(lines, ""), replaced
}

// find returns what refs has for an image: under its very name, else under one without a tag, which stands for all tags.
func find(refs map[string]string, ref string) (string, bool) {
	if to, ok := refs[ref]; ok {
		return to, true
	}
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", false
	}
	found, ok := "", false
	for key, to := range refs {
		k, err := reference.ParseNormalizedNamed(key)
		if err != nil || k.Name() != named.Name() {
			continue
		}
		if reference.IsNameOnly(k) {
			found, ok = to, true
		} else if reference.TagNameOnly(k).String() == reference.TagNameOnly(named).String() {
			return to, true
		}
	}
	return found, ok
}

// node returns the instruction that begins on a line or goes on there, nil if there is none.
func (d *dockerfile) node(line int) *parser.Node {
	for _, node := range d.nodes {
		if node.StartLine <= line && line <= node.EndLine {
			return node
		}
	}
	return nil
}

var (
	stepName     = regexp.MustCompile(`^\[([^\]]*?)\s*(\d+)/(\d+)\] (.*)`) // [linux/amd64 build 2/5] RUN make
	metadataName = regexp.MustCompile(`load metadata for (\S+)`)
)

// stepLine returns the line of the instruction that BuildKit calls by this name, 0 if it is not to be found.
//
// BuildKit numbers the instructions of a stage that make a layer, and its FROM if that names an image; those of ONBUILD come
// in between. So they are counted from the end.
func (d *dockerfile) stepLine(name string) int {
	if m := metadataName.FindStringSubmatch(name); m != nil {
		return d.baseLine(m[1])
	}
	m := stepName.FindStringSubmatch(name)
	if m == nil {
		return 0
	}
	stage := ""
	if words := strings.Fields(m[1]); len(words) > 0 && !strings.Contains(words[len(words)-1], "/") {
		stage = words[len(words)-1]
	}
	step, _ := strconv.Atoi(m[2]) // digits, by the expression
	steps, _ := strconv.Atoi(m[3])
	keyword, _, _ := strings.Cut(strings.TrimPrefix(m[4], "ONBUILD "), " ")
	for index, nodes := range slices.Backward(d.stages()) {
		if stage != "" && !strings.EqualFold(stage, stageOf(nodes[0], index)) {
			continue
		}
		var layers []*parser.Node
		for _, node := range nodes[1:] {
			switch strings.ToLower(node.Value) {
			case command.Run, command.Copy, command.Add, command.Workdir:
				layers = append(layers, node)
			}
		}
		at := len(layers) - 1 - (steps - step)
		if at < 0 && (stage != "" || strings.EqualFold(keyword, command.From) || strings.HasPrefix(m[4], "ONBUILD ")) {
			return nodes[0].StartLine
		}
		if at >= 0 && at < len(layers) && strings.EqualFold(layers[at].Value, keyword) {
			return layers[at].StartLine
		}
	}
	return 0
}

// baseLine returns the line that names a base image, by any form of its name; 0 if there is none.
func (d *dockerfile) baseLine(ref string) int {
	for _, b := range d.bases {
		if _, ok := find(map[string]string{b.ref: ""}, ref); ok {
			return b.node.StartLine
		}
	}
	return 0
}

// stages returns the instructions of each stage, its FROM first.
func (d *dockerfile) stages() [][]*parser.Node {
	var stages [][]*parser.Node
	for _, node := range d.nodes {
		if strings.EqualFold(node.Value, command.From) {
			stages = append(stages, nil)
		}
		if last := len(stages) - 1; last >= 0 {
			stages[last] = append(stages[last], node)
		}
	}
	return stages
}

// stageOf returns the name that BuildKit shows for a stage.
func stageOf(from *parser.Node, index int) string {
	if from.Next != nil && from.Next.Next != nil && from.Next.Next.Next != nil {
		return from.Next.Next.Next.Value
	}
	return "stage-" + strconv.Itoa(index)
}
