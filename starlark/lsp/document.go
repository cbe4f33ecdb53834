package lsp

import "path/filepath"

// document is a file that is open in the editor, or one that such a file loads.
type document struct {
	text
	uri     string
	path    string // "" if it is not a file yet
	version int    // the editor counts them
	parts   *outline
	exports map[string]bool // see exported; nil until asked for
}

func newDocument(uri string, version int, t text) *document {
	return &document{text: t, uri: uri, path: pathOf(uri), version: version}
}

// outline takes the document apart, the first time that somebody asks.
func (d *document) outline() *outline {
	if d.parts == nil {
		d.parts = newOutline(d.string)
	}
	return d.parts
}

// dir is the folder that paths in the document start from, "" if it is not a file yet.
func (d *document) dir() string {
	if d.path == "" {
		return ""
	}
	return filepath.Dir(d.path)
}
