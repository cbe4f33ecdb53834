package images

import (
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/envflow/envflow/starlark/kit"
)

// imagesKey is what the images that a Dockerfile names were found in.
type imagesKey kit.Digest

// imagesOf is findImages with the cache.
func (f *Family) imagesOf(dockerfile string, buildArgs map[string]string) []string {
	digest := kit.NewDigester()
	digest.Add(dockerfile)
	for _, name := range slices.Sorted(maps.Keys(buildArgs)) {
		digest.Add(name, buildArgs[name])
	}
	images, _ := kit.Cached(f.run.Cache, imagesKey(digest.Sum()), func() ([]string, error) { // findImages does not fail
		return findImages(dockerfile, buildArgs), nil
	})
	return images
}

// findImages returns the images that a Dockerfile names in FROM and COPY --from, with ARGs filled in. A Dockerfile that cannot be
// parsed has none: what is wrong with it is said by the build, with its line, and holds up this image only.
func findImages(dockerfile string, buildArgs map[string]string) []string {
	parsed, err := parser.Parse(strings.NewReader(dockerfile))
	if err != nil {
		return nil
	}
	lex := shell.NewLex(parsed.EscapeToken)
	args := map[string]string{}
	var stages, images []string
	add := func(word string) {
		expanded, err := lex.ProcessWordWithMatches(word, variables(args))
		name := expanded.Result
		if err != nil || name == "" || name == "scratch" || slices.Contains(stages, strings.ToLower(name)) || isNumber(name) || slices.Contains(images, name) {
			return
		}
		images = append(images, name)
	}
	for _, node := range parsed.AST.Children {
		words := wordsOf(node)
		switch strings.ToLower(node.Value) {
		case "arg":
			if len(stages) == 0 {
				for _, word := range words {
					setArg(args, word, buildArgs, lex)
				}
			}
		case "from":
			if len(words) == 0 {
				continue
			}
			add(words[0])
			stage := "" // a stage without a name counts too: ARGs below it belong to it
			if len(words) == 3 && strings.EqualFold(words[1], "as") {
				stage = strings.ToLower(words[2])
			}
			stages = append(stages, stage)
		case "copy":
			for _, flag := range node.Flags {
				if from, ok := strings.CutPrefix(flag, "--from="); ok {
					add(from)
				}
			}
		}
	}
	return images
}

func wordsOf(node *parser.Node) []string {
	var words []string
	for n := node.Next; n != nil; n = n.Next {
		words = append(words, n.Value)
	}
	return words
}

// setArg notes an ARG before the first FROM. A build argument counts more than the default.
func setArg(args map[string]string, word string, buildArgs map[string]string, lex *shell.Lex) {
	name, value, _ := strings.Cut(word, "=")
	if given, ok := buildArgs[name]; ok && given != "" {
		args[name] = given
		return
	}
	if expanded, err := lex.ProcessWordWithMatches(value, variables(args)); err == nil {
		args[name] = expanded.Result
	}
}

func isNumber(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// variables gives the lexer ARGs.
type variables map[string]string

func (v variables) Get(name string) (string, bool) {
	value, ok := v[name]
	return value, ok
}

func (v variables) Keys() []string {
	keys := make([]string, 0, len(v))
	for key := range v {
		keys = append(keys, key)
	}
	return keys
}
