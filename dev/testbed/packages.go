package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const (
	debDir      = cacheDir + "/debs"
	packagesDir = cacheDir + "/packages"
	policyFile  = "/usr/sbin/policy-rc.d"
)

// installed are the programs that must be on the machine and the package each comes in.
var installed = []struct{ program, name string }{
	{"containerd", "containerd"},
	{"runc", "runc"},
	{"iptables", "iptables"},
	{"conntrack", "conntrack"},
	{"ip", "iproute2"},
}

// debSets are the packages that are downloaded and not installed, by the folder of debDir they go to.
var debSets = []debSet{
	// Programs that run from the cache: installing them would bring services that start by themselves at the next boot
	// and take the ports of the testbed's own.
	{name: "daemons", packages: []string{"etcd-server", "docker-registry", "containernetworking-plugins"}},
	// What the base images are made of. Debian's busybox has a wget that crashes when it is given a timeout, so the
	// images have another.
	{name: "shell", packages: []string{"base-files", "netbase", "busybox", "wget"}, libraries: true},
	{name: "nginx", packages: []string{"nginx", "nginx-common"}, libraries: true},
}

type debSet struct {
	name      string
	packages  []string
	libraries bool // with the libraries that they need
}

// missingPackages returns what has to be installed.
func (t *testbed) missingPackages(ctx context.Context) []string {
	var names []string
	if program("dockerd") == "" && !t.foreignEngine(ctx) {
		names = append(names, "docker.io")
	}
	for _, needed := range installed {
		if program(needed.program) == "" {
			names = append(names, needed.name)
		}
	}
	return names
}

// installPackages installs what is missing on the machine, without letting the packages start services.
func (t *testbed) installPackages(ctx context.Context) error {
	names := t.missingPackages(ctx)
	if len(names) == 0 {
		return nil
	}
	if err := requireApt(); err != nil {
		return err
	}
	t.say("install", "the Debian packages %s", strings.Join(names, " "))
	if err := aptUpdate(ctx); err != nil {
		return err
	}
	restore, err := t.forbidServices()
	if err != nil {
		return err
	}
	defer restore()
	// Not to be interrupted halfway: apt would leave packages for somebody else to configure.
	return apt(context.WithoutCancel(ctx), "", append([]string{"install", "-y", "-q", "--no-install-recommends"}, names...)...)
}

// policy tells Debian's package scripts that no service may be started. It names its writer, so that one left behind by a
// killed `up` is taken away by the next.
const policy = "#!/bin/sh\n# Written by envflow's testbed while it installs packages.\nexit 101\n"

// forbidServices keeps packages from starting services while they are installed, by the means Debian has for it. It
// leaves alone a policy that is there already.
func (t *testbed) forbidServices() (restore func(), err error) {
	if old, err := os.ReadFile(policyFile); err == nil && string(old) != policy {
		return func() {}, nil
	}
	t.say("write", "%s for the time of the installation, so that no service is started", policyFile)
	if err := os.WriteFile(policyFile, []byte(policy), 0o755); err != nil {
		return nil, fmt.Errorf("forbid packages to start services: %w", err)
	}
	return func() { _ = os.Remove(policyFile) }, nil
}

// downloadPackages fetches the packages that are not installed, and unpacks those whose programs run from the cache.
func (t *testbed) downloadPackages(ctx context.Context) error {
	missing := slices.DeleteFunc(slices.Clone(debSets), func(set debSet) bool { return len(set.files()) > 0 })
	if len(missing) > 0 {
		if err := requireApt(); err != nil {
			return err
		}
		if err := aptUpdate(ctx); err != nil {
			return err
		}
	}
	for _, set := range missing {
		if err := t.download(ctx, set); err != nil {
			return err
		}
	}
	for _, file := range debSets[0].files() {
		if err := unpack(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

// download fetches a set into a folder that gets its name when all of them are there.
func (t *testbed) download(ctx context.Context, set debSet) error {
	names := set.packages
	if set.libraries {
		var err error
		if names, err = withLibraries(ctx, names); err != nil {
			return err
		}
	}
	t.say("download", "the Debian packages %s to %s", strings.Join(names, " "), set.dir())
	if err := errors.Join(os.RemoveAll(set.dir()+".new"), os.MkdirAll(set.dir()+".new", 0o755)); err != nil {
		return fmt.Errorf("make folder for packages: %w", err)
	}
	// Root downloads them: apt's own user may not write to the folder.
	if err := apt(ctx, set.dir()+".new", append([]string{"download", "-q", "-o", "APT::Sandbox::User=root"}, names...)...); err != nil {
		return err
	}
	if err := os.Rename(set.dir()+".new", set.dir()); err != nil {
		return fmt.Errorf("keep downloaded packages: %w", err)
	}
	return nil
}

// withLibraries adds the libraries that packages need, and those that these need.
func withLibraries(ctx context.Context, packages []string) ([]string, error) {
	all := slices.Clone(packages)
	for fresh := packages; len(fresh) > 0; {
		out, err := exec.CommandContext(ctx, "apt-cache", append([]string{"depends", "--important"}, fresh...)...).Output()
		if err != nil {
			return nil, fmt.Errorf("ask apt what %s need: %w", strings.Join(fresh, " "), err)
		}
		fresh = nil
		for _, library := range libraries(string(out)) {
			if !slices.Contains(all, library) {
				all, fresh = append(all, library), append(fresh, library)
			}
		}
	}
	return all, nil
}

// libraries returns the libraries in the output of apt-cache depends.
func libraries(depends string) []string {
	var names []string
	for line := range strings.Lines(depends) {
		_, name, ok := strings.Cut(strings.TrimSpace(line), "Depends: ")
		if ok && (strings.HasPrefix(name, "lib") || strings.HasPrefix(name, "zlib1g")) {
			names = append(names, name)
		}
	}
	return names
}

func (s debSet) dir() string { return filepath.Join(debDir, s.name) }

// files returns the downloaded packages of the set, in a fixed order.
func (s debSet) files() []string {
	files, err := filepath.Glob(filepath.Join(s.dir(), "*.deb"))
	if err != nil {
		return nil
	}
	return files
}

// unpack puts a package's files in a folder of the cache that has the package's file name.
func unpack(ctx context.Context, file string) error {
	target := filepath.Join(packagesDir, debFolder(file))
	if exists(target) {
		return nil
	}
	if err := os.RemoveAll(target + ".new"); err != nil {
		return fmt.Errorf("unpack %s: %w", file, err)
	}
	if err := os.MkdirAll(packagesDir, 0o755); err != nil {
		return fmt.Errorf("unpack %s: %w", file, err)
	}
	if out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", file, target+".new").CombinedOutput(); err != nil {
		return fmt.Errorf("unpack %s: %w: %s", file, err, bytes.TrimSpace(out))
	}
	if err := os.Rename(target+".new", target); err != nil {
		return fmt.Errorf("unpack %s: %w", file, err)
	}
	return nil
}

// debFolder is the name of the folder for a package; apt writes the colon of an epoch as %3a, which some programs would
// take for an escape.
func debFolder(file string) string {
	return strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".deb"), "%3a", "-")
}

// packaged returns the path of a file of an unpacked package, or "" if it is not unpacked.
func packaged(name, file string) string {
	for _, archive := range debSets[0].files() {
		if path := filepath.Join(packagesDir, debFolder(archive), file); strings.HasPrefix(filepath.Base(archive), name+"_") && exists(path) {
			return path
		}
	}
	return ""
}

// program returns the path of an installed program, or "".
func program(name string) string {
	for dir := range strings.SplitSeq(daemonPath, ":") {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

func requireApt() error {
	if program("apt-get") == "" || program("dpkg-deb") == "" {
		return fmt.Errorf("%w: it takes its daemons from Debian packages and there is no apt-get; set ENVFLOW_TEST_CONTEXT to a kube context of your own (kind, k3d, ...)", errCannotRun)
	}
	return nil
}

func aptUpdate(ctx context.Context) error { return apt(ctx, "", "update", "-q") }

func apt(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, bytes.TrimSpace(out))
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
