package ui

import (
	"crypto/rand"
	"encoding/base64"
	"sync"
	"time"
)

const (
	codeLifetime = 10 * time.Minute // of a login link that nobody opens

	// Of a browser that is logged in; both end earlier with the server. The cookie goes to whatever the browser opens on
	// any port of this host, so a session that can change something does not last.
	readLifetime  = 7 * 24 * time.Hour
	writeLifetime = time.Hour
)

// session is what a logged-in browser may do.
type session struct {
	write   bool
	expires time.Time
}

// code is a login link that has not been opened.
type code struct {
	path    string // page to show first
	write   bool
	expires time.Time
}

// logins keeps who may come in: by a code once, then by a session. All of it is in memory and ends with the server.
type logins struct {
	now func() time.Time

	mu       sync.Mutex // guards codes and sessions
	codes    map[string]code
	sessions map[string]session
}

func newLogins(now func() time.Time) *logins {
	return &logins{now: now, codes: map[string]code{}, sessions: map[string]session{}}
}

// newCode returns a secret that redeem takes once.
func (l *logins) newCode(path string, write bool) (secret string, expires time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgetExpired()
	secret, expires = newSecret(), l.now().Add(codeLifetime)
	l.codes[secret] = code{path: path, write: write, expires: expires}
	return secret, expires
}

// redeem turns a code into a session, once. path is the page that its link was for.
func (l *logins) redeem(secret string) (sessionSecret, path string, lifetime time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgetExpired()
	c, ok := l.codes[secret]
	if !ok {
		return "", "", 0, false
	}
	delete(l.codes, secret)
	sessionSecret, lifetime = newSecret(), readLifetime
	if c.write {
		lifetime = writeLifetime
	}
	l.sessions[sessionSecret] = session{write: c.write, expires: l.now().Add(lifetime)}
	return sessionSecret, c.path, lifetime, true
}

// session returns the session that a browser's cookie names.
func (l *logins) session(secret string) (session, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.sessions[secret]
	return s, ok && l.now().Before(s.expires)
}

func (l *logins) forgetExpired() {
	for secret, c := range l.codes {
		if !l.now().Before(c.expires) {
			delete(l.codes, secret)
		}
	}
	for secret, s := range l.sessions {
		if !l.now().Before(s.expires) {
			delete(l.sessions, secret)
		}
	}
}

// newSecret returns 256 random bits. A map lookup of such a value leaks no useful timing: nobody can try prefixes of it.
func newSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, says its documentation
	return base64.RawURLEncoding.EncodeToString(b)
}
