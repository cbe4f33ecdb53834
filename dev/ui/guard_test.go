package ui

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

const testHost = "127.0.0.1:8233"

// clock is a time that only moves when told to.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// newTestGuard returns a guard of two handlers that say which of them was reached, and with which credentials.
func newTestGuard(c *clock) *Guard {
	say := func(which string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, which+" "+strings.Join(r.Header.Values("Authorization"), ",")+r.Header.Get("Cookie")+r.Header.Get("Grpc-Metadata-Authorization")+r.Header.Get("Authorization-Extras"))
		})
	}
	return NewGuard(8233, "secret", say("read"), say("write"), c.Now)
}

// do sends a request as the browser at testHost does, changed by change.
func do(g *Guard, method, target string, change func(*http.Request)) *http.Response {
	r := httptest.NewRequest(method, "http://"+testHost+target, nil)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// logIn returns the cookie of a fresh session.
func logIn(t *testing.T, g *Guard, write bool) *http.Cookie {
	t.Helper()
	link, _, err := g.LoginURL("/namespaces/default/workflows", write)
	if err != nil {
		t.Fatal(err)
	}
	resp := do(g, http.MethodGet, pathOf(t, link), nil)
	if resp.StatusCode != http.StatusOK || len(resp.Cookies()) != 1 {
		t.Fatalf("login: %s, cookies %v", resp.Status, resp.Cookies())
	}
	if text := body(t, resp); !strings.Contains(text, `content="0;url=/namespaces/default/workflows"`) {
		t.Errorf("the page does not lead on: %s", text)
	}
	c := resp.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Name != "envflow_8233" {
		t.Errorf("cookie is %+v", c)
	}
	return c
}

func pathOf(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil || u.Host != testHost {
		t.Fatalf("login link %q: %v", link, err)
	}
	return u.RequestURI()
}

func TestGuard_PassesASessionOnWithTheToken(t *testing.T) {
	t.Parallel()
	g := newTestGuard(&clock{})
	for write, want := range map[bool]string{false: "read Bearer secret", true: "write Bearer secret"} {
		cookie := logIn(t, g, write)
		resp := do(g, http.MethodPost, "/api/v1/namespaces", func(r *http.Request) {
			r.AddCookie(cookie)
			r.Header.Set("Origin", "http://"+testHost)
			r.Header.Set("Authorization", "Bearer of somebody else")
			r.Header.Set("Authorization-Extras", "more")
			r.Header.Set("Grpc-Metadata-Authorization", "Bearer again")
		})
		if got := body(t, resp); got != want {
			t.Errorf("handler saw %q, want %q", got, want)
		}
	}
}

func TestGuard_Refuses(t *testing.T) {
	t.Parallel()
	c := &clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	g := newTestGuard(c)
	cookie := logIn(t, g, true)
	withCookie := func(r *http.Request) { r.AddCookie(cookie) }
	for name, test := range map[string]struct {
		method string
		change func(*http.Request)
		status int
	}{
		"no cookie":         {http.MethodGet, nil, http.StatusUnauthorized},
		"a wrong cookie":    {http.MethodGet, func(r *http.Request) { r.AddCookie(&http.Cookie{Name: cookie.Name, Value: "guess"}) }, http.StatusUnauthorized},
		"an empty cookie":   {http.MethodGet, func(r *http.Request) { r.AddCookie(&http.Cookie{Name: cookie.Name}) }, http.StatusUnauthorized},
		"a bearer token":    {http.MethodGet, func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, http.StatusUnauthorized},
		"DNS rebinding":     {http.MethodGet, func(r *http.Request) { withCookie(r); r.Host = "evil.example:8233" }, http.StatusForbidden},
		"another port":      {http.MethodGet, func(r *http.Request) { withCookie(r); r.Host = "127.0.0.1:80" }, http.StatusForbidden},
		"no host":           {http.MethodGet, func(r *http.Request) { withCookie(r); r.Host = "" }, http.StatusForbidden},
		"cross-site POST":   {http.MethodPost, func(r *http.Request) { withCookie(r); r.Header.Set("Origin", "https://evil.example") }, http.StatusForbidden},
		"cross-site GET":    {http.MethodGet, func(r *http.Request) { withCookie(r); r.Header.Set("Origin", "https://evil.example") }, http.StatusForbidden},
		"a sandboxed page":  {http.MethodPost, func(r *http.Request) { withCookie(r); r.Header.Set("Origin", "null") }, http.StatusForbidden},
		"another port's":    {http.MethodPost, func(r *http.Request) { withCookie(r); r.Header.Set("Origin", "http://127.0.0.1:3000") }, http.StatusForbidden},
		"localhost's page":  {http.MethodPost, func(r *http.Request) { withCookie(r); r.Header.Set("Origin", "http://localhost:8233") }, http.StatusForbidden},
		"POST, no origin":   {http.MethodPost, withCookie, http.StatusForbidden},
		"DELETE, no origin": {http.MethodDelete, withCookie, http.StatusForbidden},
		"preflight":         {http.MethodOptions, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/", "/api/v1/namespaces"} {
				resp := do(g, test.method, path, test.change)
				if resp.StatusCode != test.status {
					t.Errorf("%s %s: %s, want %d", test.method, path, resp.Status, test.status)
				}
				if text := body(t, resp); strings.Contains(text, "secret") || !strings.Contains(text, "pen") {
					t.Errorf("the answer leaks or gives no way on: %s", text)
				}
			}
		})
	}
}

func TestGuard_AnswersToItsNames(t *testing.T) {
	t.Parallel()
	g := newTestGuard(&clock{})
	cookie := logIn(t, g, false)
	for _, host := range []string{"127.0.0.1:8233", "localhost:8233"} {
		resp := do(g, http.MethodGet, "/", func(r *http.Request) { r.Host = host; r.AddCookie(cookie) })
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", host, resp.Status)
		}
	}
}

func TestGuard_LoginLinkWorksOnceAndNotForLong(t *testing.T) {
	t.Parallel()
	c := &clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	g := newTestGuard(c)
	link, expires, err := g.LoginURL("/", false)
	if err != nil {
		t.Fatal(err)
	}
	if got := do(g, http.MethodHead, pathOf(t, link), nil).StatusCode; got != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: %d", got)
	}
	if got := do(g, http.MethodGet, pathOf(t, link), nil).StatusCode; got != http.StatusOK {
		t.Errorf("first use: %d", got)
	}
	if got := do(g, http.MethodGet, pathOf(t, link), nil).StatusCode; got != http.StatusUnauthorized {
		t.Errorf("second use: %d", got)
	}
	late, _, err := g.LoginURL("/", false)
	if err != nil {
		t.Fatal(err)
	}
	c.now = expires
	if got := do(g, http.MethodGet, pathOf(t, late), nil).StatusCode; got != http.StatusUnauthorized {
		t.Errorf("after %s: %d", codeLifetime, got)
	}
	if got := do(g, http.MethodGet, loginPath, nil).StatusCode; got != http.StatusUnauthorized {
		t.Errorf("no code: %d", got)
	}
}

func TestGuard_SessionEnds(t *testing.T) {
	t.Parallel()
	for write, lifetime := range map[bool]time.Duration{false: readLifetime, true: writeLifetime} {
		c := &clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		g := newTestGuard(c)
		cookie := logIn(t, g, write)
		for after, want := range map[time.Duration]int{lifetime - 1: http.StatusOK, lifetime: http.StatusUnauthorized} {
			c.now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(after)
			if got := do(g, http.MethodGet, "/", func(r *http.Request) { r.AddCookie(cookie) }).StatusCode; got != want {
				t.Errorf("write %v, after %s: %d, want %d", write, after, got, want)
			}
		}
	}
}

// A page on another port of this host can set cookies for all ports. It must not be able to log us out.
func TestGuard_FindsItsCookieAmongOthers(t *testing.T) {
	t.Parallel()
	g := newTestGuard(&clock{})
	cookie := logIn(t, g, false)
	resp := do(g, http.MethodGet, "/", func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: "set by somebody else"})
		r.AddCookie(cookie)
	})
	if resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
}

func TestGuard_LoginLeadsOnlyToItsOwnPages(t *testing.T) {
	t.Parallel()
	g := newTestGuard(&clock{})
	for _, path := range []string{"", "x", "https://evil.example", "//evil.example", `/\evil.example`, "/a\r\nSet-Cookie: b"} {
		if link, _, err := g.LoginURL(path, false); err == nil {
			t.Errorf("%q gives %s", path, link)
		}
	}
}
