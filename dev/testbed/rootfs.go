package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/envflow/envflow/dev/testbed/image"
)

// makeImages makes every base image, by name.
func (t *testbed) makeImages(ctx context.Context) (map[string]image.Image, error) {
	shell, err := shellRoot(ctx)
	if err != nil {
		return nil, err
	}
	web, err := nginxRoot(ctx)
	if err != nil {
		return nil, err
	}
	programs := map[string]image.Tree{}
	for name, source := range map[string]string{"distroless": t.builds.server, "pause": t.builds.pause, "coredns": t.builds.coredns} {
		body, err := os.ReadFile(source)
		if err != nil {
			return nil, fmt.Errorf("make image %s: %w", name, err)
		}
		programs[name] = image.Tree{}
		programs[name].File(name, 0o755, body)
	}
	accounts(programs["distroless"], "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin")
	programs["distroless"].Dir("home/nonroot", 0o777)

	path := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	run := image.Settings{Env: path, Cmd: []string{"sh"}}
	return layered(map[string]image.Settings{
		"localbase": run,
		"busybox":   run,
		"alpine":    {Env: path, Cmd: []string{"/bin/sh"}},
		"nginx": {
			Env: path, Cmd: []string{"nginx", "-g", "daemon off;"}, StopSignal: "SIGQUIT",
			ExposedPorts: map[string]struct{}{"80/tcp": {}},
		},
		"distroless": {Env: path, Cmd: []string{"/distroless"}, User: "65532", ExposedPorts: map[string]struct{}{"8080/tcp": {}}},
		"pause":      {Cmd: []string{"/pause"}, User: "65535"},
		"coredns":    {Entrypoint: []string{"/coredns"}},
	}, map[string][]image.Tree{
		"localbase": {shell}, "busybox": {shell}, "alpine": {shell}, "nginx": {shell, web},
		"distroless": {programs["distroless"]}, "pause": {programs["pause"]}, "coredns": {programs["coredns"]},
	})
}

// layered puts images together.
func layered(settings map[string]image.Settings, trees map[string][]image.Tree) (map[string]image.Image, error) {
	images := map[string]image.Image{}
	for name, s := range settings {
		s.Labels = map[string]string{"org.opencontainers.image.description": "envflow testbed's stand-in for " + name}
		var layers []image.Layer
		for _, tree := range trees[name] {
			layer, err := tree.Layer()
			if err != nil {
				return nil, fmt.Errorf("make image %s: %w", name, err)
			}
			layers = append(layers, layer)
		}
		built, err := image.New(s, layers...)
		if err != nil {
			return nil, fmt.Errorf("make image %s: %w", name, err)
		}
		images[name] = built
	}
	return images, nil
}

// shellRoot is a root with busybox, its tools and a C library.
func shellRoot(ctx context.Context) (image.Tree, error) {
	root := image.Tree{}
	keep := func(name string) bool {
		return !strings.HasPrefix(name, "usr/share/") && !strings.Contains(name, "/gconv") && !strings.HasPrefix(name, "etc/init.d")
	}
	for _, file := range debSets[1].files() {
		if err := addPackage(ctx, root, file, keep); err != nil {
			return nil, err
		}
	}
	applets, err := appletPaths(ctx, root)
	if err != nil {
		return nil, err
	}
	for _, applet := range applets {
		// At their own place, and in /bin, where the real busybox image has all of them.
		root.Link(applet, "/bin/busybox")
		root.Link("bin/"+path.Base(applet), "/"+applet)
	}
	accounts(root)
	root.Dir("root", 0o700)
	root.Text("etc/nsswitch.conf", "hosts: files dns\n")
	root.Text("etc/wgetrc", "")
	return root, nil
}

// nginxRoot is what nginx adds to the shell's root, with the configuration layout of the public image.
func nginxRoot(ctx context.Context) (image.Tree, error) {
	root := image.Tree{}
	keep := func(name string) bool {
		return name == "usr/sbin/nginx" || name == "etc/nginx/mime.types" || name == "usr/share/nginx/html/index.html" ||
			strings.Contains(name, "lib/") && strings.Contains(name, ".so") && !strings.Contains(name, "/engines-") && !strings.Contains(name, "/ossl-modules")
	}
	for _, file := range debSets[2].files() {
		if slices.ContainsFunc(debSets[1].files(), func(have string) bool { return filepath.Base(have) == filepath.Base(file) }) {
			continue // It is in the layer below.
		}
		if err := addPackage(ctx, root, file, keep); err != nil {
			return nil, err
		}
	}
	accounts(root, "nginx:x:101:101:nginx:/nonexistent:/bin/false")
	for _, dir := range []string{"var/log/nginx", "var/lib/nginx", "var/cache/nginx", "run"} {
		root.Dir(dir, 0o755)
	}
	root.Link("var/log/nginx/access.log", "/dev/stdout")
	root.Link("var/log/nginx/error.log", "/dev/stderr")
	root.Text("etc/nginx/nginx.conf", `user nginx;
worker_processes 1;
error_log /var/log/nginx/error.log notice;
pid /run/nginx.pid;
events { worker_connections 1024; }
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log /var/log/nginx/access.log;
    sendfile on;
    keepalive_timeout 65;
    include /etc/nginx/conf.d/*.conf;
}
`)
	root.Text("etc/nginx/conf.d/default.conf", `server {
    listen 80;
    server_name localhost;
    location / {
        root /usr/share/nginx/html;
        index index.html index.htm;
    }
}
`)
	return root, nil
}

// accounts writes the files of users and groups, with an extra user of the same group number if one is given.
func accounts(root image.Tree, extra ...string) {
	passwd := []string{"root:x:0:0:root:/root:/bin/sh", "nobody:x:65534:65534:nobody:/nonexistent:/bin/false"}
	group := []string{"root:x:0:", "tty:x:5:", "nobody:x:65534:"}
	for _, user := range extra {
		fields := strings.Split(user, ":")
		passwd, group = append(passwd, user), append(group, fields[0]+":x:"+fields[3]+":")
	}
	root.Text("etc/passwd", strings.Join(passwd, "\n")+"\n")
	root.Text("etc/group", strings.Join(group, "\n")+"\n")
	root.Dir("tmp", 0o1777)
}

// addPackage adds the files of a downloaded package that keep accepts.
func addPackage(ctx context.Context, root image.Tree, file string, keep func(string) bool) error {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", file)
	var problem strings.Builder
	cmd.Stderr = &problem
	files, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("read package %s: %w: %s", file, err, problem.String())
	}
	if err := root.AddTar(bytes.NewReader(files), keep); err != nil {
		return fmt.Errorf("read package %s: %w", file, err)
	}
	return nil
}

// appletPaths asks a root's busybox for its tools. It is run with the root's own C library, which the machine's may be
// too old for.
func appletPaths(ctx context.Context, root image.Tree) (paths []string, err error) {
	dir, err := os.MkdirTemp("", "envflow-testbed-")
	if err != nil {
		return nil, fmt.Errorf("list busybox's tools: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var loader string
	for name, entry := range root {
		base := path.Base(name)
		if entry.Body == nil || base != "busybox" && !strings.Contains(base, ".so") {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, base), entry.Body, 0o755); err != nil {
			return nil, fmt.Errorf("list busybox's tools: %w", err)
		}
		if strings.HasPrefix(base, "ld-linux") || strings.HasPrefix(base, "ld-2") {
			loader = filepath.Join(dir, base)
		}
	}
	out, err := exec.CommandContext(ctx, loader, "--library-path", dir, filepath.Join(dir, "busybox"), "--list-full").Output()
	if err != nil {
		return nil, fmt.Errorf("list busybox's tools: %w", err)
	}
	return strings.Fields(string(out)), nil
}
