package supervise

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Of a command's output the last keptOutput files are kept, each up to maxOutput bytes. They are numbered and never renamed,
// so that a reader always knows where it left off.
const (
	maxOutput  = 8 << 20
	keptOutput = 4
	// maxLine is where a line that does not end is cut.
	maxLine = 64 << 10
)

// Streams of a command.
const (
	Stdout = 'o'
	Stderr = 'e'
)

// Line is a line of a command's output. In a file it is its time, its stream and its text, with a space between.
type Line struct {
	Time   time.Time
	Stream byte // Stdout or Stderr
	Text   string
}

// parseLine reads a line of a file, without its newline.
func parseLine(data string) (l Line, ok bool) {
	at, rest, ok := strings.Cut(data, " ")
	if !ok || len(rest) < 2 || rest[1] != ' ' {
		return l, false
	}
	l.Stream, l.Text = rest[0], rest[2:]
	var err error
	l.Time, err = time.Parse(time.RFC3339Nano, at)
	return l, err == nil
}

// output takes what a command prints. It is safe for concurrent use.
type output struct {
	dir string

	mu   sync.Mutex // guards all below
	file *os.File
	n    int // number of file
	size int64
}

// openOutput goes on after the last file of the folder.
func openOutput(dir string) (*output, error) {
	o := &output{dir: dir}
	if numbers := outputs(dir); len(numbers) > 0 {
		o.n = numbers[len(numbers)-1]
	}
	return o, o.next()
}

func outputName(dir string, n int) string { return filepath.Join(dir, fmt.Sprintf("output.%d", n)) }

// outputs returns the numbers of the files of a folder, in their order.
func outputs(dir string) (numbers []int) {
	files, err := os.ReadDir(dir) // not by a pattern: the path may hold what has a meaning there
	if err != nil {
		return nil
	}
	for _, file := range files {
		number, ok := strings.CutPrefix(file.Name(), "output.")
		if n, err := strconv.Atoi(number); ok && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// next begins another file and drops the oldest. mu is held, or nobody else has o yet.
func (o *output) next() error {
	file, err := os.OpenFile(outputName(o.dir, o.n+1), os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keep the output of a command: %w", err)
	}
	if o.file != nil {
		_ = o.file.Close() // all of it is written
	}
	o.file, o.n, o.size = file, o.n+1, 0
	numbers := outputs(o.dir)
	for _, n := range numbers[:max(0, len(numbers)-keptOutput)] {
		_ = os.Remove(outputName(o.dir, n)) // it is tried again with the next
	}
	return nil
}

// line writes one line. Where that fails, as on a full disk, the command goes on and the line is lost.
func (o *output) line(stream byte, text []byte) {
	data := make([]byte, 0, len(text)+40)
	data = time.Now().UTC().AppendFormat(data, time.RFC3339Nano)
	data = append(data, ' ', stream, ' ')
	data = append(data, text...)
	data = append(data, '\n')
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.size+int64(len(data)) > maxOutput && o.size > 0 {
		_ = o.next() // else it goes on in the old one
	}
	n, _ := o.file.Write(data)
	o.size += int64(n)
}

// take writes the lines of a stream until it ends.
func (o *output) take(stream byte, from io.Reader) {
	r := bufio.NewReaderSize(from, maxLine)
	for {
		data, err := r.ReadSlice('\n')
		text := data
		if len(text) > 0 && text[len(text)-1] == '\n' {
			text = text[:len(text)-1]
		}
		if n := len(text); n > 0 && text[n-1] == '\r' {
			text = text[:n-1]
		}
		if len(data) > 0 {
			o.line(stream, text)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = o.file.Close() // all of it is written
}
