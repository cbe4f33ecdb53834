package lsp

import "slices"

func (s *server) didOpen(p *documentParams) (any, error) {
	item := p.TextDocument
	s.set(newDocument(item.URI, item.Version, newText(item.Text, s.encoding)))
	return nil, nil
}

func (s *server) didChange(p *changeParams) (any, error) {
	d := s.documents[p.TextDocument.URI]
	if d == nil {
		return nil, nil
	}
	t := d.text
	for _, c := range p.ContentChanges {
		t = t.replace(c)
	}
	s.set(newDocument(d.uri, p.TextDocument.Version, t))
	return nil, nil
}

// didSave looks for the mistakes of all documents again: what has changed on disk may be a file that they load.
func (s *server) didSave(*documentParams) (any, error) {
	for uri := range s.documents {
		s.mark(uri)
	}
	return nil, nil
}

func (s *server) didClose(p *documentParams) (any, error) {
	d := s.documents[p.TextDocument.URI]
	if d == nil {
		return nil, nil
	}
	delete(s.documents, d.uri)
	s.markLoading(d)
	return nil, s.publish(&document{uri: d.uri}, []diagnostic{})
}

// set keeps a document.
func (s *server) set(d *document) {
	s.documents[d.uri] = d
	s.mark(d.uri)
	s.markLoading(d)
}

// mark has the mistakes of a document looked for.
func (s *server) mark(uri string) {
	if !slices.Contains(s.changed, uri) {
		s.changed = append(s.changed, uri)
	}
}

// markLoading marks the documents that load one.
func (s *server) markLoading(d *document) {
	for uri, other := range s.documents {
		if d.path != "" && other != d && s.loads(other, d.path) {
			s.mark(uri)
		}
	}
}

// publishNext tells the editor the mistakes of a document that has changed.
func (s *server) publishNext() error {
	uri := s.changed[0]
	s.changed = s.changed[1:]
	if d := s.documents[uri]; d != nil {
		return s.publish(d, s.diagnose(d))
	}
	return nil // closed in the meantime
}

func (s *server) publish(d *document, found []diagnostic) error {
	return writeFrame(s.Out, notification{
		Version: "2.0", Method: "textDocument/publishDiagnostics",
		Params: publishedDiagnostics{URI: d.uri, Version: d.version, Diagnostics: found},
	})
}
