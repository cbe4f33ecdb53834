package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Error is an error with the HTTP status that it is answered with.
type Error struct {
	Status  int
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Errorf returns an Error.
func Errorf(status int, format string, args ...any) error {
	return &Error{status, fmt.Sprintf(format, args...)}
}

// maxBody is how much of a request or an answer is read.
const maxBody = 1 << 20

// JSON adds a route that answers with what h returns. An error is answered with its status, or 500.
func (s *Service) JSON(pattern string, h func(*http.Request) (any, error)) {
	s.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result, err := h(r)
		if err != nil {
			WriteError(w, err)
			return
		}
		write(w, http.StatusOK, result)
	}))
}

// Body reads the JSON that came with a request.
func Body(r *http.Request, into any) error {
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody)).Decode(into); err != nil {
		return Errorf(http.StatusBadRequest, "the request is not the JSON that is expected: %v", err)
	}
	return nil
}

// WriteError answers with an error.
func WriteError(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	if e, ok := errors.AsType[*Error](err); ok {
		status = e.Status
	}
	write(w, status, map[string]string{"error": err.Error()})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // it fails if nobody listens any more
}
