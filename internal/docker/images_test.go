package docker_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/envflow/envflow/internal/docker"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
)

func TestPush_PutsTheImageInTheRegistry(t *testing.T) {
	t.Parallel()
	e := connect(t)
	id, _ := e.mustBuild(t, &plan.Image{Dockerfile: "FROM localbase:1\nRUN echo " + e.id + " >/id\n"})
	ref := e.cluster.Registry + "/test-docker-" + e.id + ":" + docker.ContentTag(id)
	if found, err := e.InRegistry(t.Context(), ref); found || err != nil {
		t.Fatalf("before the push: found %v, error %v", found, err)
	}
	if err := e.Tag(t.Context(), id, ref); err != nil {
		t.Fatal(err)
	}
	if got, ok, err := e.ImageID(t.Context(), ref); got != id || !ok || err != nil {
		t.Errorf("%s has ID %q, %v, error %v; want %s", ref, got, ok, err, id)
	}
	out := &lines{}
	digest, err := e.Push(t.Context(), ref, out.add)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.HasPrefix(digest, "sha256:") || !strings.Contains(out.String(), ": Pushed") {
		t.Errorf("digest %q, output:\n%s", digest, out)
	}
	t.Cleanup(func() {
		parsed, err := name.ParseReference(e.cluster.Registry+"/test-docker-"+e.id+"@"+digest, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Delete(parsed); err != nil {
			t.Logf("the registry keeps the image: %v", err)
		}
	})
	for _, ref := range []string{ref, e.cluster.Registry + "/test-docker-" + e.id + "@" + digest} {
		if found, err := e.InRegistry(t.Context(), ref); !found || err != nil {
			t.Errorf("%s after the push: found %v, error %v", ref, found, err)
		}
	}
	again, err := e.Push(t.Context(), ref, nil)
	if err != nil || again != digest {
		t.Errorf("pushed again: %q, %v; want %q", again, err, digest)
	}
	if err := e.RemoveImage(t.Context(), ref); err != nil {
		t.Error(err)
	}
	if found, err := e.ImageExists(t.Context(), ref); found || err != nil {
		t.Errorf("removed, but found %v, error %v", found, err)
	}
	if err := e.RemoveImage(t.Context(), ref); err != nil {
		t.Errorf("removed twice: %v", err)
	}
}

func TestPush_SaysWhoMustAct(t *testing.T) {
	t.Parallel()
	e := connect(t)
	id, _ := e.mustBuild(t, &plan.Image{Dockerfile: "FROM scratch\nLABEL x=" + e.id + "\n"})
	guarded := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer guarded.Close()
	for host, want := range map[string]failure.Class{
		"localhost:1": failure.Transient, // nobody listens there
		strings.Replace(guarded.Listener.Addr().String(), "127.0.0.1", "localhost", 1): failure.User,
	} {
		ref := host + "/test-docker-" + e.id + ":1"
		if err := e.Tag(t.Context(), id, ref); err != nil {
			t.Fatal(err)
		}
		_, err := e.Push(t.Context(), ref, nil)
		if f := failure.Of(err); err == nil || f.Class != want {
			t.Errorf("push to %s: %s %q: %v", host, f.Class, f.Summary, err)
		}
		_, err = e.InRegistry(t.Context(), ref)
		if f := failure.Of(err); err == nil || f.Class != want || f.Summary == failure.Of(errors.New("")).Summary {
			t.Errorf("look in %s: %s %q: %v", host, f.Class, f.Summary, err)
		}
	}
	_, err := e.Push(t.Context(), e.cluster.Registry+"/nothing-"+e.id+":1", nil)
	if failure.Of(err).Class != failure.User {
		t.Errorf("push of nothing: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Push(ctx, e.cluster.Registry+"/test-docker-"+e.id+":1", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestImageConfig_TellsWhatContainersGet(t *testing.T) {
	t.Parallel()
	e := connect(t)
	id, _ := e.mustBuild(t, &plan.Image{Dockerfile: "FROM localbase:1\nENV TOKEN=hidden B=1\nWORKDIR /w\nUSER 7\nENTRYPOINT [\"/bin/a\"]\nCMD [\"b\", \"" + e.id + "\"]\n"})
	got, err := e.ImageConfig(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != id || !slices.Equal(got.Entrypoint, []string{"/bin/a"}) || !slices.Equal(got.Cmd, []string{"b", e.id}) || got.WorkDir != "/w" || got.User != "7" ||
		!slices.Contains(got.EnvNames, "TOKEN") || strings.Contains(strings.Join(got.EnvNames, " "), "hidden") || got.Labels[testLabel] != e.id {
		t.Errorf("%+v", got)
	}
	if platform, err := e.Platform(t.Context()); err != nil || platform != got.Platform {
		t.Errorf("the engine's platform is %q (%v), the image's %q", platform, err, got.Platform)
	}
	if found, err := e.ImageExists(t.Context(), id); !found || err != nil {
		t.Errorf("found %v, error %v", found, err)
	}
	_, err = e.ImageConfig(t.Context(), "nothing-"+e.id)
	wantUser(t, err, "cannot look at an image")
}

// A registry with a login in front: the testbed's own behind a proxy that asks for one.
func TestLogin_IsThatOfDockersConfiguration(t *testing.T) {
	t.Parallel()
	e := connect(t)
	guarded := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "word" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		behind := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: e.cluster.Registry})
			p.Out.Host = p.In.Host // uploads are told where to go on
		}}
		behind.ServeHTTP(w, r)
	}))
	t.Cleanup(guarded.Close)
	host := guarded.Listener.Addr().String()
	id, _ := e.mustBuild(t, &plan.Image{Dockerfile: "FROM localbase:1\nRUN echo " + e.id + " >/id\n"})
	ref := host + "/test-docker-" + e.id + ":1"
	if err := e.Tag(t.Context(), id, ref); err != nil {
		t.Fatal(err)
	}
	_, err := e.Push(t.Context(), ref, nil)
	if failure.Of(err).Class != failure.User {
		t.Errorf("push without a login: %v", err)
	}
	write(t, filepath.Join(e.vars["HOME"], ".docker", "config.json"), `{"auths":{"`+host+`":{"auth":"bWU6d29yZA=="}}}`) // me:word
	if _, err := e.Push(t.Context(), ref, nil); err != nil {
		t.Fatalf("push with a login: %v", err)
	}
	if found, err := e.InRegistry(t.Context(), ref); !found || err != nil {
		t.Errorf("found %v, error %v", found, err)
	}
	if err := e.RemoveImage(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	_, out := e.mustBuild(t, &plan.Image{Dockerfile: "FROM " + ref + "\nRUN cat /id\n"})
	if !out.has(e.id) {
		t.Errorf("output:\n%s", out)
	}
}
