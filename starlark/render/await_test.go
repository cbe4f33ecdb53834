package render

import (
	"context"
	"errors"
	"testing"
)

func TestAwait_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	begun, end := make(chan struct{}), make(chan struct{})
	defer close(end)
	go func() {
		<-begun
		cancel()
	}()
	text, err := await(ctx, func() (string, error) {
		close(begun)
		<-end
		return "text", nil
	})
	if text != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestBuild_ReadsNothingWhenItsContextHasEnded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := newObserver(ctx)
	if text, err := build(o, "testdata/kustomizations/base"); text != "" || err == nil || len(o.seen) > 0 {
		t.Errorf("got %q, %v, after looking at %v", text, err, o.seen)
	}
	if o.sees([]observation{{step: stepRead, path: "testdata/kustomizations/base/deployment.yaml"}}) {
		t.Error("it sees what it did not look at")
	}
}
