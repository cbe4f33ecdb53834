// Package filetree says what is on disk: which files, with what content, and which of them changed meanwhile.
//
// A Tree holds digests of contents and decides what is to be done: equal trees build equal images. Stats hold what the file
// system says of a file without reading it; they are cheap to take again, and tell which files somebody touched in between.
package filetree
