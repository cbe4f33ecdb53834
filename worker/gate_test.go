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
	first, err := g.enter(t.Context(), 5, false)
	if err != nil {
		t.Fatal(err)
	}
	second, err := g.enter(t.Context(), 5, false)
	if err != nil {
		t.Fatal(err)
	}
	order := make(chan int, 4)
	for i, rank := range []int{7, 3, 7, 1} {
		go func() {
			leave, err := g.enter(t.Context(), rank, false)
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
	leave, err := g.enter(t.Context(), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	waited := make(chan error)
	go func() {
		_, err := g.enter(ctx, 0, false)
		waited <- err
	}()
	awaitQueued(t, &g, 1)
	cancel(why)
	if err := <-waited; !errors.Is(err, why) {
		t.Errorf("error %v, want the cause", err)
	}
	leave()
	if _, err := g.enter(t.Context(), 0, false); err != nil {
		t.Errorf("the place is lost: %v", err)
	}
}

func TestGate_LeavesAloneWhoWantsThat(t *testing.T) {
	t.Parallel()
	var g gate
	g.setLimit(3)
	first, err := g.enter(t.Context(), 1, false)
	if err != nil {
		t.Fatal(err)
	}
	came, order := make(chan func(), 3), make(chan string, 3)
	come := func(name string, rank int, alone bool) {
		go func() {
			leave, err := g.enter(t.Context(), rank, alone)
			if err != nil {
				t.Error(err)
				return
			}
			order <- name
			came <- leave
		}()
	}
	come("alone", 1, true)
	awaitQueued(t, &g, 1)
	come("one", 2, false)
	awaitQueued(t, &g, 2)
	come("other", 3, false)
	awaitQueued(t, &g, 3) // although there is room, they do not pass the one that waits for all to leave
	first()
	leave := <-came
	if name := <-order; name != "alone" || queued(&g) != 2 {
		t.Fatalf("%s came in, %d wait", name, queued(&g))
	}
	leave()
	for range 2 {
		defer (<-came)()
	}
	if queued(&g) != 0 {
		t.Error("somebody still waits")
	}
}

func TestGate_OneThatGivesUpBeingAloneLetsOthersPass(t *testing.T) {
	t.Parallel()
	var g gate
	g.setLimit(2)
	if _, err := g.enter(t.Context(), 1, false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() {
		_, err := g.enter(ctx, 1, true)
		gaveUp <- err
	}()
	awaitQueued(t, &g, 1)
	passed := make(chan error)
	go func() {
		_, err := g.enter(t.Context(), 2, false)
		passed <- err
	}()
	awaitQueued(t, &g, 2)
	cancel()
	if err := <-gaveUp; err == nil {
		t.Error("it came in")
	}
	if err := <-passed; err != nil {
		t.Error(err)
	}
}
