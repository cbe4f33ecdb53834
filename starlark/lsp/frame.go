package lsp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	maxMessage = 64 << 20 // bytes; a Tiltfile has some thousand
	maxHeader  = 4 << 10  // bytes of a line of a header; bufio reads no more at once
)

// newFrameReader returns a reader for readFrame.
func newFrameReader(in io.Reader) *bufio.Reader { return bufio.NewReaderSize(in, maxHeader) }

// readFrame reads a message: lines of a header, an empty line, and as many bytes as the header says. It is io.EOF if there is none.
func readFrame(in *bufio.Reader) ([]byte, error) {
	length := -1
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			if errors.Is(err, io.EOF) && (!first || len(line) > 0) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			return nil, fmt.Errorf("%.60q is no header of a message", text)
		}
		if !strings.EqualFold(name, "Content-Length") {
			continue
		}
		length, err = strconv.Atoi(strings.TrimSpace(value))
		if err != nil || length < 0 || length > maxMessage {
			return nil, fmt.Errorf("the header %q has no length of at most %d bytes", text, maxMessage)
		}
	}
	if length < 0 {
		return nil, errors.New("a message has no Content-Length")
	}
	var body bytes.Buffer // grows with what comes, not with what the header says
	if _, err := io.CopyN(&body, in, int64(length)); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read a message of %d bytes: %w", length, err)
	}
	return body.Bytes(), nil
}

// writeFrame writes a value as a message.
func writeFrame(out io.Writer, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode a message: %w", err)
	}
	if _, err := fmt.Fprintf(out, "Content-Length: %d\r\n\r\n%s", len(body), body); err != nil {
		return fmt.Errorf("write to the editor: %w", err)
	}
	return nil
}
