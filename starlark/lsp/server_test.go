package lsp

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// editor is the other end of a server.
type editor struct {
	t    *testing.T
	in   io.WriteCloser
	out  *bufio.Reader
	done chan error
	ids  int
}

// message is any that the server sends.
type message struct {
	ID     json.RawMessage
	Method string
	Params publishedDiagnostics
	Result json.RawMessage
	Error  *responseError
}

func newEditor(t *testing.T) *editor {
	t.Helper()
	docs, err := builtins()
	if err != nil {
		t.Fatal(err)
	}
	fromEditor, in := io.Pipe()
	out, toEditor := io.Pipe()
	e := &editor{t: t, in: in, out: newFrameReader(out), done: make(chan error, 1)}
	go func() {
		err := Serve(t.Context(), Options{In: fromEditor, Out: toEditor, Docs: docs, Extensions: fakeExtensions{}, Version: "1.2.3"})
		_ = toEditor.CloseWithError(io.EOF)
		_ = fromEditor.Close()
		e.done <- err
	}()
	return e
}

func (e *editor) send(message any) {
	e.t.Helper()
	if err := writeFrame(e.in, message); err != nil {
		e.t.Fatal(err)
	}
}

func (e *editor) notify(method string, params any) {
	e.t.Helper()
	e.send(map[string]any{"jsonrpc": "2.0", "method": method, "params": params})
}

func (e *editor) receive() message {
	e.t.Helper()
	body, err := readFrame(e.out)
	if err != nil {
		e.t.Fatal(err)
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		e.t.Fatalf("%s: %v", body, err)
	}
	return m
}

// request sends a request and waits for the answer, past what comes before.
func (e *editor) request(method string, params any) message {
	e.t.Helper()
	e.ids++
	e.send(map[string]any{"jsonrpc": "2.0", "id": e.ids, "method": method, "params": params})
	for {
		var id int
		if m := e.receive(); m.Method == "" && json.Unmarshal(m.ID, &id) == nil && id == e.ids {
			return m
		}
	}
}

func (e *editor) open(uri, text string) {
	e.t.Helper()
	e.notify("textDocument/didOpen", documentParams{documentItem{URI: uri, Version: 1, Text: text}})
}

func (e *editor) change(uri string, version int, changes ...contentChange) {
	e.t.Helper()
	e.notify("textDocument/didChange", changeParams{documentItem{URI: uri, Version: version}, changes})
}

// wantMistakes waits for the mistakes of a version of a document.
func (e *editor) wantMistakes(uri string, version int, want string) {
	e.t.Helper()
	for {
		m := e.receive()
		if m.Method != "textDocument/publishDiagnostics" || m.Params.URI != uri || m.Params.Version < version {
			continue
		}
		if got := showDiagnostics(m.Params.Diagnostics); got != want {
			e.t.Errorf("mistakes of %s:\n%swant:\n%s", uri, got, want)
		}
		return
	}
}

func (e *editor) exit() error {
	e.t.Helper()
	if m := e.request("shutdown", nil); string(m.Result) != "null" || m.Error != nil {
		e.t.Errorf("shutdown: %+v", m)
	}
	e.notify("exit", nil)
	return <-e.done
}

func TestServe_FromOpenToClose(t *testing.T) {
	t.Parallel()
	e := newEditor(t)
	m := e.request("initialize", map[string]any{})
	if got := string(m.Result); !strings.Contains(got, `"positionEncoding":"utf-16"`) || !strings.Contains(got, `"version":"1.2.3"`) {
		t.Errorf("initialize: %s", got)
	}
	e.notify("initialized", map[string]any{})
	uri := "untitled:Untitled-1"
	e.open(uri, "'😀'; a = 1\r\nlocl(a)\r\n")
	e.wantMistakes(uri, 1, "2:1-5: locl is not defined; did you mean local?\n")
	e.change(uri, 2, contentChange{Range: &textRange{position{1, 3}, position{1, 3}}, Text: "a"}, contentChange{Range: &textRange{position{1, 6}, position{1, 7}}, Text: "b"})
	e.wantMistakes(uri, 2, "2:7-8: b is not defined\n")
	m = e.request("textDocument/completion", positionParams{documentItem{URI: uri}, position{1, 3}})
	if !strings.Contains(string(m.Result), `"textEdit":{"range":{"start":{"line":1,"character":0},"end":{"line":1,"character":5}},"newText":"local"}`) {
		t.Errorf("completion: %s", m.Result)
	}
	m = e.request("textDocument/signatureHelp", positionParams{documentItem{URI: uri}, position{1, 6}})
	if !strings.Contains(string(m.Result), `"label":"command"`) {
		t.Errorf("signatureHelp without support of offsets: %s", m.Result)
	}
	m = e.request("textDocument/definition", positionParams{documentItem{URI: uri}, position{0, 6}})
	if !strings.Contains(string(m.Result), `"start":{"line":0,"character":6}`) {
		t.Errorf("definition: %s", m.Result)
	}
	m = e.request("textDocument/documentSymbol", documentParams{documentItem{URI: uri}})
	if !strings.Contains(string(m.Result), `"name":"a"`) {
		t.Errorf("documentSymbol: %s", m.Result)
	}
	e.notify("textDocument/didClose", documentParams{documentItem{URI: uri}})
	e.wantMistakes(uri, 0, "")
	if m = e.request("textDocument/hover", positionParams{documentItem{URI: uri}, position{}}); string(m.Result) != "null" {
		t.Errorf("hover over what is closed: %s", m.Result)
	}
	if err := e.exit(); err != nil {
		t.Errorf("exit: %v", err)
	}
}

func TestServe_CountsBytesIfTheEditorDoes(t *testing.T) {
	t.Parallel()
	e := newEditor(t)
	capabilities := map[string]any{"general": map[string]any{"positionEncodings": []string{"utf-32", "utf-8", "utf-16"}}}
	if m := e.request("initialize", map[string]any{"capabilities": capabilities}); !strings.Contains(string(m.Result), `"positionEncoding":"utf-8"`) {
		t.Errorf("initialize: %s", m.Result)
	}
	e.open("untitled:x", "'😀ö'; locl(1)")
	e.wantMistakes("untitled:x", 1, "1:11-15: locl is not defined; did you mean local?\n")
	e.change("untitled:x", 2, contentChange{Range: &textRange{position{0, 13}, position{0, 14}}, Text: "ca"})
	e.wantMistakes("untitled:x", 2, "1:11-16: locca is not defined; did you mean local?\n")
}

// What a file in the editor defines counts, not what is on disk.
func TestServe_FollowsChangesOfLoadedFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	main, lib := uriOf(filepath.Join(dir, "Tiltfile")), uriOf(filepath.Join(dir, "lib.star"))
	e := newEditor(t)
	e.request("initialize", map[string]any{})
	e.open(main, "load('./lib.star', 'a')\n")
	e.wantMistakes(main, 1, "1:6-18: there is no file ./lib.star\n")

	writeFile(t, filepath.Join(dir, "lib.star"), "a = 1\n")
	e.notify("textDocument/didSave", documentParams{documentItem{URI: lib}})
	e.wantMistakes(main, 1, "")

	e.open(lib, "b = 1\n")
	e.wantMistakes(main, 1, "1:21-22: ./lib.star does not define a\n")
	e.change(lib, 2, contentChange{Text: "a = 1\n"})
	e.wantMistakes(main, 1, "")
	e.change(lib, 3, contentChange{Text: "b = 1\n"})
	e.wantMistakes(main, 1, "1:21-22: ./lib.star does not define a\n")
	e.notify("textDocument/didClose", documentParams{documentItem{URI: lib}})
	e.wantMistakes(main, 1, "")
}

func TestServe_RefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	e := newEditor(t)
	refused := func(m message, code int) {
		t.Helper()
		if m.Error == nil || m.Error.Code != code {
			t.Errorf("got %+v %s, want the error %d", m.Error, m.Result, code)
		}
	}
	refused(e.request("textDocument/hover", positionParams{}), codeNotInitialized)
	e.request("initialize", map[string]any{})
	refused(e.request("initialize", map[string]any{}), codeInvalidRequest)
	refused(e.request("workspace/symbol", map[string]any{}), codeUnknownMethod)
	e.notify("workspace/didChangeConfiguration", map[string]any{})
	e.notify("textDocument/didOpen", 1)
	e.send(map[string]any{"id": 99, "result": nil})
	refused(e.request("textDocument/hover", []int{1}), codeInvalidParams)
	e.send([]int{1})
	refused(e.receive(), codeParse)
	e.change("file:///not/open", 2, contentChange{Text: "a"})
	if m := e.request("textDocument/completion", positionParams{documentItem{URI: "file:///not/open"}, position{}}); string(m.Result) != "null" {
		t.Errorf("completion in what is not open: %s", m.Result)
	}
	e.request("shutdown", nil)
	refused(e.request("textDocument/hover", positionParams{}), codeInvalidRequest)
	e.notify("exit", nil)
	if err := <-e.done; err != nil {
		t.Error(err)
	}
}

func TestServe_Ends(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "",
		"Content-Length: 17\r\n\r\n{\"method\":\"exit\"}": "without shutdown",
		"hello\n":                         "\"hello\" is no header of a message",
		"Content-Length: 5\r\n\r\n{}":     "read a message of 5 bytes: unexpected EOF",
		"Content-Length: 2\r\n\r\n{}\r\n": "has no Content-Length",
	} {
		err := Serve(t.Context(), Options{In: strings.NewReader(in), Out: io.Discard})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %v, want %q", in, err, want)
		}
	}
}

func TestQueue_LooksAtAllBeforeTheOldest(t *testing.T) {
	t.Parallel()
	frames := make(chan frame, 10)
	for _, body := range []string{
		`{"method":"textDocument/didChange"}`, `{"id":1,"method":"a"}`, `{"id":"1","method":"b"}`, `{"id":2,"method":"c"}`,
		`{"method":"$/cancelRequest","params":{"id":1}}`, `{"method":"$/cancelRequest","params":{"id":7}}`, `{"method":"d"}`,
	} {
		frames <- frame{body: []byte(body)}
	}
	frames <- frame{err: io.EOF}
	q := queue{frames: frames}
	var got []string
	for r := q.next(); r != nil; r = q.next() {
		name := r.Method
		if r.cancelled {
			name += " cancelled"
		}
		got = append(got, name)
	}
	if want := []string{"textDocument/didChange", "a cancelled", "b", "c", "d"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(q.end, io.EOF) {
		t.Errorf("at the end: got %v", q.end)
	}
}

func TestHandle_RefusesWhatIsCancelled(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	s := newServer(Options{Out: &out})
	if err := s.handle(&request{ID: json.RawMessage("1"), Method: "textDocument/hover", cancelled: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"code":-32800`) {
		t.Errorf("got %s", out.String())
	}
}

// FuzzAnswers asks all there is about any text, at any place of it.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		"", "def f(a", "load('x', 'y'", "load('ext://x', y='z')", "r'", "b\"\"\"x", "a, (b) = [", "\\", "for x in", "os.", "a;;=", "def", "a=",
		"if x: y = 1; z = 2", "sync(*a, **b, c=", "def f(*, a, **b): 'x'\nf(a=1", "lambda x, y=1: x", "else:\n x(\n", "a[b], c.d = 1", "f(,,)(",
	} {
		f.Add(s, len(s))
	}
	f.Fuzz(func(t *testing.T, source string, at int) {
		s := newTestServer(t)
		d := newDocument("file:///nowhere/Tiltfile", 1, newText(source, utf16Units))
		s.documents[d.uri] = d
		at = min(max(at, 0), len(source))
		for _, m := range s.diagnose(d) {
			if m.Range.End.Line < m.Range.Start.Line || m.Range.End.Line >= len(d.starts) {
				t.Errorf("a mistake at %v", m.Range)
			}
		}
		s.complete(d, at)
		s.hover(d, at)
		s.define(d, at)
		s.signature(d, at)
		if _, err := s.listSymbols(&documentParams{documentItem{URI: d.uri}}); err != nil {
			t.Error(err)
		}
	})
}
