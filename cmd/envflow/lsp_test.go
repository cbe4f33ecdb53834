package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// editorSession is `envflow lsp` with an editor at its other end.
type editorSession struct {
	t      *testing.T
	in     io.WriteCloser
	out    *textproto.Reader
	stderr bytes.Buffer
	wait   func() error
	ids    int
}

func (u *user) edit(args ...string) *editorSession {
	u.t.Helper()
	cmd := u.command(append([]string{"lsp"}, args...)...)
	s := &editorSession{t: u.t, wait: cmd.Wait}
	cmd.Stderr = &s.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		u.t.Fatal(err)
	}
	if s.in, err = cmd.StdinPipe(); err != nil {
		u.t.Fatal(err)
	}
	s.out = textproto.NewReader(bufio.NewReader(out))
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	return s
}

func (s *editorSession) send(message map[string]any) {
	s.t.Helper()
	body, err := json.Marshal(message)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(s.in, "Content-Length: %d\r\n\r\n%s", len(body), body); err != nil {
		s.t.Fatal(err)
	}
}

// receive returns the next message that has key: "id" for an answer, "method" for a notification.
func (s *editorSession) receive(key string) string {
	s.t.Helper()
	for {
		header, err := s.out.ReadMIMEHeader()
		if err != nil {
			s.t.Fatalf("%v; %s", err, s.stderr.String())
		}
		length, err := strconv.Atoi(header.Get("Content-Length"))
		if err != nil {
			s.t.Fatal(err)
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(s.out.R, body); err != nil {
			s.t.Fatal(err)
		}
		var message map[string]any
		if err := json.Unmarshal(body, &message); err != nil {
			s.t.Fatalf("%s: %v", body, err)
		}
		if message[key] != nil {
			return string(body)
		}
	}
}

// ask sends a request and compares its answer, or else a notification and waits for one.
func (s *editorSession) ask(method string, params map[string]any, want string) {
	s.t.Helper()
	s.ids++
	s.send(map[string]any{"jsonrpc": "2.0", "id": s.ids, "method": method, "params": params})
	if got := s.receive("id"); !strings.Contains(got, want) {
		s.t.Errorf("%s: got %s, want in it: %s", method, got, want)
	}
}

func (s *editorSession) tell(method string, params map[string]any, want string) {
	s.t.Helper()
	s.send(map[string]any{"jsonrpc": "2.0", "method": method, "params": params})
	if got := s.receive("method"); !strings.Contains(got, want) {
		s.t.Errorf("%s: got %s, want in it: %s", method, got, want)
	}
}

func TestLSP_Session(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "lib.star"), []byte("def build(ref, tag=''):\n    'Builds it.'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	uri := "file://" + filepath.ToSlash(dir) + "/Tiltfile"
	at := func(line, character int) map[string]any {
		return map[string]any{"textDocument": map[string]any{"uri": uri}, "position": map[string]any{"line": line, "character": character}}
	}
	s := newUser(t).edit("start", "--stdio")
	s.ask("initialize", map[string]any{"processId": os.Getpid(), "rootUri": nil, "capabilities": map[string]any{}}, `"name":"envflow"`)
	s.send(map[string]any{"jsonrpc": "2.0", "method": "initialized", "params": map[string]any{}})
	text := "load('./lib.star', 'build')\nbuild('x')\n"
	s.tell("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": uri, "languageId": "tiltfile", "version": 1, "text": text}}, `"diagnostics":[]`)
	s.ask("textDocument/hover", at(1, 2), "Builds it.")
	s.ask("textDocument/definition", at(1, 2), "/lib.star\"")

	end := map[string]any{"start": map[string]any{"line": 2, "character": 0}, "end": map[string]any{"line": 2, "character": 0}}
	s.tell("textDocument/didChange", map[string]any{
		"textDocument":   map[string]any{"uri": uri, "version": 2},
		"contentChanges": []any{map[string]any{"range": end, "text": "docker_build('x', '.', d"}},
	}, "is not closed")
	s.ask("textDocument/completion", at(2, 24), `"newText":"dockerfile="`)
	s.ask("textDocument/signatureHelp", at(2, 24), `"activeParameter":2`)
	s.ask("shutdown", nil, `"result":null`)
	s.send(map[string]any{"jsonrpc": "2.0", "method": "exit"})
	if err := s.wait(); err != nil || s.stderr.Len() > 0 {
		t.Errorf("exit: %v, %s", err, s.stderr.String())
	}
}

// Tilt's extension for VS Code starts its server so.
func TestLSP_UnderTheNameOfTilt(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	link := filepath.Join(t.TempDir(), "tilt")
	if err := os.Symlink(u.binary, link); err != nil {
		t.Fatal(err)
	}
	u.binary = link
	s := u.edit("start", "--debug")
	s.ask("initialize", map[string]any{}, `"name":"envflow"`)
	s.ask("shutdown", nil, `"result":null`)
	s.send(map[string]any{"jsonrpc": "2.0", "method": "exit"})
	if err := s.wait(); err != nil || s.stderr.Len() > 0 {
		t.Errorf("exit: %v, %s", err, s.stderr.String())
	}
}

func TestLSP_SaysHowItEnds(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	for in, want := range map[string]outcome{
		"": {},
		"Content-Length: 17\r\n\r\n{\"method\":\"exit\"}": {Code: 1, Stderr: "Error: the editor says exit without shutdown\n"},
		"docker_build('x')\n":                             {Code: 1, Stderr: "Error: read from the editor: \"docker_build('x')\" is no header of a message\n"},
	} {
		cmd := u.command("lsp")
		var stdout, stderr bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &stdout, &stderr
		err := cmd.Run()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if got := (outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}); got != want {
			t.Errorf("%q: got %+v, want %+v", in, got, want)
		}
	}
	if got := u.run("lsp", "begin"); got.Code != 2 || !strings.Contains(got.Stderr, "usage: `envflow lsp [start]`") {
		t.Errorf("another word: %+v", got)
	}
	if got := u.run("lsp", "start", "now"); got.Code != 2 {
		t.Errorf("two words: %+v", got)
	}
}
