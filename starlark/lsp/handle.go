package lsp

import (
	"encoding/json"
	"errors"
	"slices"
)

// handle answers a message.
func (s *server) handle(r *request) error {
	switch {
	case r.malformed:
		return s.refuse(r, &responseError{codeParse, "the message is no JSON of a request"})
	case r.cancelled:
		return s.refuse(r, &responseError{codeCancelled, "the editor has cancelled the request"})
	case r.Method == "": // an answer to a request, and there are none
		return nil
	}
	result, err := s.answer(r)
	if refused, ok := errors.AsType[*responseError](err); ok {
		return s.refuse(r, refused)
	}
	if err != nil || len(r.ID) == 0 {
		return err
	}
	return writeFrame(s.Out, response{Version: "2.0", ID: r.ID, Result: result})
}

// refuse answers a request with an error. A notification has no answer.
func (s *server) refuse(r *request, err *responseError) error {
	if len(r.ID) == 0 {
		return nil
	}
	return writeFrame(s.Out, errorResponse{Version: "2.0", ID: r.ID, Error: err})
}

func (s *server) answer(r *request) (any, error) {
	switch {
	case r.Method == "exit":
		return nil, errExit
	case !s.initialized && r.Method != "initialize":
		return nil, &responseError{codeNotInitialized, "the first request is initialize"}
	case s.shutdown, s.initialized && r.Method == "initialize":
		return nil, &responseError{codeInvalidRequest, "it is too late for " + r.Method}
	}
	switch r.Method {
	case "initialize":
		return withParams(r, s.initialize)
	case "shutdown":
		s.shutdown = true
		return nil, nil
	case "textDocument/didOpen":
		return withParams(r, s.didOpen)
	case "textDocument/didChange":
		return withParams(r, s.didChange)
	case "textDocument/didSave", "workspace/didChangeWatchedFiles":
		return withParams(r, s.didSave)
	case "textDocument/didClose":
		return withParams(r, s.didClose)
	case "textDocument/completion":
		return withParams(r, s.at(s.complete))
	case "textDocument/hover":
		return withParams(r, s.at(s.hover))
	case "textDocument/signatureHelp":
		return withParams(r, s.at(s.signature))
	case "textDocument/definition":
		return withParams(r, s.at(s.define))
	case "textDocument/documentSymbol":
		return withParams(r, s.listSymbols)
	}
	return nil, &responseError{codeUnknownMethod, "there is no method " + r.Method}
}

// withParams calls fn with the parameters of a request.
func withParams[P any](r *request, fn func(*P) (any, error)) (any, error) {
	var p P
	if err := json.Unmarshal(r.Params, &p); err != nil {
		return nil, &responseError{codeInvalidParams, "the parameters of " + r.Method + " cannot be read: " + err.Error()}
	}
	return fn(&p)
}

// at finds the document and the place that a request asks about. Of a document that is not open there is nothing to say.
func (s *server) at(fn func(d *document, offset int) any) func(*positionParams) (any, error) {
	return func(p *positionParams) (any, error) {
		d := s.documents[p.TextDocument.URI]
		if d == nil {
			return nil, nil
		}
		return fn(d, d.offset(p.Position)), nil
	}
}

// initialize agrees with the editor on what both can.
func (s *server) initialize(p *initializeParams) (any, error) {
	s.initialized = true
	for _, e := range p.Capabilities.General.PositionEncodings { // the editor's favourite first
		if slices.Contains([]encoding{utf8Bytes, utf16Units}, e) {
			s.encoding = e
			break
		}
	}
	s.labelOffsets = p.Capabilities.TextDocument.SignatureHelp.SignatureInformation.ParameterInformation.LabelOffsetSupport
	return map[string]any{
		"capabilities": map[string]any{
			"positionEncoding":       s.encoding,
			"textDocumentSync":       map[string]any{"openClose": true, "change": 2, "save": true}, // 2: only what changed
			"completionProvider":     map[string]any{"triggerCharacters": []string{".", "/", "'", `"`}},
			"signatureHelpProvider":  map[string]any{"triggerCharacters": []string{"(", ","}, "retriggerCharacters": []string{"="}},
			"hoverProvider":          true,
			"definitionProvider":     true,
			"documentSymbolProvider": true,
		},
		"serverInfo": map[string]string{"name": "envflow", "version": s.Version},
	}, nil
}
