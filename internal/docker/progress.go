package docker

import (
	"fmt"
	"slices"
	"strings"
	"time"

	control "github.com/moby/buildkit/api/services/control"
)

// slow is how long one of BuildKit's internal steps must take to be worth a line.
const slow = time.Second

// The step that receives the context, and the beginning of the status in which it counts. Reading the list of what to ignore
// counts in the same way.
const (
	contextStep = "[internal] load build context"
	sentStatus  = "transferring context"
)

// progress turns BuildKit's reports into lines:
//
//	[2/5] RUN go build
//	what the program prints
//	[2/5] DONE 1.2s
//	[3/5] COPY a b
//	[3/5] CACHED
type progress struct {
	output *output
	steps  map[string]*step // by digest
	failed *step            // the first that did
}

// step is what BuildKit calls a vertex.
type step struct {
	digest  string
	name    string // one line
	tag     string // "[2/5]", or the name
	shown   bool   // its name
	done    bool
	message string // why it failed
	sent    int64  // bytes of the context
}

func newProgress(o *output) *progress {
	p := &progress{output: o, steps: map[string]*step{}}
	o.failed = func() (name, message string, lines []string) {
		if p.failed == nil {
			return "", "", nil
		}
		return p.failed.name, p.failed.message, o.kept(p.failed.digest)
	}
	return p
}

func (p *progress) report(r *control.StatusResponse) {
	for _, v := range r.GetVertexes() {
		p.vertex(v)
	}
	for _, status := range r.GetStatuses() {
		if s := p.steps[status.GetVertex()]; s != nil && s.name == contextStep && strings.HasPrefix(status.GetID(), sentStatus) {
			if s.sent = max(s.sent, status.GetCurrent()); status.GetCompleted() != nil && s.sent > 0 {
				p.output.say(s.digest, fmt.Sprintf("sent the changed files of the build context: %s", size(s.sent)))
				s.sent = 0
			}
		}
	}
	// A program's two streams come one after the other, though it may have written in turns.
	logs := r.GetLogs()
	slices.SortStableFunc(logs, func(a, b *control.VertexLog) int { return a.GetTimestamp().AsTime().Compare(b.GetTimestamp().AsTime()) })
	for _, l := range logs {
		if s := p.steps[l.GetVertex()]; s != nil {
			p.show(s)
			p.output.write(s.digest, s.name, l.GetMsg())
		}
	}
	for _, w := range r.GetWarnings() {
		p.output.say("", "WARNING: "+string(w.GetShort()))
	}
}

func (p *progress) vertex(v *control.Vertex) {
	s := p.steps[v.GetDigest()]
	if s == nil {
		name, _, _ := strings.Cut(v.GetName(), "\n")
		s = &step{digest: v.GetDigest(), name: name, tag: name}
		if end := strings.Index(name, "] "); strings.HasPrefix(name, "[") && end > 0 && !s.internal() {
			s.tag = name[:end+1]
		}
		p.steps[s.digest] = s
	}
	if s.done {
		return
	}
	if v.GetStarted() != nil && !s.internal() {
		p.show(s)
	}
	if v.GetCompleted() == nil {
		return
	}
	s.done = true
	took := v.GetCompleted().AsTime().Sub(v.GetStarted().AsTime())
	switch {
	case v.GetError() != "":
		// When one step fails the others are cancelled: they did not fail.
		if p.failed == nil && !strings.Contains(v.GetError(), "context canceled") {
			p.failed, s.message = s, v.GetError()
			p.show(s)
			p.output.say(s.digest, fmt.Sprintf("%s ERROR", s.tag))
		}
	case v.GetCached():
		p.show(s)
		p.output.say(s.digest, s.tag+" CACHED")
	case !s.internal() || took >= slow:
		p.show(s)
		p.output.say(s.digest, fmt.Sprintf("%s DONE %.1fs", s.tag, took.Seconds()))
	}
}

func (p *progress) show(s *step) {
	if !s.shown {
		s.shown = true
		p.output.say(s.digest, s.name)
	}
}

// internal says whether the step is BuildKit's own: reading the Dockerfile, the context, the names of images.
func (s *step) internal() bool {
	return strings.HasPrefix(s.name, "[internal]") || strings.HasPrefix(s.name, "[auth]")
}

// size writes a number of bytes for people.
func size(bytes int64) string {
	switch {
	case bytes < 1000:
		return fmt.Sprintf("%d B", bytes)
	case bytes < 1000*1000:
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	default:
		return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
	}
}
