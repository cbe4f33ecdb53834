package main

import "io"

// style colours text for a terminal. Its zero value leaves text as it is.
type style struct{ on bool }

// style returns the style for what is written to stream. With one that is not on, text must say the same, so colour
// may only repeat what the words say.
func (e *environ) style(stream io.Writer) style {
	// https://no-color.org: present and not empty, whatever the value.
	off := e.isOn("no-color") || e.env("NO_COLOR") != "" || e.env("TERM") == "dumb"
	return style{on: !off && e.IsTerminal != nil && e.IsTerminal(stream)}
}

func (s style) bold(text string) string { return s.wrap("1", text) }
func (s style) dim(text string) string  { return s.wrap("2", text) }
func (s style) red(text string) string  { return s.wrap("1;31", text) }
func (s style) cyan(text string) string { return s.wrap("36", text) }

func (s style) green(text string) string  { return s.wrap("32", text) }
func (s style) yellow(text string) string { return s.wrap("33", text) }

func (s style) wrap(code, text string) string {
	if !s.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// styledWriter is where a text answer goes, and the style for it.
type styledWriter struct {
	io.Writer
	style
}
