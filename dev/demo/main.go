// Command demo shows what envflow is for, on this machine, with the shop of examples/shop: it brings it up, buys something, edits
// a file, kills the worker and goes on.
//
//	demo [auto|kubernetes|local]
//
// auto takes the current context of the kubeconfig, if that is a cluster for development which can have images of this machine, or
// the testbed that runs here. It never takes another; without one the shop runs as processes of this machine.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	wish := settings{dir: os.Getenv("DEMO_DIR"), port: os.Getenv("DEMO_PORT"), lookup: os.LookupEnv}
	if err := run(ctx, wish, os.Args[1:]); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted; what is up stays up, `bin/envflow ls` shows it")
		}
		fmt.Fprintln(os.Stderr, "demo:", err)
		stop()
		os.Exit(1)
	}
}

// settings are what variables say.
type settings struct {
	dir, port string // where the copy of the shop goes, and its first port; "": the demo decides
	lookup    func(name string) (string, bool)
}

// run is the whole demo.
func run(ctx context.Context, s settings, args []string) error {
	wish := wishAuto
	if len(args) > 0 && args[0] != "" {
		wish = args[0]
	}
	where, err := choose(ctx, wish, s.lookup)
	if err != nil {
		return err
	}
	say("The shop runs %s: %s.", where.how(), where.why)
	shop, err := prepare(ctx, where, s)
	if err != nil {
		return err
	}
	for _, act := range []func(context.Context) error{shop.bringUp, shop.buy, shop.edit, shop.survive} {
		fmt.Println()
		if err := act(ctx); err != nil {
			return fmt.Errorf("%w\n%s", err, shop.whereToLook())
		}
	}
	fmt.Println()
	return shop.farewell(ctx)
}

// say prints a line of the demo.
func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// ms is a time for a person who watches.
func ms(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
