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
	Name       string  // dotted, such as "os.path.join"
	Family     string  // the title of its family
	Callable   bool    // a function; otherwise a value
	ByPosition bool    // arguments before a star cannot be named
	Text       string  // Markdown; its first sentence says what the builtin does
	Params     []Param // in the order of positional arguments
	Returns    Param   // Type and Text only; the zero value: None
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
	params := make([]string, 0, len(d.Params))
	for _, p := range d.Params {
		params = append(params, p.String())
	}
	return d.Name + "(" + strings.Join(params, ", ") + ")"
}

// String shows a parameter as a signature does.
func (p Param) String() string {
	switch {
	case p.Default != "":
		return p.Name + "=" + p.Default
	case p.Optional && !strings.HasPrefix(p.Name, "*"):
		return p.Name + "=None"
	}
	return p.Name
}

// ReturnText says what a call returns, "" if nothing.
func (d Doc) ReturnText() string {
	if d.Returns.Type == "" {
		return ""
	}
	return d.Returns.Type + ": " + d.Returns.Text
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

// Family is the documentation of the builtins of one family.
type Family struct {
	Title    string
	Text     string // Markdown; what its builtins have in common, may be ""
	Builtins []Doc  // in the order of the text
}

// Document adds the texts of a family. They are Markdown:
//
//	# Title of the family
//
//	What its builtins have in common, if there is something to say.
//
//	## name
//
//	What it does.
//
//	- `param` (type): an argument that must be given
//	- `param` (type, `default`): one that need not; "optional" instead of a default if the text says what holds then
//	- `*params` (type): any number of arguments; the code cannot tell of them
//	- returns (type): what comes back
//
//	More paragraphs.
//
// Names of the interpreter's own, such as print and __file__, may be documented too. Nothing is parsed until Docs or Families is
// called.
func (r *Run) Document(texts string) { r.texts = append(r.texts, texts) }

var docParam = regexp.MustCompile("^- (?:`([*a-z0-9_A-Z]+)`|(returns)) \\(([^`()]*?)(?:, (?:`([^`]*)`|(optional)))?\\): (.*)$")

var emptyLines = regexp.MustCompile(`\n{3,}`)

// Docs returns the documentation of all builtins, by name. What is registered and not documented, or the other way round, is an
// error; so are arguments whose names are not those that the code takes.
func (r *Run) Docs() ([]Doc, error) {
	families, err := r.Families()
	if err != nil {
		return nil, err
	}
	var docs []Doc
	for _, f := range families {
		docs = append(docs, f.Builtins...)
	}
	slices.SortFunc(docs, func(a, b Doc) int { return strings.Compare(a.Name, b.Name) })
	return docs, nil
}

// Families is Docs by family, in the order of their registration.
func (r *Run) Families() ([]Family, error) {
	var families []Family
	documented := map[string]bool{}
	for _, text := range r.texts {
		f, err := parseFamily(text)
		if err != nil {
			return nil, err
		}
		for i := range f.Builtins {
			if err := r.complete(&f.Builtins[i]); err != nil {
				return nil, err
			}
			if name := f.Builtins[i].Name; documented[name] {
				return nil, fmt.Errorf("%s is documented twice", name)
			}
			documented[f.Builtins[i].Name] = true
		}
		families = append(families, f)
	}
	for _, name := range slices.Sorted(maps.Keys(r.members)) {
		if !documented[name] {
			return nil, fmt.Errorf("the builtin %s is not documented", name)
		}
	}
	return families, nil
}

// complete adds what the code says of a builtin, and compares the rest with it.
func (r *Run) complete(d *Doc) error {
	v, ok := r.members[d.Name]
	if !ok {
		v, ok = interpreters[d.Name]
	}
	if !ok {
		v, ok = gostarlark.Universe[d.Name]
	}
	if !ok {
		return fmt.Errorf("%s is documented, and no builtin", d.Name)
	}
	_, d.Callable = v.(gostarlark.Callable)
	d.ByPosition = gostarlark.Universe.Has(d.Name) && !slices.Contains(takeNames, d.Name)
	return r.checkParams(*d)
}

// takeNames are the functions of the interpreter that take arguments by name.
var takeNames = []string{"int", "sorted"}

// interpreters are the names of the interpreter's own that are not in its Universe.
var interpreters = gostarlark.StringDict{
	"load":     gostarlark.NewBuiltin("load", nil),
	"__file__": gostarlark.String(""),
	"__name__": gostarlark.String(""),
}

func parseFamily(text string) (Family, error) {
	sections := strings.Split("\n"+text, "\n## ")
	title, intro, _ := strings.Cut(strings.TrimSpace(sections[0]), "\n")
	title, ok := strings.CutPrefix(title, "# ")
	if !ok {
		begin, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
		return Family{}, fmt.Errorf("the documentation that begins with %q has no title: write \"# Title\" before it", begin)
	}
	f := Family{Title: title, Text: strings.TrimSpace(intro)}
	for _, section := range sections[1:] {
		name, body, _ := strings.Cut(section, "\n")
		d, err := parseDoc(strings.TrimSpace(name), body)
		if err != nil {
			return Family{}, err
		}
		d.Family = title
		f.Builtins = append(f.Builtins, d)
	}
	return f, nil
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
	d.Text = strings.TrimSpace(emptyLines.ReplaceAllString(strings.Join(text, "\n"), "\n\n"))
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
		if strings.HasPrefix(name, "*") {
			continue
		}
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
