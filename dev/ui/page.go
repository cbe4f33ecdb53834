package ui

import (
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
)

// page is one of the few pages that are envflow's own.
type page struct {
	Title string
	Text  string
	Next  string // where to go on to at once; empty stays
}

var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
{{with .Next}}<meta http-equiv="refresh" content="0;url={{.}}">{{end}}
<title>envflow: {{.Title}}</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 36rem; margin: 20vh auto 0; padding: 0 1rem }
h1 { font-size: 1.25rem }
</style>
<h1>{{.Title}}</h1>
<p>{{.Text}}</p>
{{with .Next}}<p><a href="{{.}}">Go on</a></p>{{end}}
</html>
`))

func showPage(w http.ResponseWriter, status int, p page) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.WriteHeader(status)
	// Nothing is left to tell a browser that went away.
	_ = pageTemplate.Execute(w, p)
}

// refuse answers a page with a page and the API with JSON in the shape of the Temporal UI's own errors.
func refuse(w http.ResponseWriter, r *http.Request, status int, what, remedy string) {
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		showPage(w, status, page{Title: what, Text: remedy})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"statusCode": status, "message": what + " " + remedy})
}
