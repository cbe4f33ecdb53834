package arguments

import (
	_ "embed"
	"fmt"
	"net/url"
	"strings"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// linkValue is what link() returns.
type linkValue struct{ kit.Opaque[plan.Link] }

var _ gostarlark.HasAttrs = (*linkValue)(nil)

// AttrNames implements starlark.HasAttrs.
func (l *linkValue) AttrNames() []string { return []string{"name", "url"} }

// Attr implements starlark.HasAttrs.
func (l *linkValue) Attr(name string) (gostarlark.Value, error) {
	switch name {
	case "name":
		return gostarlark.String(l.Data.Name), nil
	case "url":
		return gostarlark.String(l.Data.URL), nil
	}
	return nil, nil // what there is, Starlark says
}

//go:embed builtins.md
var docs string

// New registers the family.
func New(run *kit.Run) {
	run.Document(docs)
	run.Builtin("link", link)
}

func link(c *kit.Call) (gostarlark.Value, error) {
	var address, name kit.Str
	if err := c.Unpack("url", &address, "name??", &name); err != nil {
		return nil, err
	}
	l, err := linkOf(string(address))
	l.Name = string(name)
	return &linkValue{kit.Opaque[plan.Link]{Kind: "link", Data: l}}, err
}

// Links reads the argument links: an address, a link, or a list of them.
func Links(v gostarlark.Value) ([]plan.Link, error) {
	var list []plan.Link
	for _, item := range kit.OneOrMore(v) {
		l, err := parseLink(item)
		if err != nil {
			return nil, fmt.Errorf("links: %w", err)
		}
		list = append(list, l)
	}
	return list, nil
}

func parseLink(v gostarlark.Value) (plan.Link, error) {
	if value, ok := v.(*linkValue); ok {
		return value.Data, nil
	}
	text, ok := kit.Text(v)
	if !ok {
		return plan.Link{}, fmt.Errorf("got %s, want an address or link(...)", v.Type())
	}
	return linkOf(text)
}

func linkOf(address string) (plan.Link, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return plan.Link{}, err
	}
	return plan.Link{URL: parsed.String()}, nil
}
