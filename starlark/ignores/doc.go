// Package ignores is the family of builtins that say which changes of files mean nothing: watch_settings. It also reads
// .tiltignore, and knows what is left out everywhere, for the families whose builtins watch files: images and local.
//
// It finds patterns and matches none; that is for whoever watches or builds.
package ignores
