package kit

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	gostarlark "go.starlark.net/starlark"
)

// Doc is what people are told of a builtin: in the editor, by `envflow help builtin` and in docs/tiltfile.md.
type Doc struct {
	Name     string  // dotted, such as "os.path.join"
	Callable bool    // a function; otherwise a value
	Text     string  // Markdown; its first sentence says what the builtin does
	Params   []Param // in the order of positional arguments
	Returns  Param   // Type and Text only; the zero value: None
}

// Param is an argument of a builtin.
type Param struct {
	Name     string
	Type     string // in words, such as "list of paths"
	Default  string // as Starlark; "" with Optional: what Text says
	Optional bool
	Text     string // Markdown
}

// Signature shows how a builtin is called, as Starlark.
func (d Doc) Signature() string {
	if !d.Callable {
		return d.Name
	}
	var params []string
	for _, p := range d.Params {
		switch {
		case p.Default != "":
			params = append(params, p.Name+"="+p.Default)
		case p.Optional && !strings.HasPrefix(p.Name, "*"):
			params = append(params, p.Name+"=None")
		default:
			params = append(params, p.Name)
		}
	}
	return d.Name + "(" + strings.Join(params, ", ") + ")"
}

// Summary is the first sentence of the text.
func (d Doc) Summary() string {
	first, _, _ := strings.Cut(d.Text, "\n\n")
	first = strings.ReplaceAll(first, "\n", " ")
	if i := strings.Index(first, ". "); i >= 0 {
		first = first[:i+1]
	}
	return first
}

// Document adds the texts of a family. They are Markdown:
//
//	## name
//
//	What it does.
//
//	- `param` (type): an argument that must be given
//	- `param` (type, `default`): one that need not; "optional" instead of a default if the text says what holds then
//	- returns (type): what comes back
//
//	More paragraphs.
//
// Nothing is parsed until Docs is called.
func (r *Run) Document(texts string) { r.texts = append(r.texts, texts) }

var docParam = regexp.MustCompile("^- (?:`([*a-z0-9_A-Z]+)`|(returns)) \\(([^`()]*?)(?:, (?:`([^`]*)`|(optional)))?\\): (.*)$")

// Docs returns the documentation of all builtins, by name. What is registered and not documented, or the other way round, is an
// error; so are arguments whose names are not those that the code takes.
func (r *Run) Docs() ([]Doc, error) {
	docs := map[string]Doc{}
	for _, text := range r.texts {
		for section := range strings.SplitSeq("\n"+text, "\n## ") {
			name, body, _ := strings.Cut(section, "\n")
			if name == "" || strings.HasPrefix(name, "# ") {
				continue // what stands before the first heading
			}
			d, err := parseDoc(strings.TrimSpace(name), body)
			if err != nil {
				return nil, err
			}
			docs[d.Name] = d
		}
	}
	for name, v := range r.members {
		d, ok := docs[name]
		if !ok {
			return nil, fmt.Errorf("the builtin %s is not documented", name)
		}
		_, d.Callable = v.(gostarlark.Callable)
		if err := r.checkParams(d); err != nil {
			return nil, err
		}
		docs[name] = d
	}
	for name := range docs {
		if _, ok := r.members[name]; !ok {
			return nil, fmt.Errorf("%s is documented, and no builtin", name)
		}
	}
	return slices.SortedFunc(maps.Values(docs), func(a, b Doc) int { return strings.Compare(a.Name, b.Name) }), nil
}

func parseDoc(name, body string) (Doc, error) {
	d := Doc{Name: name}
	var text []string
	var last *string // what a continued line belongs to
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\n")
		found := docParam.FindStringSubmatch(line)
		switch {
		case found != nil:
			p := Param{Name: found[1], Type: found[3], Default: found[4], Optional: found[4] != "" || found[5] != "", Text: found[6]}
			if found[2] != "" {
				d.Returns = p
				last = &d.Returns.Text
				continue
			}
			d.Params = append(d.Params, p)
			last = &d.Params[len(d.Params)-1].Text
		case strings.HasPrefix(line, "  ") && last != nil:
			*last += "\n" + strings.TrimPrefix(line, "  ")
		case strings.HasPrefix(line, "- `") && len(text) == 0, strings.HasPrefix(line, "- returns"):
			return d, fmt.Errorf("documentation of %s: %q is not of the form - `name` (type): text", name, line)
		default:
			last = nil
			text = append(text, line)
		}
	}
	d.Text = strings.TrimSpace(regexp.MustCompile(`\n{3,}`).ReplaceAllString(strings.Join(text, "\n"), "\n\n"))
	if d.Text == "" {
		return d, fmt.Errorf("the documentation of %s says nothing", name)
	}
	return d, nil
}

// checkParams compares the documented arguments with those that the code takes.
func (r *Run) checkParams(d Doc) error {
	params, ok := r.params(d.Name)
	if !ok {
		return nil
	}
	var documented []string
	for _, p := range d.Params {
		name := p.Name
		if p.Optional {
			name += "?"
		}
		documented = append(documented, name)
	}
	if !slices.Equal(params, documented) {
		return fmt.Errorf("%s takes (%s), and is documented with (%s)", d.Name, strings.Join(params, ", "), strings.Join(documented, ", "))
	}
	return nil
}

// params returns the arguments of a builtin, with a question mark after the optional ones; false if only the code itself knows,
// because it takes any.
func (r *Run) params(name string) ([]string, bool) {
	builtin, ok := r.members[name].(*gostarlark.Builtin)
	if !ok {
		return nil, false
	}
	r.asked = &asked{}
	defer func() { r.asked = nil }()
	_, _ = builtin.CallInternal(&gostarlark.Thread{Name: r.Path}, nil, nil) // ends in Unpack
	return r.asked.params, r.asked.answered
}

// asked is set while only the arguments of a builtin are wanted.
type asked struct {
	params   []string
	answered bool
}

var errAsked = fmt.Errorf("only the arguments were asked for")

func (a *asked) answer(pairs []any) error {
	a.answered = true
	for i := 0; i < len(pairs); i += 2 {
		if name, ok := pairs[i].(string); ok {
			base := strings.TrimRight(name, "?")
			if base != name {
				base += "?"
			}
			a.params = append(a.params, base)
		}
	}
	return errAsked
}
