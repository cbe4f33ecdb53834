package docker_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/envflow/envflow/internal/docker"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/testenv"
)

// builders runs a test with each builder.
func builders(t *testing.T, test func(t *testing.T, e *engine)) {
	t.Helper()
	for name, variable := range map[string]string{"BuildKit": "DOCKER_BUILDKIT=1", "classic": "DOCKER_BUILDKIT=0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, connect(t, variable))
		})
	}
}

// listing is a Dockerfile's last step that prints what was copied, and always runs.
const listing = "ARG NOW\nRUN cd /app && find . ! -type d | sort && echo end of $NOW\n"

func TestBuild_SendsWhatTheFilterKeeps(t *testing.T) {
	t.Parallel()
	builders(t, func(t *testing.T, e *engine) {
		dir := t.TempDir()
		for _, path := range []string{"src/a.txt", "src/gen/b.txt", "src/gen/keep.txt", "docs/c.md", "main.txt", "Dockerfile"} {
			write(t, filepath.Join(dir, path), path)
		}
		// The plan has read it; what it says here must not count once more.
		write(t, filepath.Join(dir, ".dockerignore"), "src/a.txt\n")
		if err := os.Symlink("a.txt", filepath.Join(dir, "src/link")); err != nil {
			t.Fatal(err)
		}
		image := &plan.Image{Context: dir, DockerfilePath: filepath.Join(dir, "Dockerfile"), Dockerfile: "FROM localbase:1\nCOPY . /app\n" + listing, BuildArgs: map[string]string{"NOW": e.id}}
		_, out := e.mustBuild(t, image, func(r *docker.BuildRequest) {
			r.Filter = filter(t, dir, "**", "!src", "src/gen", "!src/gen/keep.txt")
		})
		want := "./src/a.txt\n./src/gen/keep.txt\n./src/link\nend of " + e.id
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "./main.txt") || strings.Contains(out.String(), "./docs") {
			t.Errorf("output lacks:\n%s\nit is:\n%s", want, out)
		}
	})
}

// The list of the context is of the plan's making: what a .dockerignore says is in the filter already, or was overruled.
func TestBuild_DoesNotApplyDockerignoreAgain(t *testing.T) {
	t.Parallel()
	builders(t, func(t *testing.T, e *engine) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "a.txt"), "a")
		write(t, filepath.Join(dir, ".dockerignore"), "a.txt\n")
		image := &plan.Image{Context: dir, Dockerfile: "FROM localbase:1\nCOPY . /app\n" + listing, BuildArgs: map[string]string{"NOW": e.id}}
		_, out := e.mustBuild(t, image)
		if want := "./.dockerignore\n./a.txt\nend of " + e.id; !strings.Contains(out.String(), want) {
			t.Errorf("output lacks:\n%s\nit is:\n%s", want, out)
		}
	})
}

func TestBuild_WithoutItsContext(t *testing.T) {
	t.Parallel()
	e := connect(t)
	_, _, err := e.build(t.Context(), &plan.Image{Context: filepath.Join(t.TempDir(), "gone"), Dockerfile: "FROM localbase:1\n"})
	wantUser(t, err, "the build context cannot be read", "gone")
}

func TestBuild_SendsOnlyChangedFiles(t *testing.T) {
	t.Parallel()
	e := connect(t)
	dir := t.TempDir()
	big := make([]byte, 3<<20)
	_, _ = rand.Read(big)
	write(t, filepath.Join(dir, "big"), string(big))
	write(t, filepath.Join(dir, "small"), "1")
	image := &plan.Image{Context: dir, Dockerfile: "FROM localbase:1\nCOPY . /app\nRUN cat /app/small && wc -c </app/big\n"}
	first, out := e.mustBuild(t, image)
	if !strings.Contains(out.String(), "sent the changed files of the build context: 3.") {
		t.Errorf("the first build:\n%s", out)
	}
	write(t, filepath.Join(dir, "small"), "twenty-two")
	second, out := e.mustBuild(t, image)
	if strings.Contains(out.String(), " MB") || !strings.Contains(out.String(), "build context: ") || !strings.Contains(out.String(), "twenty-two") {
		t.Errorf("the second build:\n%s", out)
	}
	if first == second {
		t.Error("the image is the same after a change")
	}
	again, out := e.mustBuild(t, image)
	if again != second {
		t.Errorf("nothing changed, but %s became %s", second, again)
	}
	if !out.has("[2/3] CACHED") || !out.has("[3/3] CACHED") {
		t.Errorf("the third build:\n%s", out)
	}
}

func TestBuild_ArgsTargetTagsAndPrintsSteps(t *testing.T) {
	t.Parallel()
	builders(t, func(t *testing.T, e *engine) {
		e.vars["FROM_OUTSIDE"] = "outside"
		image := &plan.Image{
			Dockerfile: "FROM localbase:1 AS build\nARG GIVEN\nARG FROM_OUTSIDE\nARG UNSET=default\nARG NOW\n" +
				"RUN echo \"$GIVEN-$FROM_OUTSIDE-$UNSET\" && test $NOW\nFROM build AS broken\nRUN false\n",
			BuildArgs: map[string]string{"GIVEN": "given", "FROM_OUTSIDE": "", "UNSET": "", "NOW": e.id},
			Target:    "build",
			ExtraTags: []string{"extra-" + e.id + ":1"},
		}
		tag := "tagged-" + e.id + ":2"
		id, out := e.mustBuild(t, image, func(r *docker.BuildRequest) { r.Tags = []string{tag} })
		if !out.has("given-outside-default") {
			t.Errorf("the build args did not arrive:\n%s", out)
		}
		for _, name := range []string{tag, image.ExtraTags[0]} {
			config, err := e.ImageConfig(t.Context(), name)
			if err != nil || config.ID != id {
				t.Errorf("%s is %s (%v), want %s", name, config.ID, err, id)
			}
		}
		if e.vars["DOCKER_BUILDKIT"] == "1" && !strings.Contains(out.String(), "[2/2] RUN echo") && !strings.Contains(out.String(), "[build 2/2] RUN echo") {
			t.Errorf("the steps are not readable:\n%s", out)
		}
	})
}

func TestBuild_FromScratchWithTheBaseOfAnother(t *testing.T) {
	t.Parallel()
	builders(t, func(t *testing.T, e *engine) {
		base := "own-base-" + e.id
		_, _ = e.mustBuild(t, &plan.Image{Ref: base, Dockerfile: "FROM localbase:1\nRUN echo content-" + e.id + " >/file\n"},
			func(r *docker.BuildRequest) { r.Tags = []string{base + ":built"} })
		image := &plan.Image{
			Dockerfile: "ARG BASE=other\nFROM --platform=linux/amd64 \\\n  ${BASE}:dev AS one\nRUN cat /file\nFROM scratch\nCOPY --from=one /file /a\nCOPY --from=" + base + " /file /b\n",
			BuildArgs:  map[string]string{"BASE": base},
			Pull:       true, // what is ours cannot be pulled
		}
		_, out := e.mustBuild(t, image, func(r *docker.BuildRequest) { r.Refs = map[string]string{base: base + ":built"} })
		if !out.has("content-" + e.id) {
			t.Errorf("output:\n%s", out)
		}
	})
}

func TestBuild_NamesTheBrokenLine(t *testing.T) {
	t.Parallel()
	builders(t, func(t *testing.T, e *engine) {
		dir := t.TempDir()
		path := filepath.Join(dir, "app.Dockerfile")
		for _, test := range []struct{ name, text, summary, parts string }{
			{"a step", "FROM localbase:1\nWORKDIR /w\n# why\nRUN echo the secret of $(date +%N) \\\n && exit 7\n", "app.Dockerfile:4: build step failed (exit code 7)", path + ":4: RUN echo the secret"},
			{"output", "FROM localbase:1\nRUN echo tell me; echo why >&2; false\n", "app.Dockerfile:2: build step failed (exit code 1)", "exit code: 1\n|tell me|why"},
			{"the second stage", "FROM localbase:1 AS a\nRUN true\nFROM a\nENV X=1\nRUN true\nRUN exit 3\n", "app.Dockerfile:6: build step failed (exit code 3)", ":6: RUN exit 3"},
			{"syntax", "FROM localbase:1\n\nFETCH x\n", "app.Dockerfile:3: the Dockerfile has a mistake", ":3: FETCH x"},
			{"a missing file", "FROM localbase:1\nRUN true\nCOPY missing.txt /\n", "app.Dockerfile:3: a file is not in the build context", "missing.txt"},
			{"an unknown base", "# base\nFROM " + e.cluster.Registry + "/nowhere-" + e.id + ":1\nRUN true\n", "app.Dockerfile:2: an image is not found", ":2: FROM " + e.cluster.Registry + "/nowhere-"},
			{"an unknown target", "FROM localbase:1\n", "app.Dockerfile: there is no such target stage", "nope"},
		} {
			t.Run(test.name, func(t *testing.T) {
				image := &plan.Image{Ref: "broken-" + e.id, Context: dir, DockerfilePath: path, Dockerfile: test.text}
				if strings.Contains(test.name, "target") {
					image.Target = "nope"
				}
				_, out, err := e.build(t.Context(), image)
				if err == nil {
					t.Fatalf("no error:\n%s", out)
				}
				t.Logf("%v", err)
				wantUser(t, err, test.summary, strings.Split(test.parts, "|")...)
			})
		}
	})
}

func TestBuild_EndsWithin1sOfCancel(t *testing.T) {
	t.Parallel()
	builders(t, func(t *testing.T, e *engine) {
		nap := fmt.Sprintf("%d", 100000+time.Now().UnixNano()%800000)
		image := &plan.Image{Dockerfile: "FROM localbase:1\nRUN echo " + e.id + "; sleep " + nap + "\n"}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		go func() {
			_, _, err := e.build(ctx, image)
			done <- err
		}()
		testenv.Eventually(t, 30*time.Second, "the step runs", func() error {
			if !running(t, nap) {
				return errors.New("no such process")
			}
			return nil
		})
		cancel()
		began := time.Now()
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want context.Canceled", err)
			}
		case <-time.After(time.Second):
			t.Error("Build has not returned after 1 s")
		}
		testenv.Eventually(t, 10*time.Second, "the step ends", func() error {
			if running(t, nap) {
				return errors.New("it runs")
			}
			return nil
		})
		if took := time.Since(began); took > 1500*time.Millisecond {
			t.Errorf("the engine ended the step after %s", took)
		}
	})
}

// running says whether a process of this machine sleeps for this time: the engine's containers are among them.
func running(t *testing.T, nap string) bool {
	t.Helper()
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range commands {
		// A process that is gone meanwhile cannot be read.
		if content, err := os.ReadFile(path); err == nil && bytes.HasSuffix(content, []byte("sleep\x00"+nap+"\x00")) {
			return true
		}
	}
	return false
}

func TestBuild_FourAtOnce(t *testing.T) {
	t.Parallel()
	e := connect(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "content")
	type result struct {
		id  string
		err error
	}
	results := make(chan result, 4)
	for i := range 4 {
		go func() {
			id, _, err := e.build(t.Context(), &plan.Image{Ref: fmt.Sprintf("four-%d", i), Context: dir, Dockerfile: fmt.Sprintf("FROM localbase:1\nCOPY file /\nRUN echo %d >>/file\n", i)})
			results <- result{id, err}
		}()
	}
	ids := map[string]bool{}
	for range 4 {
		r := <-results
		if r.err != nil {
			t.Error(r.err)
		}
		ids[r.id] = true
	}
	if len(ids) != 4 {
		t.Errorf("%d images, want 4", len(ids))
	}
}

func TestBuild_SecretsStayOut(t *testing.T) {
	t.Parallel()
	e := connect(t, "TOKEN=from-environment")
	file := filepath.Join(t.TempDir(), "secret")
	write(t, file, "from-file")
	image := &plan.Image{
		Dockerfile: "FROM localbase:1\nRUN --mount=type=secret,id=f --mount=type=secret,id=TOKEN " +
			"wc -c </run/secrets/f; wc -c </run/secrets/TOKEN; echo " + e.id + "\n",
		Secrets: []string{"id=f,src=" + file, "id=TOKEN"},
	}
	_, out := e.mustBuild(t, image)
	if !out.has("9") || !out.has("16") {
		t.Errorf("the secrets did not arrive:\n%s", out)
	}
	private, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	_, _ = e.mustBuild(t, &plan.Image{Dockerfile: "FROM localbase:1\nRUN --mount=type=ssh test -S $SSH_AUTH_SOCK && echo " + e.id + "\n", SSH: []string{"default=" + key}})

	image.Secrets = []string{"id=f,src=/does/not/exist"}
	_, _, err = e.build(t.Context(), image)
	wantUser(t, err, "docker_build(secret=...): a secret cannot be used", "/does/not/exist")
}

func TestBuild_SaysThatTheEngineWentAway(t *testing.T) {
	t.Parallel()
	builders(t, func(t *testing.T, e *engine) {
		address, cut := proxy(t, strings.TrimPrefix(e.cluster.DockerHost, "unix://"))
		client, err := docker.Connect(t.Context(), docker.Options{Host: "tcp://" + address, LookupEnv: environment(e.vars)})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		nap := fmt.Sprintf("%d", 100000+time.Now().UnixNano()%800000)
		done := make(chan error, 1)
		go func() {
			_, err := client.Build(t.Context(), docker.BuildRequest{
				Image:  &plan.Image{Ref: "cut", Dockerfile: "FROM localbase:1\nRUN echo " + e.id + "; sleep " + nap + "\n"},
				Labels: map[string]string{testLabel: e.id},
			})
			done <- err
		}()
		testenv.Eventually(t, 30*time.Second, "the step runs", func() error {
			if !running(t, nap) {
				return errors.New("no such process")
			}
			return nil
		})
		cut()
		err = <-done
		if f := failure.Of(err); f.Class != failure.Infrastructure || f.Needs != failure.Docker {
			t.Errorf("%s %q: %v", f.Class, f.Summary, err)
		}
		if err := client.Ping(t.Context()); failure.Of(err).Needs != failure.Docker {
			t.Errorf("Ping: %v", err)
		}
		testenv.Eventually(t, 10*time.Second, "the step ends", func() error {
			if running(t, nap) {
				return errors.New("it runs")
			}
			return nil
		})
	})
}
