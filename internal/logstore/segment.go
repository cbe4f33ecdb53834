package logstore

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Sizes. The tests make them smaller.
type limits struct {
	segment int64 // a segment that reached this size is followed by a new one
	total   int64 // the oldest segments are removed while there is more than this
	buffer  int   // lines are dropped while there are so many bytes that could not be written yet
}

var defaultLimits = limits{segment: 16 << 20, total: 256 << 20, buffer: 16 << 20}

const suffix = ".jsonl"

// segment is one file. The first one of a log has the time in milliseconds for its number, the others follow one by one. So
// one that was begun after the folder was removed is later than all that a reader has seen.
type segment struct {
	number int64
	info   fs.FileInfo // when it was listed
}

func segmentPath(dir string, number int64) string {
	return filepath.Join(dir, fmt.Sprintf("%016d%s", number, suffix))
}

// list returns the segments of dir, the oldest first. Without the folder there are none.
func list(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the log: %w", err)
	}
	numbers := map[int64]bool{}
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), suffix)
		if number, err := strconv.ParseInt(name, 10, 64); ok && err == nil && number > 0 {
			numbers[number] = true
		}
	}
	// A folder is not listed as one step: of two segments that are made meanwhile, the later one may be listed and the
	// other not. So what comes before a listed one is asked for by name.
	for _, number := range slices.Collect(maps.Keys(numbers)) {
		for number--; number > 0 && !numbers[number] && exists(segmentPath(dir, number)); number-- {
			numbers[number] = true
		}
	}
	var all []segment
	for _, number := range slices.Sorted(maps.Keys(numbers)) {
		info, err := os.Stat(segmentPath(dir, number))
		if errors.Is(err, fs.ErrNotExist) { // dropped meanwhile
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list the log: %w", err)
		}
		all = append(all, segment{number, info})
	}
	return all, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// trim removes the oldest segments while there is more than total in all of them. The last one stays.
func trim(dir string, total int64) error {
	all, err := list(dir)
	if err != nil {
		return err
	}
	var sum int64
	for _, s := range all {
		sum += s.info.Size()
	}
	for len(all) > 1 && sum > total {
		sum -= all[0].info.Size()
		if err := os.Remove(segmentPath(dir, all[0].number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove old lines of the log: %w", err)
		}
		all = all[1:]
	}
	return nil
}
