package ui

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	loopback  = "127.0.0.1"
	loginPath = "/envflow/login"
)

// Guard lets only this user's browsers through, and passes what they ask on with the token that the frontend demands.
//
// Three things are checked, in this order. Host, because a web page of somebody else may have its own name resolve to
// 127.0.0.1 (DNS rebinding). Origin, because any page may send requests here (cross-site requests). The cookie of a
// session that began with a login link, because other users and programs of this machine reach the port as well.
type Guard struct {
	hosts  []string // host:port that browsers may call this server by
	cookie string
	token  string
	logins *logins
	read   http.Handler // for sessions that may only look
	write  http.Handler // for sessions that may change workflows
}

// NewGuard returns the guard of the server that listens on port of the loopback interface. token is what the Temporal
// frontend demands; now is the clock by which links and sessions expire.
func NewGuard(port int, token string, read, write http.Handler, now func() time.Time) *Guard {
	g := &Guard{token: token, logins: newLogins(now), read: read, write: write}
	for _, host := range []string{loopback, "localhost"} {
		g.hosts = append(g.hosts, net.JoinHostPort(host, fmt.Sprint(port)))
	}
	// Cookies do not know about ports: the server of another user, on another port, needs another name.
	g.cookie = fmt.Sprintf("envflow_%d", port)
	return g
}

// LoginURL returns a link that lets whoever opens it first in, once. path is the page that it leads to and begins with a
// slash; write says whether the session may change workflows.
func (g *Guard) LoginURL(path string, write bool) (url string, expires time.Time, err error) {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n") {
		return "", time.Time{}, fmt.Errorf("%q is no path of a page", path)
	}
	secret, expires := g.logins.newCode(path, write)
	return "http://" + g.hosts[0] + loginPath + "?code=" + secret, expires, nil
}

// ServeHTTP implements http.Handler.
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Frame-Options", "DENY")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer") // the login link must not travel on
	switch {
	case !slices.Contains(g.hosts, r.Host):
		refuse(w, r, http.StatusForbidden, "This server does not go by that name.", "Open it as http://"+g.hosts[0]+".")
		return
	case !g.sameOrigin(r):
		refuse(w, r, http.StatusForbidden, "This request comes from another web site.", "Open http://"+g.hosts[0]+" itself.")
		return
	case r.URL.Path == loginPath:
		g.login(w, r)
		return
	}
	s, ok := g.sessionOf(r)
	if !ok {
		refuse(w, r, http.StatusUnauthorized, "You are not logged in.", "Run `envflow server ui` and open the link that it prints.")
		return
	}
	next := g.read
	if s.write {
		next = g.write
	}
	next.ServeHTTP(w, g.trusted(r))
}

// sameOrigin reports whether the request may come from a page of this server. Browsers send Origin with every request
// that is not a plain GET, so one that changes something must have it.
func (g *Guard) sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return r.Method == http.MethodGet || r.Method == http.MethodHead
	}
	host, ok := strings.CutPrefix(origin, "http://")
	return ok && host == r.Host
}

func (g *Guard) login(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet { // a HEAD of some link checker must not use the link up
		refuse(w, r, http.StatusMethodNotAllowed, "This is a login link.", "Open it in a browser.")
		return
	}
	secret, path, lifetime, ok := g.logins.redeem(r.URL.Query().Get("code"))
	if !ok {
		refuse(w, r, http.StatusUnauthorized, "This login link was used before or is too old.", "Run `envflow server ui` for a new one.")
		return
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // no Secure: loopback has no TLS
		Name: g.cookie, Value: secret, Path: "/", MaxAge: int(lifetime.Seconds()), HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	// Not a redirect: where the link was clicked in another site's page, the browser would not send a strict cookie
	// along. A page of our own that moves on is on this site.
	showPage(w, http.StatusOK, page{Title: "Logged in", Text: "Opening the Temporal UI.", Next: path})
}

func (g *Guard) sessionOf(r *http.Request) (session, bool) {
	// All of that name: a page on another port of this host can set one as well, and must not be able to lock us out.
	for _, c := range r.Cookies() {
		if c.Name == g.cookie {
			if s, ok := g.logins.session(c.Value); ok {
				return s, true
			}
		}
	}
	return session{}, false
}

// trusted returns the request with our token in place of any credentials it came with.
func (g *Guard) trusted(r *http.Request) *http.Request {
	out := r.Clone(r.Context())
	for name := range out.Header {
		// The UI's gateway turns Grpc-Metadata-X into the gRPC header X, so that would be a second way to send one.
		if strings.HasPrefix(name, "Grpc-Metadata-") || strings.HasPrefix(name, "Authorization") || name == "Cookie" {
			out.Header.Del(name)
		}
	}
	out.Header.Set("Authorization", "Bearer "+g.token)
	return out
}
