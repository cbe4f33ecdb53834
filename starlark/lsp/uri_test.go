package lsp

import (
	"runtime"
	"testing"
)

func TestPath(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ system, uri, path string }{
		{"linux", "file:///src/Tiltfile", "/src/Tiltfile"},
		{"linux", "file://localhost/src/Tiltfile", "/src/Tiltfile"},
		{"linux", "FILE:///src/Tiltfile", "/src/Tiltfile"},
		{"linux", "file:///a%20b%2525/%C3%B6%23%3F", "/a b%25/ö#?"},
		{"linux", "file:///c%3A/x", "/c:/x"},
		{"linux", "file://server/share/x", ""},
		{"linux", "untitled:Untitled-1", ""},
		{"linux", "vscode-vfs://github/x/Tiltfile", ""},
		{"linux", "file:", ""},
		{"linux", "%zz", ""},
	} {
		if runtime.GOOS == "windows" {
			break // filepath.Clean is of the system that the test runs on
		}
		if got := pathOn(c.system, c.uri); got != c.path {
			t.Errorf("%s: got %q, want %q", c.uri, got, c.path)
		}
	}
	for uri, path := range map[string]string{
		"file:///C:/src/Tiltfile":         `C:\src\Tiltfile`,
		"file:///c%3A/src/a%20b/Tiltfile": `C:\src\a b\Tiltfile`,
		"file://server/share/Tiltfile":    `\\server\share\Tiltfile`,
	} {
		if got := pathOn("windows", uri); got != path {
			t.Errorf("%s: got %q, want %q", uri, got, path)
		}
	}
}

func TestURI(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ system, path, uri string }{
		{"linux", "/a b%/ö#?", "file:///a%20b%25/%C3%B6%23%3F"},
		{"windows", `C:\src\Tiltfile`, "file:///C:/src/Tiltfile"},
		{"windows", `\\server\share\Tiltfile`, "file://server/share/Tiltfile"},
	} {
		if got := uriOn(c.system, c.path); got != c.uri {
			t.Errorf("%s: got %s, want %s", c.path, got, c.uri)
		}
	}
}
