package dev

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/envflow/envflow/dev/ui"
	"github.com/envflow/envflow/internal/server"
)

// newControl returns the handler of the control socket. The folder of the socket is closed to other users, so whoever
// reaches it is this user. record says where the server listens by now.
func newControl(record func() server.Record, guard *ui.Guard, used *usage, stop func()) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+server.PathStatus, func(w http.ResponseWriter, _ *http.Request) { reply(w, record()) })
	mux.HandleFunc("POST "+server.PathLogin, func(w http.ResponseWriter, r *http.Request) {
		var in server.LoginRequest
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		url, expires, err := guard.LoginURL(in.Path, in.Write)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		used.until(expires) // nobody wants a link to a server that has ended
		reply(w, server.LoginLink{URL: url, Expires: expires.UTC().Format(time.RFC3339)})
	})
	mux.HandleFunc("POST "+server.PathStop, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, struct{}{})
		stop()
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		used.until(time.Now()) // a command that looks for the server is about to use it
		mux.ServeHTTP(w, r)
	})
}

func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	// A caller that went away is told nothing.
	_ = json.NewEncoder(w).Encode(value)
}
