package lsp

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/envflow/envflow/starlark/kit"
)

// maxEntries is how many files of a folder are offered.
const maxEntries = 1000

// addText adds what can stand in the string token i: a file to load, something in that file, or another path.
func (c *completions) addText(i int) {
	t := c.d.outline().tokens[i]
	place := span{t.content, t.contentEnd()}
	if !t.closed {
		place.end = c.offset // what follows was there before, and is no part of it
	}
	written := c.d.string[place.start:c.offset]
	call := c.server.loaderAt(c.d, i)
	switch {
	case strings.ContainsAny(written, "\r\n"): // an edit has one line
		return
	case call == nil && c.isPath(i):
		c.addFiles(written, place)
		return
	case call == nil:
		return
	case call.active > 0:
		c.addExported(call, place)
		return
	}
	if extension, ok := strings.CutPrefix(written, extensionPrefix); ok {
		place.start = c.offset - len(extension)
		c.addExtensions(place)
		return
	}
	if strings.HasPrefix(extensionPrefix, written) {
		c.put(completionItem{Label: extensionPrefix, Kind: itemModule}, place, extensionPrefix, "")
	}
	c.addFiles(written, place)
}

// isPath reports whether the string token i is in an argument that is documented as a path, or as a list of paths.
func (c *completions) isPath(i int) bool {
	o := c.d.outline()
	call := o.callAt(o.tokens[i].start)
	if call == nil {
		return false
	}
	doc := c.server.meaningOf(c.d, call.callee).callable()
	if doc == nil {
		return false
	}
	param := call.parameter(doc.Params)
	return param >= 0 && strings.Contains(doc.Params[param].Type, "path")
}

// addExported adds what the file defines that a call loads from.
func (c *completions) addExported(call *call, place span) {
	other := c.server.loaded(c.d, call.module())
	if other == nil {
		return
	}
	o := other.outline()
	for i, arg := range call.args { // what is loaded already
		if last := len(arg.tokens) - 1; i != call.active && last >= 0 && arg.tokens[last].kind == stringToken {
			c.taken[arg.tokens[last].value()] = true
		}
	}
	for i := range o.symbols {
		sym := &o.symbols[i]
		if !sym.isExported() {
			continue
		}
		item := completionItem{Label: sym.name, Kind: itemVariable}
		m := meaning{symbol: sym, in: other}
		if doc := m.callable(); doc != nil {
			item.Kind, item.Detail = itemFunction, doc.Signature()
		}
		c.put(item, place, sym.name, sym.doc)
	}
}

func (c *completions) addExtensions(place span) {
	if c.server.Extensions == nil {
		return
	}
	for _, name := range c.server.Extensions.Names(c.d.dir()) {
		c.put(completionItem{Label: name, Kind: itemModule}, place, name, "")
	}
}

// addFiles adds the files and folders of the folder that is written up to the last slash. The part between slashes is replaced.
func (c *completions) addFiles(written string, place span) {
	slash := strings.LastIndexByte(written, '/') + 1
	folder := filepath.FromSlash(written[:slash])
	if !filepath.IsAbs(folder) {
		if c.d.path == "" {
			return
		}
		folder = filepath.Join(c.d.dir(), folder)
	}
	place.start += slash
	if next := strings.IndexByte(c.d.string[c.offset:place.end], '/'); next >= 0 {
		place.end = c.offset + next
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return // nothing to offer
	}
	hidden := strings.HasPrefix(written[slash:], ".")
	for _, entry := range entries[:min(len(entries), maxEntries)] {
		name := entry.Name()
		if strings.HasPrefix(name, ".") && !hidden {
			continue
		}
		item := completionItem{Label: name, Kind: itemFile}
		if entry.IsDir() || entry.Type()&fs.ModeSymlink != 0 && kit.IsDir(filepath.Join(folder, name)) {
			item.Kind = itemFolder
			if !strings.HasPrefix(c.d.string[place.end:], "/") {
				item.Label += "/"
			}
		}
		c.put(item, place, item.Label, "")
	}
}
