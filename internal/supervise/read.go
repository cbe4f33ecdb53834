package supervise

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Cursor is how far a command's output was read. The zero Cursor is its beginning.
type Cursor struct {
	File   int   `json:"file"`
	Offset int64 `json:"offset"`
}

// End returns the cursor behind all output that the folder has. What a shim that starts later prints comes after it.
func End(dir string) Cursor {
	numbers := outputs(dir)
	if len(numbers) == 0 {
		return Cursor{}
	}
	return Cursor{File: numbers[len(numbers)-1] + 1}
}

// ReadLines calls fn with the lines of a shim's folder that come after the cursor, and returns where it has come to. A line
// that is still being written is left for the next time.
func ReadLines(dir string, c Cursor, fn func(Line)) (Cursor, error) {
	for _, n := range outputs(dir) {
		if n < c.File {
			continue
		}
		if n > c.File { // the one before is read, or dropped
			c = Cursor{File: n}
		}
		var err error
		if c.Offset, err = readFile(outputName(dir, n), c.Offset, fn); err != nil && !missing(err) {
			return c, fmt.Errorf("read the output of a command: %w", err)
		}
	}
	return c, nil
}

// readFile returns the offset after the last whole line.
func readFile(path string, offset int64, fn func(Line)) (int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return offset, err
	}
	defer func() { _ = file.Close() }() // opened for reading
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return offset, err
	}
	r := bufio.NewReader(file)
	for {
		data, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return offset, nil
		}
		if err != nil {
			return offset, err
		}
		offset += int64(len(data))
		if l, ok := parseLine(strings.TrimSuffix(data, "\n")); ok {
			fn(l)
		}
	}
}
