package lsp

import (
	"fmt"
	"strings"
	"testing"
)

// A file of 5 MB is no Tiltfile, but an editor may be given one.
func BenchmarkLargeFile(b *testing.B) {
	var source strings.Builder
	for i := 0; source.Len() < 5<<20; i++ {
		fmt.Fprintf(&source, "docker_build('img%d', '.', live_update=[sync('a', '/b'), run('x', trigger=['y'])])\nx%d = local('echo')\n", i, i)
	}
	s := newTestServer(b)
	d := newDocument("file:///nowhere/Tiltfile", 1, newText(source.String(), utf16Units))
	end := d.position(len(d.string))
	for name, ask := range map[string]func(d *document){
		"change":     func(d *document) { d.replace(contentChange{Range: &textRange{end, end}, Text: "x"}) },
		"signature":  func(d *document) { s.signature(d, 15) },
		"completion": func(d *document) { s.complete(d, len(d.string)) },
		"mistakes":   func(d *document) { s.diagnose(d) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				ask(newDocument(d.uri, 1, d.text))
			}
		})
	}
}
