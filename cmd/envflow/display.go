package main

import (
	"context"
	"os"
	"slices"
	"time"

	"golang.org/x/term"

	"github.com/envflow/envflow/internal/api"
)

// redrawInterval is how often a table is drawn again while nothing changes: times go on, and the window may have another size.
const redrawInterval = time.Second

// shown is what a display shows.
type shown struct {
	Status api.Status
	Errors map[string]string // full texts of failures by resource, api.TiltfileName among them
	Stale  string            // why nothing is known to be so now; "" if it is
}

func shownOf(g glance) shown {
	s := shown{Status: g.Status, Errors: g.Errors}
	if !g.Live {
		s.Stale = g.whyNotLive()
	}
	return s
}

// display shows how an environment stands as that changes: a table in place on a terminal, else a line for each transition.
type display struct {
	out   *stream
	next  chan shown            // holds the newest that was not shown yet
	size  func() (w, h int)     // of the terminal; nil: there is none
	clock func() time.Time      //
	style style                 //
	tail  func(context.Context) // prints the log beside lines, nil for none

	// Of a table.
	drawn  int      // lines on the screen
	before []string // those lines
	width  int      // of the screen when they were drawn

	past transitions // of lines
}

// newDisplay returns the display for stdout. With --verbose lines come instead of a table, since what the libraries say
// would be printed into it.
func (e *environ) newDisplay(out *stream) *display {
	d := &display{out: out, next: make(chan shown, 1), clock: time.Now, style: e.style(e.Stdout)}
	file, ok := e.Stdout.(*os.File)
	if ok && e.IsTerminal(file) && e.env("TERM") != "dumb" && !e.isOn("verbose") {
		d.size = func() (int, int) {
			w, h, err := term.GetSize(int(file.Fd()))
			if err != nil {
				return 80, 24
			}
			return w, h
		}
	}
	return d
}

// live reports whether the display is a table on a terminal.
func (d *display) live() bool { return d.size != nil }

// show makes s what is shown. It does not wait. Only one goroutine may call it.
func (d *display) show(s shown) {
	select {
	case <-d.next: // nobody has seen it, and nobody needs to
	default:
	}
	d.next <- s
}

// start shows until ctx ends; then it shows the last and closes done.
func (d *display) start(ctx context.Context) (done <-chan struct{}) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if d.live() {
			d.table(ctx)
			return
		}
		d.lines(ctx)
	}()
	return ended
}

// lines prints transitions.
func (d *display) lines(ctx context.Context) {
	tailed := make(chan struct{})
	go func() {
		defer close(tailed)
		if d.tail != nil {
			d.tail(ctx)
		}
	}()
	defer func() { <-tailed }()
	for {
		select {
		case s := <-d.next:
			d.out.put(d.past.next(s, d.clock()))
		case <-ctx.Done():
			select {
			case s := <-d.next:
				d.out.put(d.past.next(s, d.clock()))
			default:
			}
			return
		}
	}
}

// Control sequences of terminals (ECMA-48, and xterm's for the cursor and synchronized output).
const (
	hideCursor  = "\x1b[?25l"
	showCursor  = "\x1b[?25h"
	beginUpdate = "\x1b[?2026h"
	endUpdate   = "\x1b[?2026l"
	clearScreen = "\x1b[H\x1b[2J"
	clearRest   = "\x1b[J"
	clearLine   = "\x1b[K"
)

// table draws in place.
func (d *display) table(ctx context.Context) {
	d.out.put(hideCursor)
	defer d.out.put(showCursor)
	tick := time.NewTicker(redrawInterval)
	defer tick.Stop()
	var now shown
	known := false
	for {
		select {
		case now = <-d.next:
			known = true
		case <-tick.C:
		case <-ctx.Done():
			select {
			case now = <-d.next:
				known = true
			default:
			}
			if known {
				d.out.put(d.frame(now))
			}
			return
		}
		if known {
			d.out.put(d.frame(now))
		}
	}
}

// frame is what has to be written to replace the table on the screen by that of s, in one piece so that nothing flickers.
func (d *display) frame(s shown) string {
	width, height := d.size()
	t := table{Status: s.Status, Errors: s.Errors, Stale: s.Stale, Now: d.clock(), Width: width, Height: height, style: d.style}
	out := beginUpdate
	switch {
	case d.drawn > 0 && width != d.width: // the terminal has wrapped what was there: nobody knows how
		out += clearScreen
	case d.drawn > 0:
		out += "\r" + cursorUp(d.drawn)
	}
	lines := t.lines()
	if d.drawn > 0 && width == d.width && slices.Equal(lines, d.before) {
		return ""
	}
	for _, line := range lines {
		out += line + clearLine + "\n"
	}
	d.drawn, d.width, d.before = len(lines), width, lines
	return out + clearRest + endUpdate
}
