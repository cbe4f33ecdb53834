package extensions

import (
	"errors"
	"strings"
	"testing"

	"github.com/envflow/envflow/starlark/kit"
)

// What git prints, what is said of it, and what to do.
func TestGit_LastWords(t *testing.T) {
	t.Parallel()
	const url = "https://git.example/a"
	for name, test := range map[string]struct{ stderr, words, hint string }{
		"no network": {
			"fatal: unable to access 'https://git.example/a/': Could not resolve host: git.example\n",
			"Could not resolve host: git.example", "also work without a network",
		},
		"refused": {
			"fatal: unable to access 'https://git.example/a/': Failed to connect to git.example port 443 after 3 ms: Couldn't connect to server\n",
			"Failed to connect to git.example port 443", "also work without a network",
		},
		"private": {
			"fatal: could not read Username for 'https://git.example': terminal prompts disabled\n",
			"could not read Username", "is private, or is not there",
		},
		"by ssh": {
			"git@git.example: Permission denied (publickey).\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n",
			"git@git.example: Permission denied (publickey)", "is private, or is not there",
		},
		"not there": {
			"remote: Repository not found.\nfatal: repository 'https://git.example/a/' not found\n",
			"repository 'https://git.example/a/' not found", "check the address",
		},
		"several lines": {
			"warning: redirecting\nerror: RPC failed; curl 56\nfatal: early EOF\nfatal: fetch-pack: invalid index-pack output\n",
			"fetch-pack: invalid index-pack output", "tries the same by hand",
		},
		"an error only": {"error: cannot lock ref\n", "cannot lock ref", "tries the same by hand"},
		"nothing":       {"", "exit status 128", "tries the same by hand"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := kit.NewRun(t.Context(), kit.Options{Path: "/Tiltfile"})
			g := &git{run: run}
			explained := run.Explain(g.explain(url, lastWords(test.stderr, errors.New("exit status 128"))))
			if want := "git cannot fetch " + url + ": " + test.words; !strings.HasPrefix(explained.Message, want) {
				t.Errorf("got %q, want %q", explained.Message, want)
			}
			if !strings.Contains(explained.Hint, test.hint) {
				t.Errorf("hint: %q, want %q in it", explained.Hint, test.hint)
			}
		})
	}
}

func TestStore_RepoFolders(t *testing.T) {
	t.Parallel()
	s := &store{dir: "/data"}
	seen := map[string]string{}
	for _, url := range []string{
		"https://github.com/a/b", "http://github.com/a/b", "https://github.com/A/b", "https://github.com/a/b.git", "https://github.com/a_b",
		"https://host:8080/" + strings.Repeat("long/", 50), "https://host/../../etc",
	} {
		folder, err := s.repo(url)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(folder, "/data/")
		if strings.ContainsAny(name, "/:") || len(name) > 80 || strings.HasPrefix(name, ".") {
			t.Errorf("%s is kept in %s", url, folder)
		}
		key := strings.ToLower(name) // macOS and Windows do not tell cases apart
		if other, ok := seen[key]; ok {
			t.Errorf("%s and %s are kept in one folder", url, other)
		}
		seen[key] = url
	}
}
