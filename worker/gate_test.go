package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/envflow/envflow/internal/testenv"
)

// awaitQueued waits until n wait before g.
func awaitQueued(t *testing.T, g *gate, n int) {
	t.Helper()
	testenv.Eventually(t, 10*time.Second, "wait for a place", func() error {
		if got := queued(g); got != n {
			return fmt.Errorf("%d wait, want %d", got, n)
		}
		return nil
	})
}

// queued returns how many wait before g.
func queued(g *gate) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting)
}

func TestGate_LetsInAsManyAsAllowedTheMostWantedFirst(t *testing.T) {
	t.Parallel()
	var g gate
	g.setLimit(2)
	first, err := g.enter(t.Context(), 5)
	if err != nil {
		t.Fatal(err)
	}
	second, err := g.enter(t.Context(), 5)
	if err != nil {
		t.Fatal(err)
	}
	order := make(chan int, 4)
	for i, rank := range []int{7, 3, 7, 1} {
		go func() {
			leave, err := g.enter(t.Context(), rank)
			if err != nil {
				t.Error(err)
				return
			}
			order <- rank
			leave()
		}()
		awaitQueued(t, &g, i+1)
	}
	first()
	first() // a second time it must not make room
	var got []int
	for range 4 {
		got = append(got, <-order)
	}
	second()
	if want := []int{1, 3, 7, 7}; !slices.Equal(got, want) {
		t.Errorf("let in %v, want %v", got, want)
	}
	if g.inside != 0 {
		t.Errorf("%d still inside", g.inside)
	}
}

func TestGate_GivesAPlaceBackThatNobodyWaitsForAnyMore(t *testing.T) {
	t.Parallel()
	var g gate
	g.setLimit(1)
	leave, err := g.enter(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	waited := make(chan error)
	go func() {
		_, err := g.enter(ctx, 0)
		waited <- err
	}()
	awaitQueued(t, &g, 1)
	cancel(why)
	if err := <-waited; !errors.Is(err, why) {
		t.Errorf("error %v, want the cause", err)
	}
	leave()
	if _, err := g.enter(t.Context(), 0); err != nil {
		t.Errorf("the place is lost: %v", err)
	}
}
