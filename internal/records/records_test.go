package records

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func open(tb testing.TB, path string) *Store {
	tb.Helper()
	s, err := Open(tb.Context(), path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// same compares what was put with what was got.
func same[T any](tb testing.TB, want, got T, ok bool, err error) {
	tb.Helper()
	type answer struct {
		Value T
		OK    bool
		Err   string
	}
	if diff := cmp.Diff(answer{want, true, fmt.Sprint(error(nil))}, answer{got, ok, fmt.Sprint(err)}); diff != "" {
		tb.Errorf("it came back otherwise (-want +got):\n%s", diff)
	}
}

func TestStore_GivesBackWhatWasPut(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "a ?#% folder.db")
	s := open(t, path)
	now := time.Now()
	files := map[string]string{}
	for i := range 1000 {
		files[fmt.Sprintf("/src/web/file%d.txt", i)] = fmt.Sprintf("%064d", i)
	}
	image := Image{Ref: "web", InputDigest: "in", ImageID: "sha256:1", Tag: "r/web:1", ClusterRef: "c/web:1", Files: files, Unsure: []string{"/src/web/file1.txt"}, WonBack: true, Built: now}
	deployment := Deployment{Resource: "web", Plan: "p", Spec: "s", Images: map[string]ImageKey{"web": {Ref: "web", InputDigest: "in", ImageID: "sha256:1", ClusterRef: "c/web:1"}}, Objects: []byte(`[{"kind":"Service"}]`), Applied: now}
	container := Container{ID: "containerd://1", Resource: "web", ImageRef: "web", InputDigest: "in", Files: map[string]string{"/app/x": "d", "/app/gone": ""}, Seen: now}
	update := Update{Resource: "web", Kind: KindBuild, Reason: "changed: a.go", Result: ResultError, Error: "exit 1", Started: now, Seconds: 1.5}
	digests := map[string]FileDigest{"/src/x": {FileStat{Size: 5, Mtime: now.UnixNano(), Ctime: 7, Inode: 1 << 63}, "d"}, "/src/y": {Digest: "e"}}
	check(t, s.PutPlan(ctx, "p", []byte("plan")))
	check(t, s.PutImage(ctx, image))
	check(t, s.PutDeployment(ctx, deployment))
	check(t, s.PutContainer(ctx, container))
	id, err := s.AddUpdate(ctx, update)
	check(t, err)
	update.ID = id
	check(t, s.PutError(ctx, "web", "exit 1\nmore"))
	check(t, s.PutError(ctx, "", "Tiltfile:1"))
	check(t, s.PutSnapshot(ctx, []byte("{}")))
	check(t, s.PutMeta(ctx, "args", "a b"))
	check(t, s.PutDigests(ctx, digests))

	reader, err := OpenReadOnly(ctx, path)
	check(t, err)
	defer func() { _ = reader.Close() }()
	for name, s := range map[string]*Store{"the writer": s, "a reader": reader} {
		t.Run(name, func(t *testing.T) {
			plan, ok, err := s.Plan(ctx, "p")
			same(t, "plan", string(plan), ok, err)
			digest, plan, ok, err := s.LastPlan(ctx)
			same(t, "p plan", digest+" "+string(plan), ok, err)
			gotImage, ok, err := s.Image(ctx, "web", "in")
			same(t, image, gotImage, ok, err)
			gotImage, ok, err = s.ImageByClusterRef(ctx, "c/web:1")
			same(t, image, gotImage, ok, err)
			gotDeployment, ok, err := s.Deployment(ctx, "web")
			same(t, deployment, gotDeployment, ok, err)
			all, err := s.Deployments(ctx)
			same(t, map[string]Deployment{"web": deployment}, all, true, err)
			gotContainer, ok, err := s.Container(ctx, container.ID)
			same(t, container, gotContainer, ok, err)
			containers, err := s.ContainersOf(ctx, "web")
			same(t, map[string]Container{container.ID: container}, containers, true, err)
			updates, err := s.LastUpdates(ctx, "web", 5)
			same(t, []Update{update}, updates, true, err)
			texts, err := s.Errors(ctx)
			same(t, map[string]string{"web": "exit 1\nmore", "": "Tiltfile:1"}, texts, true, err)
			snapshot, put, ok, err := s.Snapshot(ctx)
			same(t, "{}", string(snapshot), ok, err)
			if put.Before(now) {
				t.Errorf("the snapshot is of %s", put)
			}
			value, ok, err := s.Meta(ctx, "args")
			same(t, "a b", value, ok, err)
			gotDigests, err := s.Digests(ctx)
			same(t, digests, gotDigests, true, err)
		})
	}
	if err := reader.PutMeta(ctx, "k", "v"); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a reader wrote: %v", err)
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2"} {
		var got string
		if err := s.db.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v", pragma, got, err)
		}
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(path + suffix); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%q: %v, %v; want mode 0600", suffix, info, err)
		}
	}
}

func TestStore_ForgetsWhatIsDeleted(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, filepath.Join(t.TempDir(), "state.db"))
	check(t, s.PutImage(ctx, Image{Ref: "r", InputDigest: "i"}))
	check(t, s.PutDeployment(ctx, Deployment{Resource: "r"}))
	check(t, s.PutError(ctx, "r", "e"))
	check(t, s.PutDigests(ctx, map[string]FileDigest{"/x": {Digest: "d"}}))
	check(t, s.DeleteImage(ctx, "r", "i"))
	check(t, s.DeleteDeployment(ctx, "r"))
	check(t, s.ClearError(ctx, "r"))
	check(t, s.PutDigests(ctx, map[string]FileDigest{"/x": {}}))
	_, image, err := s.Image(ctx, "r", "i")
	check(t, err)
	_, deployment, err := s.Deployment(ctx, "r")
	check(t, err)
	texts, err := s.Errors(ctx)
	check(t, err)
	digests, err := s.Digests(ctx)
	check(t, err)
	_, byRef, err := s.ImageByClusterRef(ctx, "")
	check(t, err)
	if image || deployment || byRef || len(texts)+len(digests) > 0 {
		t.Error(image, deployment, byRef, texts, digests)
	}
}

func TestStore_KeepsTheLastPlansAndTheNewestImages(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, filepath.Join(t.TempDir(), "state.db"))
	for i := range keptPlans + 5 {
		check(t, s.PutPlan(ctx, fmt.Sprint("p", i), []byte("x")))
	}
	check(t, s.PutPlan(ctx, "p10", []byte("again"))) // the last one now
	for i := range keptImages + 5 {
		check(t, s.PutImage(ctx, Image{Ref: "r", InputDigest: fmt.Sprint(i), Built: time.Now().Add(time.Duration(i) * time.Second)}))
	}
	check(t, s.PutImage(ctx, Image{Ref: "other", InputDigest: "0", Built: time.Now().Add(-time.Hour)}))
	digest, data, _, err := s.LastPlan(ctx)
	if err != nil || digest != "p10" || string(data) != "again" {
		t.Errorf("last plan %s %s, %v", digest, data, err)
	}
	for digest, want := range map[string]bool{"p0": false, "p4": false, "p5": true, "p24": true} {
		if _, ok, err := s.Plan(ctx, digest); err != nil || ok != want {
			t.Errorf("plan %s: %t, %v", digest, ok, err)
		}
	}
	for key, want := range map[ImageKey]bool{{Ref: "r", InputDigest: "4"}: false, {Ref: "r", InputDigest: "5"}: true, {Ref: "other", InputDigest: "0"}: true} {
		if _, ok, err := s.Image(ctx, key.Ref, key.InputDigest); err != nil || ok != want {
			t.Errorf("image %v: %t, %v", key, ok, err)
		}
	}
}

func TestOpen_ForgetsWhatIsOld(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	old := time.Now().Add(-31 * 24 * time.Hour)
	for digest, built := range map[string]time.Time{"old": old, "old and deployed": old, "new": time.Now()} {
		check(t, s.PutImage(ctx, Image{Ref: "r", InputDigest: digest, Built: built}))
	}
	check(t, s.PutImage(ctx, Image{Ref: "only", InputDigest: "old", Built: old}))
	check(t, s.PutDeployment(ctx, Deployment{Resource: "r", Images: map[string]ImageKey{"r": {Ref: "r", InputDigest: "old and deployed", ImageID: "sha256:2"}}}))
	check(t, s.PutContainer(ctx, Container{ID: "old", Seen: time.Now().Add(-8 * 24 * time.Hour)}))
	check(t, s.PutContainer(ctx, Container{ID: "touched", Seen: time.Now().Add(-6 * 24 * time.Hour)}))
	_, err := s.AddUpdate(ctx, Update{Resource: "r"})
	check(t, err)
	_, err = s.AddUpdate(ctx, Update{Resource: "", Started: old})
	check(t, err)
	check(t, s.TouchContainers(ctx, []string{"touched", "unknown"}))
	check(t, s.Close())

	s = open(t, path)
	for key, want := range map[ImageKey]bool{
		{Ref: "r", InputDigest: "old"}: false, {Ref: "r", InputDigest: "old and deployed"}: true,
		{Ref: "r", InputDigest: "new"}: true, {Ref: "only", InputDigest: "old"}: true,
	} {
		if _, ok, err := s.Image(ctx, key.Ref, key.InputDigest); err != nil || ok != want {
			t.Errorf("image %v: %t, %v", key, ok, err)
		}
	}
	containers, err := s.ContainersOf(ctx, "")
	check(t, err)
	if len(containers) != 1 || time.Since(containers["touched"].Seen) > time.Hour {
		t.Errorf("containers %v", containers)
	}
	for resource, want := range map[string]int{"r": 1, "": 0} {
		if updates, err := s.LastUpdates(ctx, resource, 10); err != nil || len(updates) != want {
			t.Errorf("updates of %q: %v, %v", resource, updates, err)
		}
	}
}

func TestOpen_MovesAsideWhatIsOfNoUse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil  func(t *testing.T, path string)
		notice string
		reader error // what a command gets; nil: it may see the damage when it reads only
	}{
		"no database": {func(t *testing.T, path string) {
			check(t, os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600))
		}, "were damaged", ErrDamaged},
		"overwritten pages": {func(t *testing.T, path string) {
			data, err := os.ReadFile(path)
			check(t, err)
			for i := 4096; i < len(data); i++ {
				data[i] = 0x5a
			}
			check(t, os.WriteFile(path, data, 0o600))
		}, "were damaged", nil},
		"truncated": {func(t *testing.T, path string) { check(t, os.Truncate(path, 8192)) }, "were damaged", nil},
		"newer": {func(t *testing.T, path string) {
			s := open(t, path)
			_, err := s.db.ExecContext(t.Context(), "PRAGMA user_version = 99")
			check(t, errors.Join(err, s.Close()))
		}, "newer version", ErrNewer},
		"a table is missing": {func(t *testing.T, path string) {
			s := open(t, path)
			_, err := s.db.ExecContext(t.Context(), "DROP TABLE deployments")
			check(t, errors.Join(err, s.Close()))
		}, "were damaged", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state.db")
			s := open(t, path)
			check(t, s.PutMeta(t.Context(), "k", "v"))
			check(t, s.Close())
			test.spoil(t, path)
			if reader, err := OpenReadOnly(t.Context(), path); err == nil {
				check(t, reader.Close())
				if test.reader != nil {
					t.Error("a reader could open it")
				}
			} else if test.reader != nil && !errors.Is(err, test.reader) {
				t.Errorf("a reader got %v", err)
			}
			s = open(t, path)
			if !strings.Contains(s.Notice(), test.notice) {
				t.Errorf("notice %q", s.Notice())
			}
			if _, ok, err := s.Meta(t.Context(), "k"); ok || err != nil {
				t.Errorf("the value is %t, %v", ok, err)
			}
			check(t, s.PutMeta(t.Context(), "k", "v2"))
			check(t, s.Close())
			s = open(t, path)
			if value, _, err := s.Meta(t.Context(), "k"); value != "v2" || err != nil || s.Notice() != "" {
				t.Errorf("%q, %v, %q", value, err, s.Notice())
			}
			if kept, _ := filepath.Glob(path + ".*Z"); len(kept) != 1 {
				t.Errorf("kept %v", kept)
			}
		})
	}
}

// A record that cannot be read is found long after Open.
func TestStore_BeginsAnewWhenItFindsDamage(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	for range keptFiles + 2 {
		check(t, s.PutDeployment(ctx, Deployment{Resource: "r"}))
		_, err := s.db.ExecContext(ctx, "UPDATE deployments SET data = x'01ff'")
		check(t, err)
		if _, ok, err := s.Deployment(ctx, "r"); ok || err != nil {
			t.Errorf("found %t, %v", ok, err)
		}
		if !strings.Contains(s.Notice(), "were damaged") {
			t.Errorf("notice %q", s.Notice())
		}
	}
	if kept, _ := filepath.Glob(path + ".*Z"); len(kept) != keptFiles {
		t.Errorf("kept %v", kept)
	}
}

func TestOpen_DropsALogWithoutItsFile(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	s := open(t, path)
	check(t, s.PutMeta(ctx, "k", "v"))
	wal, err := os.ReadFile(path + "-wal")
	check(t, err)
	check(t, s.Close())
	check(t, os.Remove(path))
	check(t, os.WriteFile(path+"-wal", wal, 0o600))
	s = open(t, path)
	if _, ok, err := s.Meta(ctx, "k"); ok || err != nil || s.Notice() != "" {
		t.Errorf("%t, %v, %q", ok, err, s.Notice())
	}
}

func TestOpenReadOnly_MissingIsNotExist(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	if _, err := OpenReadOnly(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
	check(t, os.WriteFile(path, nil, 0o600)) // as it is for a moment after the worker began
	if _, err := OpenReadOnly(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}

func TestPack_GivesBackWhatItGot(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, packFrom - 1, packFrom, 1 << 20} {
		data := []byte(strings.Repeat("x", size))
		stored := pack(data)
		got, err := unpack(stored)
		if err != nil || !reflect.DeepEqual(append([]byte{}, got...), data) {
			t.Errorf("%d bytes: %d, %v", size, len(got), err)
		}
		if size >= packFrom && len(stored) > size/10 {
			t.Errorf("%d bytes take %d", size, len(stored))
		}
	}
}

func TestStore_IsNoUseOnceClosed(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "state.db"))
	check(t, errors.Join(s.Close(), s.Close()))
	if err := s.PutMeta(t.Context(), "k", "v"); !errors.Is(err, errClosed) {
		t.Errorf("error is %v", err)
	}
	if _, _, err := s.Meta(t.Context(), "k"); !errors.Is(err, errClosed) {
		t.Errorf("error is %v", err)
	}
}

func TestMigrations_SetTheirVersion(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "state.db"))
	if version, err := s.version(t.Context()); err != nil || version != len(migrations) {
		t.Errorf("version %d, %v; want %d", version, err, len(migrations))
	}
}
