package podlog

import (
	"hash/maphash"
	"maps"
	"sync"
	"time"
)

// maxSeen bounds what is remembered of a container, in lines. One that prints more in two seconds may have some repeated
// after a cut.
const maxSeen = 200_000

// seen remembers the lines of the last two seconds that had any: a log can be asked for from a whole second on only, and
// lines of standard output and error may be out of order.
type seen struct {
	seed maphash.Seed

	mu      sync.Mutex               // guards all below
	seconds map[int64]map[uint64]int // Unix second to hash of time and text to how often
	newest  int64                    // Unix second of a line, 0 before the first
	floor   int64                    // older lines have all been read
	total   int
}

func newSeen() *seen {
	return &seen{seed: maphash.MakeSeed(), seconds: map[int64]map[uint64]int{}}
}

func (s *seen) hash(at time.Time, text []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	n := at.UnixNano()
	for range 8 {
		_ = h.WriteByte(byte(n)) // never fails
		n >>= 8
	}
	_, _ = h.Write(text) // never fails
	return h.Sum64()
}

// add remembers a line.
func (s *seen) add(at time.Time, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	second := at.Unix()
	if second > s.newest {
		if s.floor = s.newest; s.newest == 0 {
			s.floor = second
		}
		s.newest = second
		for old, lines := range s.seconds {
			if old < s.floor {
				for _, n := range lines {
					s.total -= n
				}
				delete(s.seconds, old)
			}
		}
	}
	if second < s.floor || s.total >= maxSeen {
		return
	}
	lines := s.seconds[second]
	if lines == nil {
		lines = map[uint64]int{}
		s.seconds[second] = lines
	}
	lines[s.hash(at, text)]++
	s.total++
}

// since is from when on the log has to be read again, zero if nothing was read yet.
func (s *seen) since() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest == 0 {
		return time.Time{}
	}
	return time.Unix(s.floor, 0)
}

// replay recognises the lines that were read before.
func (s *seen) replay() *replay {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &replay{seen: s, left: map[int64]map[uint64]int{}, floor: s.floor}
	for second, lines := range s.seconds {
		r.left[second] = maps.Clone(lines)
	}
	return r
}

// replay is one reading of a log.
type replay struct {
	seen  *seen
	left  map[int64]map[uint64]int // that have not come again
	floor int64
}

// known reports whether a line was read before.
func (r *replay) known(at time.Time, text []byte) bool {
	if at.Unix() < r.floor {
		return true
	}
	lines := r.left[at.Unix()]
	if lines == nil {
		return false
	}
	h := r.seen.hash(at, text)
	if lines[h] == 0 {
		return false
	}
	if lines[h]--; lines[h] == 0 {
		delete(lines, h)
	}
	if len(lines) == 0 {
		delete(r.left, at.Unix())
	}
	return true
}
