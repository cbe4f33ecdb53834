package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// bringUp brings the shop up and waits until it is ready.
func (s *shop) bringUp(ctx context.Context) error {
	form := wishKubernetes
	if s.local {
		form = wishLocal
	}
	begun := time.Now()
	if err := s.do(ctx, "up", "-d", "--", "--run", form, "--port", fmt.Sprint(s.port)); err != nil {
		return err
	}
	st, err := s.status(ctx)
	if err != nil {
		return err
	}
	s.id = st.Environment
	watching, end := context.WithCancel(ctx)
	defer end()
	watch := s.command(watching, "status", "--watch")
	watch.Stdout = os.Stdout
	if err := watch.Start(); err != nil {
		return err
	}
	err = s.command(ctx, "wait", "--timeout", "15m").Run()
	end()
	_ = watch.Wait() // it was told to end
	if err != nil {
		return errors.New("the shop is not ready")
	}
	if st, err = s.status(ctx); err != nil {
		return err
	}
	say("All %d resources are ready after %s.", len(st.Resources), ms(time.Since(begun)))
	return nil
}

var client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// call asks the gateway.
func (s *shop) call(ctx context.Context, method, path string, in any) ([]byte, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, s.url(path), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("baggage", "user=demo")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, bytes.TrimSpace(data))
	}
	return data, err
}

// buy walks the way of a shopper through all services.
func (s *shop) buy(ctx context.Context) error {
	say("A shopper buys two mugs: gateway, catalogue, cart, orders, and over the queue to payment.")
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, err := s.call(ctx, http.MethodPost, "/api/carts/demo", map[string]any{"product": "mug", "quantity": 2}); err != nil {
		return err
	}
	if _, err := s.call(ctx, http.MethodPost, "/api/orders", map[string]any{"shopper": "demo"}); err != nil {
		return err
	}
	begun := time.Now()
	for {
		data, err := s.call(ctx, http.MethodGet, "/api/orders?shopper=demo", nil)
		if err != nil {
			return err
		}
		if bytes.Contains(data, []byte(`"paid"`)) && !bytes.Contains(data, []byte(`"pending"`)) {
			say("The order is paid, %s after it was made.", ms(time.Since(begun)))
			return nil
		}
		if !rest(ctx, 50*time.Millisecond) {
			return fmt.Errorf("the order was not paid: %s", bytes.TrimSpace(data))
		}
	}
}

// change is an edit of a file, and how to see that the shop serves it.
type change struct {
	file, what string
	pattern    *regexp.Regexp // what stands there, around one group that is replaced
	path       string         // where it shows
	shows      func(text string) string
}

// edit saves a file and takes the time until the shop serves it.
func (s *shop) edit(ctx context.Context) error {
	mark := time.Now().Format("15:04:05")
	c := change{ // synced into the container that runs
		file: "services/gateway/web/index.html", what: "the banner of the page", path: "/",
		pattern: regexp.MustCompile(`(<p id="banner">)[^<]*(</p>)`), shows: func(text string) string { return "<p id=\"banner\">" + text + "</p>" },
	}
	if s.local { // the page is read from disk for each request, so that would show nothing: compile and start again
		c = change{
			file: "services/cart/main.go", what: "the version of the service cart, in Go", path: "/api/trace",
			pattern: regexp.MustCompile(`(service\.New\("cart", ")[^"]*("\))`), shows: func(text string) string { return `"` + text + `"` },
		}
	}
	text := "changed at " + mark
	path := filepath.Join(s.dir, filepath.FromSlash(c.file))
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !c.pattern.Match(before) {
		return fmt.Errorf("%s is not as the demo expects it", c.file)
	}
	after := c.pattern.ReplaceAll(before, []byte("${1}"+text+"${2}"))
	say("Editing %s in %s.", c.what, c.file)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	saved := time.Now()
	if err := os.WriteFile(path, after, 0o644); err != nil { //nolint:gosec // as people make files
		return err
	}
	for {
		data, err := s.call(ctx, http.MethodGet, c.path, nil)
		if err == nil && strings.Contains(string(data), c.shows(text)) {
			break
		}
		if !rest(ctx, time.Millisecond) {
			return errors.New("the shop does not serve the edit")
		}
	}
	how := "synced into the running container"
	if s.local {
		how = "compiled, and that one service started again"
	}
	say("The shop serves it %s after the save: %s.", ms(time.Since(saved)), how)
	return s.settle(ctx)
}

func (s *shop) settle(ctx context.Context) error {
	if err := s.command(ctx, "wait", "--timeout", "2m").Run(); err != nil {
		return errors.New("the shop is not ready")
	}
	return nil
}

// survive kills the worker and watches what becomes of the shop.
func (s *shop) survive(ctx context.Context) error {
	before, err := s.status(ctx)
	if err != nil {
		return err
	}
	process, err := os.FindProcess(before.Worker.PID)
	if err != nil || before.Worker.PID == 0 {
		return errors.New("there is no worker to kill")
	}
	watching, end := context.WithCancel(ctx)
	defer end()
	asked := s.ask(watching)
	say("$ kill -9 %d   # the worker: it builds, deploys, watches and forwards", before.Worker.PID)
	killed := time.Now()
	if err := process.Kill(); err != nil {
		return fmt.Errorf("kill the worker: %w", err)
	}
	if err = s.nextWorker(ctx, before.Worker.PID); err == nil {
		err = s.settle(ctx)
	}
	took := time.Since(killed)
	end()
	answers := <-asked
	if err != nil {
		return err
	}
	after, err := s.status(ctx)
	if err != nil {
		return err
	}
	say("Its shim started process %d, which knew where the other had been: all ready after %s.", after.Worker.PID, ms(took))
	same, repeated := compare(before, after)
	say("Not repeated: the updates of %d of %d resources. %s", len(same), len(after.Resources), s.nothingDone())
	say("Meanwhile the shop was asked %d times: %s.", answers.total, answers.text())
	if len(repeated) > 0 {
		return fmt.Errorf("updates were repeated: %s", strings.Join(repeated, ", "))
	}
	return nil
}

// nextWorker waits until another worker answers.
func (s *shop) nextWorker(ctx context.Context, last int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if st, err := s.status(ctx); err == nil && st.Worker.PID != 0 && st.Worker.PID != last {
			return nil
		}
		if !rest(ctx, 20*time.Millisecond) {
			return errors.New("no other worker has come")
		}
	}
}

// compare tells the resources whose last update is that of before from those that were updated again.
func compare(before, after status) (same, repeated []string) {
	last := map[string]time.Time{}
	for _, r := range before.Resources {
		if r.LastUpdate != nil {
			last[r.Name] = r.LastUpdate.Started
		}
	}
	for _, r := range after.Resources {
		if r.LastUpdate != nil && !r.LastUpdate.Started.Equal(last[r.Name]) {
			repeated = append(repeated, r.Name)
		} else {
			same = append(same, r.Name)
		}
	}
	return same, repeated
}

// nothingDone says what an update that is not repeated spares.
func (s *shop) nothingDone() string {
	if s.local {
		return "No command was run, no server was started again."
	}
	return "No image was built, nothing was applied, no file was synced."
}

// answers counts requests.
type answers struct {
	total, failed int
	silence       time.Duration // the longest time without an answer
}

func (a answers) text() string {
	if a.failed == 0 {
		return "it answered each time"
	}
	return fmt.Sprintf("no answer for %s, while nothing forwarded its port", ms(a.silence))
}

// ask asks the shop again and again until ctx ends.
func (s *shop) ask(ctx context.Context) <-chan answers {
	done := make(chan answers, 1)
	var begun sync.WaitGroup
	begun.Add(1)
	go func() {
		var a answers
		last := time.Now()
		for first := true; ctx.Err() == nil; first = false {
			_, err := s.call(ctx, http.MethodGet, "/api/trace", nil)
			if first {
				begun.Done()
			}
			if ctx.Err() != nil {
				break
			}
			a.total++
			if err != nil {
				a.failed++
			} else {
				last = time.Now()
			}
			a.silence = max(a.silence, time.Since(last))
			rest(ctx, 5*time.Millisecond)
		}
		done <- a
	}()
	begun.Wait()
	return done
}

// farewell says where to look and how to end it.
func (s *shop) farewell(ctx context.Context) error {
	var ui struct {
		URL string `json:"url"`
	}
	out, err := s.command(ctx, "server", "ui", "-o", "json").Output()
	if err == nil {
		err = json.Unmarshal(out, &ui)
	}
	if err != nil {
		return fmt.Errorf("envflow server ui: %w", err)
	}
	say("It stays up. Look at it:")
	say("  the shop                 %s", s.url("/"))
	say("  each step, as workflows  %s   (works once; `%s server ui` makes another)", ui.URL, relative(s.envflow))
	say("  how it stands            %s status --env %s", relative(s.envflow), s.id)
	say("  its files, to edit       %s", relative(s.dir))
	say("and take it down:          %s down --env %s", relative(s.envflow), s.id)
	return nil
}

func relative(path string) string {
	dir, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// rest returns false if ctx ends first.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
