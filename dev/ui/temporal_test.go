package ui

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Nothing listens there: what these tests look at does not get that far.
const nowhere = "127.0.0.1:1"

func TestTemporal_ServesThePages(t *testing.T) {
	t.Parallel()
	h, err := Temporal(nowhere, "default", false)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/namespaces/default/workflows", "/favicon.ico"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("%s: %d with %d bytes", path, w.Code, w.Body.Len())
		}
	}
}

func TestTemporal_WritesOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	for write, want := range map[bool]int{false: http.StatusMethodNotAllowed, true: http.StatusServiceUnavailable} {
		h, err := Temporal(nowhere, "default", write)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/v1/namespaces/default/workflows/x/terminate", strings.NewReader("{}")))
		if w.Code != want {
			t.Errorf("write %v: terminate answers %d, want %d: %s", write, w.Code, want, w.Body)
		}
		w = httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/settings", nil))
		var settings struct{ DisableWriteActions, DisableNewsFetch bool }
		if err := json.Unmarshal(w.Body.Bytes(), &settings); err != nil {
			t.Fatal(err)
		}
		if settings.DisableWriteActions == write || !settings.DisableNewsFetch {
			t.Errorf("write %v: settings are %+v", write, settings)
		}
	}
}
