package service

import (
	"log/slog"
	"net/http"
	"time"
)

// ServedBy is the header in which each service that had a part in an answer names itself.
const ServedBy = "Shop-Served-By"

// observe wraps the routes: it takes in the headers to be carried, names the service in the answer, and logs a line for each
// request but health checks, of which there is one a second.
func (s *Service) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		ctx := Carry(r.Context(), r.Header.Values)
		w.Header().Set(ServedBy, s.Name+" "+s.Version+" on "+s.host)
		recorder := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorder, r.WithContext(ctx))
		if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			return
		}
		level := slog.LevelInfo
		if recorder.status >= http.StatusInternalServerError {
			level = slog.LevelError
		}
		slog.Log(ctx, level, "request", "method", r.Method, "path", r.URL.Path, "status", recorder.status,
			"took", time.Since(start).Round(time.Microsecond), "baggage", Carried(ctx)["baggage"])
	})
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap gives http.ResponseController and the reverse proxy what is below.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
