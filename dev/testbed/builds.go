package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

const binDir = cacheDir + "/bin"

// builds are the paths of the programs that the testbed compiles; the name of each holds the digest of what it was
// compiled from, so checkouts of several versions share the cache.
type builds struct {
	kubernetes, coredns, pause, server string
}

// target is one program to compile.
type target struct {
	dir     string // of the main package, in the checkout
	ldflags string
	note    string // what to tell before compiling
	output  string
}

// findBuilds returns where the programs of a checkout are in the cache, whether they are compiled yet or not.
func findBuilds(checkout string) (builds, error) {
	targets, err := buildTargets(checkout)
	if err != nil {
		return builds{}, err
	}
	return builds{kubernetes: targets[0].output, coredns: targets[1].output, pause: targets[2].output, server: targets[3].output}, nil
}

func buildTargets(checkout string) ([]target, error) {
	dir := filepath.Join(checkout, "dev/testbed")
	version, err := requiredVersion(filepath.Join(dir, "kubernetes/go.mod"), "k8s.io/kubernetes")
	if err != nil {
		return nil, err
	}
	targets := []target{
		{dir: dir + "/kubernetes", ldflags: versionFlags(version), note: "Kubernetes " + version + ": some 5 to 10 minutes on two cores, unless Go has it in its cache"},
		{dir: dir + "/coredns", note: "CoreDNS: about a minute, unless Go has it in its cache"},
		{dir: dir + "/guests/pause", note: "the pause program of pods"},
		{dir: dir + "/guests/server", note: "the server of the image without a shell"},
	}
	for i := range targets {
		digest, err := sourceDigest(targets[i])
		if err != nil {
			return nil, err
		}
		targets[i].output = filepath.Join(binDir, filepath.Base(targets[i].dir)+"-"+digest)
	}
	return targets, nil
}

// versionFlags are the linker flags by which Kubernetes knows its version; without them kubectl refuses the server.
func versionFlags(version string) string {
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	var flags strings.Builder
	for _, pair := range [][2]string{
		{"gitVersion", version},
		{"gitMajor", parts[0]},
		{"gitMinor", parts[1]},
		{"gitCommit", "module"},
		{"gitTreeState", "clean"},
		{"buildDate", "1970-01-01T00:00:00Z"},
	} {
		for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
			fmt.Fprintf(&flags, " -X %s.%s=%s", pkg, pair[0], pair[1])
		}
	}
	return flags.String()
}

// requiredVersion returns the version of a module that a go.mod requires.
func requiredVersion(goMod, module string) (string, error) {
	content, err := os.ReadFile(goMod)
	if err != nil {
		return "", fmt.Errorf("read the version of %s: %w", module, err)
	}
	found := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(module) + ` (v\d+\.\d+\.\d+)\b`).FindSubmatch(content)
	if found == nil {
		return "", fmt.Errorf("read the version of %s: %s does not require it", module, goMod)
	}
	return string(found[1]), nil
}

// sourceDigest identifies what a program is compiled from: the files of its folder, the linker flags and the toolchain.
func sourceDigest(t target) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOARCH, t.ldflags)
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return "", fmt.Errorf("read the sources of %s: %w", filepath.Base(t.dir), err)
	}
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(t.dir, entry.Name()))
		if err != nil {
			return "", fmt.Errorf("read the sources of %s: %w", filepath.Base(t.dir), err)
		}
		fmt.Fprintln(sum, entry.Name(), len(content))
		sum.Write(content)
	}
	return hex.EncodeToString(sum.Sum(nil)[:6]), nil
}

// build compiles the programs that the cache does not hold, one after the other: each keeps all processors busy.
func (t *testbed) build(ctx context.Context) error {
	targets, err := buildTargets(t.checkout)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(binDir, 0o755); err != nil {
		return fmt.Errorf("make folder for programs: %w", err)
	}
	for _, target := range targets {
		if exists(target.output) {
			continue
		}
		began := time.Now()
		t.say("build", "%s", target.note)
		if err := target.compile(ctx); err != nil {
			return err
		}
		if took := time.Since(began); took > 5*time.Second {
			t.say("built", "%s in %.0f s", filepath.Base(target.dir), took.Seconds())
		}
	}
	return t.pruneBuilds(targets)
}

func (t target) compile(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w"+t.ldflags, "-o", t.output+".new", ".")
	cmd.Dir = t.dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile %s: %w\n%s", filepath.Base(t.dir), err, bytes.TrimSpace(out))
	}
	if err := os.Rename(t.output+".new", t.output); err != nil {
		return fmt.Errorf("compile %s: %w", filepath.Base(t.dir), err)
	}
	return nil
}

// keptBuilds is how many versions of each program stay in the cache.
const keptBuilds = 3

// pruneBuilds removes all but the newest versions of each program, and never one of this checkout.
func (t *testbed) pruneBuilds(targets []target) error {
	for _, target := range targets {
		files, err := filepath.Glob(filepath.Join(binDir, filepath.Base(target.dir)+"-*"))
		if err != nil {
			return fmt.Errorf("list old programs: %w", err)
		}
		files = slices.DeleteFunc(files, func(f string) bool { return f == target.output })
		slices.SortFunc(files, func(a, b string) int { return cmp.Compare(modified(b), modified(a)) })
		for _, file := range files[min(len(files), keptBuilds-1):] {
			if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("remove old program: %w", err)
			}
		}
	}
	return nil
}

func modified(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.ModTime().UnixNano()
}
