package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"
)

const (
	probeLimit = 3 * time.Second  // for one answer
	readyLimit = 60 * time.Second // for a daemon to become ready after its start
)

// check is one thing that must hold for the testbed to be healthy.
type check struct {
	name   string
	daemon bool
	probe  func(context.Context) error
}

// checks returns everything that must hold.
func (t *testbed) checks() []check {
	var all []check
	for _, d := range t.daemons {
		all = append(all, check{d.name, true, func(ctx context.Context) error { return t.daemonHealthy(ctx, d) }})
	}
	return append(all,
		check{"coredns", true, t.coreDNSHealthy},
		check{"node", false, t.nodeReady},
		check{"images", false, t.imagesLoaded},
		check{"network", false, forwardingAllowed},
	)
}

// results runs every check at the same time; the errors are in the order of checks.
func (t *testbed) results(ctx context.Context, checks []check) []error {
	results := make([]error, len(checks))
	functions := make([]func(context.Context) error, len(checks))
	for i, c := range checks {
		functions[i] = func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, probeLimit)
			defer cancel()
			results[i] = c.probe(ctx)
			return nil
		}
	}
	_ = together(ctx, functions...) // The errors are in results.
	return results
}

// unhealthy returns the first thing that is not as it should be, or nil.
func (t *testbed) unhealthy(ctx context.Context) error {
	checks := t.checks()
	for i, err := range t.results(ctx, checks) {
		if err != nil {
			return fmt.Errorf("%s: %w", checks[i].name, err)
		}
	}
	return nil
}

var (
	errNotRunning = errors.New("does not run")
	errOther      = errors.New("runs with the settings of another version of the testbed")
)

func (t *testbed) daemonHealthy(ctx context.Context, d daemon) error {
	r := d.record()
	if !r.Alive() {
		if d.name == "dockerd" && t.foreignEngine(ctx) {
			return nil
		}
		return errNotRunning
	}
	spec, err := t.spec(d)
	if err != nil {
		return err
	}
	if r.Spec != spec {
		return errOther
	}
	return d.ready(ctx)
}

func (t *testbed) coreDNSHealthy(ctx context.Context) error {
	if err := t.objectsApplied(ctx); err != nil {
		return err
	}
	return dnsAnswers(ctx)
}

func (t *testbed) apiserverReady(ctx context.Context) error {
	client, err := t.client()
	if err != nil {
		return err
	}
	return client.Get(ctx, "/readyz", nil)
}

func (t *testbed) etcdReady(ctx context.Context) error {
	certificate, err := tls.LoadX509KeyPair(pkiDir+"/etcd.crt", pkiDir+"/etcd.key")
	if err != nil {
		return fmt.Errorf("load the certificate for etcd: %w", err)
	}
	ca, err := os.ReadFile(pkiDir + "/ca.crt")
	if err != nil {
		return fmt.Errorf("read the certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return answersOK(ctx, etcdURL+"/health", &tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: pool, MinVersion: tls.VersionTLS12})
}

func registryReady(ctx context.Context) error {
	return answersOK(ctx, "http://127.0.0.1:5000/v2/", nil)
}

func containerdReady(ctx context.Context) error {
	return ctr(ctx, "version")
}

// healthz returns a probe of a component's health page. The components make up the certificates of these pages.
func healthz(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		return answersOK(ctx, address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // a health page on loopback; nothing is sent
	}
}

// plain leaves out the method and address that the HTTP client puts before what went wrong.
func plain(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

func answersOK(ctx context.Context, address string, config *tls.Config) error {
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, err)
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fmt.Errorf("does not answer: %w", plain(err))
	}
	if err := response.Body.Close(); err != nil {
		return fmt.Errorf("read the answer of %s: %w", address, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, response.Status)
	}
	return nil
}
