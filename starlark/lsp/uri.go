package lsp

import (
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
)

// pathOf returns the path of a file: URI, "" for any other, such as untitled:.
func pathOf(uri string) string { return pathOn(runtime.GOOS, uri) }

// uriOf returns the URI of a path.
func uriOf(path string) string { return uriOn(runtime.GOOS, path) }

func pathOn(system, uri string) string {
	u, err := url.Parse(uri)
	if err != nil || !strings.EqualFold(u.Scheme, "file") || u.Path == "" {
		return ""
	}
	path := u.Path
	local := u.Host == "" || u.Host == "localhost"
	if system != "windows" {
		if !local {
			return ""
		}
		return filepath.Clean(path)
	}
	if len(path) > 2 && path[0] == '/' && path[2] == ':' { // a drive
		path = strings.ToUpper(path[1:2]) + path[2:]
	}
	if !local { // a share
		path = "//" + u.Host + path
	}
	return filepath.Clean(strings.ReplaceAll(path, "/", `\`))
}

func uriOn(system, path string) string {
	u := url.URL{Scheme: "file", Path: path}
	if system == "windows" {
		u.Path = strings.ReplaceAll(path, `\`, "/")
		if host, rest, share := strings.Cut(strings.TrimPrefix(u.Path, "//"), "/"); share && strings.HasPrefix(u.Path, "//") {
			u.Host, u.Path = host, "/"+rest
		} else {
			u.Path = "/" + u.Path
		}
	}
	return u.String()
}
