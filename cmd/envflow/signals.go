package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
)

// interrupt is the cause of a context that a signal cancelled.
type interrupt struct{ sig os.Signal }

func (i interrupt) Error() string { return "interrupted by " + i.sig.String() }

// interrupted reports whether a signal cancelled ctx.
func interrupted(ctx context.Context) bool {
	var i interrupt
	return errors.As(context.Cause(ctx), &i)
}

// watchSignals returns a context that the first signal cancels, which is the request to end gracefully. The second one
// ends the process. stop ends the watching and must be called.
func watchSignals(parent context.Context, e *environ) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	if e.Notify == nil {
		return ctx, func() { cancel(nil) }
	}

	signals := make(chan os.Signal, 2) // so that a second signal is not lost while the first is handled
	unsubscribe := e.Notify(signals)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case sig := <-signals:
			cancel(interrupt{sig})
		case <-quit:
			return
		}
		select {
		case <-signals:
			e.Exit(exitInterrupted)
		case <-quit:
		}
	}()
	return ctx, func() {
		unsubscribe()
		close(quit)
		<-done
		cancel(nil)
	}
}

// notifySignals subscribes c to the ending signals of this system. Those that our parent made us ignore, as nohup does
// with SIGHUP, stay ignored.
func notifySignals(c chan<- os.Signal) (stop func()) {
	for _, sig := range endingSignals {
		if !signal.Ignored(sig) {
			signal.Notify(c, sig)
		}
	}
	return func() { signal.Stop(c) }
}
