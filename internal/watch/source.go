package watch

import (
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// maxQueue is how many events wait for Run, which may be busy placing watches. More are an overflow.
const maxQueue = 1 << 20

// event is one that the system reported, or that polling found.
type event struct {
	path string
	op   fsnotify.Op
	at   time.Time
}

// source takes events from the system as fast as they come: while nobody does, the system drops them.
type source struct {
	fs   *fsnotify.Watcher
	wake chan struct{} // has an element if there is something to take
	done chan struct{} // closed when run ends

	mu       sync.Mutex
	queue    []event
	overflow bool
}

func newSource() (*source, error) {
	fs, err := fsnotify.NewBufferedWatcher(1024)
	if err != nil {
		return nil, err
	}
	return &source{fs: fs, wake: make(chan struct{}, 1), done: make(chan struct{})}, nil
}

// run ends after close.
func (s *source) run() {
	defer close(s.done)
	events, errs := s.fs.Events, s.fs.Errors
	for events != nil || errs != nil {
		select {
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			s.put(event{path: e.Name, op: e.Op, at: time.Now()})
		case _, ok := <-errs:
			if !ok {
				errs = nil
				continue
			}
			// An overflow, or something that should not happen: in both cases events may be missing.
			s.lost()
		}
	}
}

func (s *source) put(e event) {
	s.mu.Lock()
	if len(s.queue) < maxQueue {
		s.queue = append(s.queue, e)
	} else {
		s.overflow = true
	}
	s.mu.Unlock()
	s.nudge()
}

func (s *source) lost() {
	s.mu.Lock()
	s.overflow = true
	s.mu.Unlock()
	s.nudge()
}

func (s *source) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns the events since the last take, and whether some were lost.
func (s *source) take() (events []event, overflow bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events, overflow = s.queue, s.overflow
	s.queue, s.overflow = nil, false
	return events, overflow
}

// close ends run, which was begun.
func (s *source) close() {
	_ = s.fs.Close()
	<-s.done
}
