package records

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// childVar makes the test binary a writer of the file it names.
const childVar = "ENVFLOW_TEST_RECORDS_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childVar); path != "" {
		if err := writeForEver(context.Background(), path); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForEver puts records and says which were acknowledged.
func writeForEver(ctx context.Context, path string) error {
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	if notice := s.Notice(); notice != "" {
		return fmt.Errorf("after a kill: %s", notice)
	}
	first := 0
	if value, ok, err := s.Meta(ctx, "0"); err != nil {
		return err
	} else if ok {
		if first, err = strconv.Atoi(value); err != nil {
			return err
		}
	}
	var (
		wg  sync.WaitGroup
		out sync.Mutex

		failures [3]error // of each writer
	)
	for writer := range failures {
		wg.Go(func() {
			for n := first; ; n++ {
				key := strconv.Itoa(writer)
				files := map[string]string{"/f": strconv.Itoa(n)}
				err := s.PutContainer(ctx, Container{ID: key, Files: files})
				if err == nil {
					err = s.PutMeta(ctx, key, strconv.Itoa(n))
				}
				if err != nil {
					failures[writer] = err
					return
				}
				out.Lock()
				_, _ = fmt.Fprintln(os.Stdout, key, n)
				out.Unlock()
			}
		})
	}
	wg.Wait()
	return errors.Join(failures[:]...)
}

func TestStore_SurvivesKill(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "state.db")
	for range 15 {
		acknowledged := map[string]int{}
		child := exec.CommandContext(ctx, os.Args[0])
		child.Env = append(os.Environ(), childVar+"="+path)
		var stderr strings.Builder
		child.Stderr = &stderr
		stdout, err := child.StdoutPipe()
		check(t, err)
		check(t, child.Start())
		lines := bufio.NewScanner(stdout)
		var kill *time.Timer
		for lines.Scan() {
			key, n, _ := strings.Cut(lines.Text(), " ")
			acknowledged[key], err = strconv.Atoi(n)
			check(t, err)
			if kill == nil { // any moment after the first
				kill = time.AfterFunc(time.Duration(rand.IntN(60))*time.Millisecond, func() { _ = child.Process.Kill() })
			}
		}
		_ = child.Wait()
		if kill == nil || stderr.Len() > 0 {
			t.Fatalf("the child wrote nothing: %s", stderr.String())
		}
		verify(t, path, acknowledged)
	}
}

// verify looks first as a command does, while there is no worker, then as the next worker.
func verify(t *testing.T, path string, acknowledged map[string]int) {
	t.Helper()
	ctx := t.Context()
	for _, open := range []func(context.Context, string) (*Store, error){OpenReadOnly, Open} {
		s, err := open(ctx, path)
		check(t, err)
		if s.Notice() != "" {
			t.Fatal(s.Notice())
		}
		for key, n := range acknowledged {
			value, ok, err := s.Meta(ctx, key)
			if got, _ := strconv.Atoi(value); !ok || err != nil || got < n {
				t.Errorf("writer %s: %q is recorded, %d was acknowledged, %v", key, value, n, err)
			}
			c, ok, err := s.Container(ctx, key)
			if got, _ := strconv.Atoi(c.Files["/f"]); !ok || err != nil || got < n {
				t.Errorf("container %s: %v is recorded, %d was acknowledged, %v", key, c, n, err)
			}
		}
		check(t, s.Close())
	}
}

// A command reads while the worker writes: neither waits for the other long, and each value is whole.
func TestOpenReadOnly_WhileTheWorkerWrites(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	check(t, s.PutMeta(ctx, "k", "0"))
	done := make(chan error, 1)
	go func() {
		for i := range 100 {
			if err := s.PutMeta(ctx, "k", strconv.Itoa(i)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for {
		reader, err := OpenReadOnly(ctx, path)
		check(t, err)
		if _, ok, err := reader.Meta(ctx, "k"); !ok || err != nil {
			t.Errorf("%t, %v", ok, err)
		}
		check(t, reader.Close())
		select {
		case err := <-done:
			check(t, err)
			return
		default:
		}
	}
}
