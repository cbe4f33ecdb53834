package liveupdate

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/filetree"
	"github.com/envflow/envflow/internal/plan"
)

// project is a folder that is the context of the image web.
type project struct {
	t    *testing.T
	dir  string
	disk *Disk
}

func newProject(t *testing.T, files ...string) *project {
	t.Helper()
	p := &project{t: t, dir: t.TempDir(), disk: NewDisk(filetree.NewCache())}
	for _, name := range files {
		p.write(name, name)
	}
	err := p.disk.Use(&plan.Plan{Images: []plan.Image{{
		Ref: "web", Context: p.dir, Ignores: []plan.Ignore{{Base: p.dir, Patterns: []string{"**/*.log"}, Source: "test"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *project) path(name string) string { return filepath.Join(p.dir, filepath.FromSlash(name)) }

func (p *project) write(name, content string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(p.path(name)), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(p.path(name), []byte(content), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) remove(name string) {
	p.t.Helper()
	if err := os.RemoveAll(p.path(name)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) scan() map[string]string {
	p.t.Helper()
	tree, _, err := p.disk.Scan(p.t.Context(), "web")
	if err != nil {
		p.t.Fatal(err)
	}
	return tree
}

// difference returns the names that differ from base.
func (p *project) difference(key string, base map[string]string) []string {
	p.t.Helper()
	diff, err := p.disk.Difference(p.t.Context(), "web", key, base)
	if err != nil {
		p.t.Fatal(err)
	}
	names := []string{}
	for path := range maps.Keys(diff) {
		rel, err := filepath.Rel(p.dir, path)
		if err != nil {
			p.t.Fatal(err)
		}
		names = append(names, filepath.ToSlash(rel))
	}
	slices.Sort(names)
	return names
}

func (p *project) changed(names ...string) {
	paths := make([]string, 0, len(names))
	for _, name := range names {
		paths = append(paths, p.path(name))
	}
	p.disk.Changed("web", paths)
}

func TestDisk_FollowsWhatItIsTold(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		do   func(p *project)
		want []string
	}{
		"nothing":                {func(*project) {}, []string{}},
		"an edit":                {func(p *project) { p.write("a", "new"); p.changed("a") }, []string{"a"}},
		"an edit nobody told of": {func(p *project) { p.write("a", "new") }, []string{}},
		"saved without a change": {func(p *project) { p.write("a", "a"); p.changed("a") }, []string{}},
		"an edit and back": {func(p *project) {
			p.write("a", "new")
			p.changed("a")
			p.difference("1", nil)
			p.write("a", "a")
			p.changed("a")
		}, []string{}},
		"a new file":                  {func(p *project) { p.write("c", "c"); p.changed("c") }, []string{"c"}},
		"an ignored file":             {func(p *project) { p.write("c.log", "c"); p.changed("c.log") }, []string{}},
		"a new folder":                {func(p *project) { p.write("n/x", "x"); p.write("n/y.log", "y"); p.changed("n") }, []string{"n/x"}},
		"a deleted file":              {func(p *project) { p.remove("a"); p.changed("a") }, []string{"a"}},
		"a deleted folder":            {func(p *project) { p.remove("d"); p.changed("d") }, []string{"d/x", "d/y"}},
		"a file in place of a folder": {func(p *project) { p.remove("d"); p.write("d", "d"); p.changed("d") }, []string{"d", "d/x", "d/y"}},
		"a folder in place of a file": {func(p *project) { p.remove("a"); p.write("a/b", "d"); p.changed("a") }, []string{"a", "a/b"}},
		"permissions":                 {func(p *project) { chmod(p, "a"); p.changed("a") }, []string{"a"}},
		"everything may have changed": {func(p *project) { p.write("a", "new"); p.changed() }, []string{"a"}},
		"a path outside the context":  {func(p *project) { p.disk.Changed("web", []string{p.dir + "x/a"}) }, []string{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, "a", "b", "d/x", "d/y", "dd")
			base := p.scan()
			if got := p.difference("1", base); len(got) > 0 {
				t.Fatalf("before anything happened, %v differ", got)
			}
			test.do(p)
			if diff := cmp.Diff(test.want, p.difference("1", base)); diff != "" {
				t.Errorf("differing files (-want +got):\n%s", diff)
			}
		})
	}
}

func chmod(p *project, name string) {
	p.t.Helper()
	if err := os.Chmod(p.path(name), 0o700); err != nil {
		p.t.Fatal(err)
	}
}

// Two resources with different builds of one image ask in turns.
func TestDisk_ComparesWithOneBaseAfterTheOther(t *testing.T) {
	t.Parallel()
	p := newProject(t, "a", "b")
	old := p.scan()
	p.write("a", "new")
	now := p.scan()
	for range 2 {
		if got := p.difference("old", old); !slices.Equal(got, []string{"a"}) {
			t.Errorf("against the old build %v differ, want a", got)
		}
		if got := p.difference("new", now); len(got) > 0 {
			t.Errorf("against the new build %v differ", got)
		}
	}
}

// A comparison that fails must not forget what it was told.
func TestDisk_RemembersChangesItCouldNotRead(t *testing.T) {
	t.Parallel()
	p := newProject(t, "a")
	base := p.scan()
	p.difference("1", base)
	p.write("a", "new")
	p.changed("a")
	if err := os.Rename(p.dir, p.dir+"-away"); err != nil {
		t.Fatal(err)
	}
	p.disk.Changed("web", nil)
	if _, err := p.disk.Difference(t.Context(), "web", "1", base); err == nil {
		t.Fatal("a context that is gone was read")
	}
	if err := os.Rename(p.dir+"-away", p.dir); err != nil {
		t.Fatal(err)
	}
	if got := p.difference("1", base); !slices.Equal(got, []string{"a"}) {
		t.Errorf("%v differ, want a", got)
	}
}
