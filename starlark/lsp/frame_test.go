package lsp

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReadFrame(t *testing.T) {
	t.Parallel()
	in := newFrameReader(strings.NewReader("content-length:2\r\nContent-Type: x\r\n\r\n{}Content-Length: 0\n\nContent-Length: 3\r\n\r\nö1"))
	for _, want := range []string{"{}", "", "ö1"} {
		if got, err := readFrame(in); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if _, err := readFrame(in); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: got %v", err)
	}
}

func TestReadFrame_RefusesWhatHasNoLength(t *testing.T) {
	t.Parallel()
	long := "Content-Length: 1" + strings.Repeat(" ", maxHeader) + "\r\n\r\n"
	for _, in := range []string{
		"\r\n\r\n", "Content-Length: -1\r\n\r\n", "Content-Length: x\r\n\r\n", "Content-Length: 99999999999\r\n\r\n", "{}\n",
		"Content-Length: 9\r\n\r\n{}", "Content-Length: 1", "Content-Length: 1\r\n", long,
	} {
		if body, err := readFrame(newFrameReader(strings.NewReader(in))); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%.40q: got %q, %v", in, body, err)
		}
	}
}

// FuzzFrame reads anything, and what was written.
func FuzzFrame(f *testing.F) {
	f.Add("Content-Length: 2\r\n\r\n{}", "text")
	f.Add("Content-Length: 2\n\n{", "\r\n\x00😀")
	f.Fuzz(func(t *testing.T, in, text string) {
		for r := newFrameReader(strings.NewReader(in)); ; {
			body, err := readFrame(r)
			if len(body) > len(in) {
				t.Fatalf("%d bytes of %q", len(body), in)
			}
			if err != nil {
				break
			}
		}
		var out bytes.Buffer
		if err := errors.Join(writeFrame(&out, text), writeFrame(&out, 1)); err != nil {
			t.Fatal(err)
		}
		r := newFrameReader(&out)
		if _, err := readFrame(r); err != nil {
			t.Fatal(err)
		}
		if got, err := readFrame(r); err != nil || string(got) != "1" {
			t.Fatalf("behind %q: %q, %v", text, got, err)
		}
	})
}
