package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/fault"
)

// followInterval is how soon a new line shows up with --follow.
const followInterval = 200 * time.Millisecond

func serverLogsCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:  "logs",
		Usage: "print what the server logged",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on printing as it logs more"},
			&cli.IntFlag{Name: "tail", Value: 100, Usage: "begin with the last `N` lines; -1 means all"},
		},
		Action: func(c *cli.Context) error {
			h, err := e.serverHandle()
			if err != nil {
				return err
			}
			path := h.Files().Log
			file, err := os.Open(path)
			if errors.Is(err, fs.ErrNotExist) {
				return fault.New(fault.Missing, "run `envflow server start`", "there is no log: no server has run with the state in %s", h.Files().Dir)
			} else if err != nil {
				return fault.Wrap(err, fault.Missing, "run envflow as the user whose server it is", "the server's log %s cannot be read", path)
			}
			defer func() { _ = file.Close() }()
			if err := printTail(e.Stdout, file, c.Int("tail")); err != nil || !c.Bool("follow") {
				return err
			}
			return follow(c.Context, e.Stdout, file, path)
		},
	}
}

// printTail prints the last n lines of r, all of them if n is negative.
func printTail(w io.Writer, r io.Reader, n int) error {
	if n < 0 {
		_, err := io.Copy(w, r)
		return err
	}
	var last []string // at most n lines
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			last = append(last, line)
			if len(last) > n {
				last = last[1:]
			}
		}
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("read the server's log: %w", err)
		}
	}
	for _, line := range last {
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return nil
}

// follow prints what is added to the open file, and goes on in the next one where a new server has begun one at path. It
// returns nil when ctx ends: that is how following ends.
func follow(ctx context.Context, w io.Writer, file *os.File, path string) error {
	tick := time.NewTicker(followInterval)
	defer tick.Stop()
	for {
		if _, err := io.Copy(w, file); err != nil {
			return fmt.Errorf("follow the server's log: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if next := successor(file, path); next != nil {
			_, err := io.Copy(w, file) // what came after the last look
			_ = file.Close()
			if err != nil {
				return fmt.Errorf("follow the server's log: %w", err)
			}
			file = next
			defer func() { _ = next.Close() }()
		}
	}
}

// successor opens the file at path if it is another one than file.
func successor(file *os.File, path string) *os.File {
	now, err := os.Stat(path)
	if err != nil {
		return nil
	}
	if had, err := file.Stat(); err != nil || os.SameFile(had, now) {
		return nil
	}
	next, err := os.Open(path)
	if err != nil {
		return nil
	}
	return next
}
