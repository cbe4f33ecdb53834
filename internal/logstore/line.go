package logstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// Sources of lines.
const (
	SourceBuild   = "build"   // output of a build, a push, a deploy, a live update or a local command
	SourceRuntime = "runtime" // output of what runs
	SourceEvent   = "event"   // events of the cluster
	SourceEngine  = "engine"  // envflow itself
)

// Levels of lines.
const (
	LevelWarn  = "warn"
	LevelError = "error"
)

// maxText is the length from which a text is cut, in bytes.
const maxText = 1 << 20

// Line is one line of the log. The JSON keys are those of the segments; what `envflow logs --json` prints is its own.
type Line struct {
	Time      time.Time `json:"t"`
	Resource  string    `json:"r,omitempty"` // "": the environment as a whole
	Source    string    `json:"s,omitempty"` // SourceBuild, ...
	Container string    `json:"c,omitempty"`
	Pod       string    `json:"p,omitempty"`
	Level     string    `json:"l,omitempty"` // LevelWarn, ...; "": as the program that wrote it says nothing
	Text      string    `json:"m"`           // without the line break at its end; ANSI sequences are kept
}

// encode appends the line and a line break to buf.
func encode(buf *bytes.Buffer, line Line) error {
	if cut := len(line.Text) - maxText; cut > 0 {
		kept := maxText
		for kept > 0 && !utf8.RuneStart(line.Text[kept]) {
			kept--
		}
		line.Text = fmt.Sprintf("%s... (%d bytes more)", line.Text[:kept], len(line.Text)-kept)
	}
	if line.Time.IsZero() {
		line.Time = time.Now()
	}
	line.Time = line.Time.UTC()
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	return enc.Encode(line)
}

// decode returns ok false for what is no whole line.
func decode(data []byte) (line Line, ok bool) {
	err := json.Unmarshal(data, &line)
	return line, err == nil
}
