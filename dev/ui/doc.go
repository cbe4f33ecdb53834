// Package ui serves the Temporal UI to the one person who may see it: the user that the server belongs to.
//
// Temporal's UI module answers any Host and takes any Authorization header as a reason to skip its own check against
// cross-site requests. So it gets no port of its own: its handlers run behind Guard, which checks Host, Origin and the
// login cookie, and is the only one to add the token that the Temporal frontend demands. Only package dev and tests
// import this package. Handlers are safe for concurrent use.
package ui
