package extensions

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestKnown(t *testing.T) {
	t.Parallel()
	newest, older := strings.Repeat("a", 40), strings.Repeat("b", 40)
	data, project := t.TempDir(), t.TempDir()
	known := NewKnown(data)
	repo, err := known.store.repo(defaultRepo.URL)
	if err != nil {
		t.Fatal(err)
	}
	write := func(path, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := known.Find(project, "hello"); got != "" || known.Names(project) != nil {
		t.Errorf("with nothing fetched, got %q", got)
	}
	write(filepath.Join(repo, refsFile), `{"HEAD": "`+newest+`"}`)
	write(filepath.Join(repo, newest, "hello", tiltfile), "")
	write(filepath.Join(repo, newest, "a", "b", tiltfile), "")
	write(filepath.Join(repo, older, "hello", tiltfile), "")
	write(filepath.Join(repo, newest, "nothing", "README.md"), "")

	for name, want := range map[string]string{
		"hello":       filepath.Join(repo, newest, "hello", tiltfile),
		"a/b":         filepath.Join(repo, newest, "a", "b", tiltfile),
		"nothing":     "",
		"../" + older: "",
		"":            "",
	} {
		if got := known.Find(project, name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
	if got := known.Names(""); !slices.Equal(got, []string{"hello", "a/b"}) {
		t.Errorf("names: got %q", got)
	}

	write(filepath.Join(project, LockName), `{"extensions": [{"url": "`+defaultRepo.URL+`", "ref": "", "commit": "`+older+`"}]}`)
	if got, want := known.Find(filepath.Join(project, "web"), "hello"), filepath.Join(repo, older, "hello", tiltfile); got != want {
		t.Errorf("with a lock file above: got %q, want %q", got, want)
	}
	if got := NewKnown("").Find(project, "hello"); got != "" {
		t.Errorf("without a folder: got %q", got)
	}
}
