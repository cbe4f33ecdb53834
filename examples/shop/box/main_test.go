package main

import (
	archive "archive/tar"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The test binary is the box if it is called by the name of one of its tools.
func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	if _, ok := tools[name]; ok || name == "sh" {
		os.Exit(run(append([]string{name}, os.Args[1:]...)))
	}
	os.Exit(m.Run())
}

// sh runs a script, in a folder, with input, and returns what it prints.
func sh(t *testing.T, dir string, input []byte, script string, args ...string) (string, int) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "sh")
	if err := os.Symlink(program, link); err != nil {
		t.Skipf("no links here: %v", err)
	}
	cmd := exec.Command(link, append([]string{"-c", script}, args...)...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// What a live update does: a script reads scripts line by line, and what one of those reads comes between the lines.
func TestShell_ReadsScriptsAndArchivesFromOneStream(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "old"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	var tarball bytes.Buffer
	w := archive.NewWriter(&tarball)
	for _, err := range []error{
		w.WriteHeader(&archive.Header{Typeflag: archive.TypeDir, Name: "web/", Mode: 0o755}),
		w.WriteHeader(&archive.Header{Typeflag: archive.TypeReg, Name: "web/.new", Mode: 0o644, Size: 5}),
		write(w, "hello"),
		w.WriteHeader(&archive.Header{Typeflag: archive.TypeSymlink, Name: "web/link", Linkname: "page"}),
		w.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	input := "head -c " + strconv.Itoa(tarball.Len()) + "|(tar -C . -xof - 2>&1||{ r=$?;cat >/dev/null;exit $r; })||e=$?;" +
		"mv -f -- web/.new web/page;echo tar $e\n" + tarball.String() + "rm -rf -- old none;echo rm $?\ncat web/link\n"
	out, code := sh(t, dir, []byte(input), `e=0; while IFS= read -r l; do eval "$l"; done`)
	if out != "tar 0\nrm 0\nhello" || code != 0 {
		t.Errorf("printed %q, status %d", out, code)
	}
	if _, err := os.Lstat(filepath.Join(dir, "old")); !os.IsNotExist(err) {
		t.Errorf("old is still there: %v", err)
	}
}

func write(w *archive.Writer, text string) error {
	_, err := w.Write([]byte(text))
	return err
}

func TestShell_HasToolsAndStatuses(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]struct {
		out  string
		code int
	}{
		`exit 7`:                         {"", 7},
		`printf abc | sha256sum`:         {"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  -\n", 0},
		`mkdir -p a/b && rm a`:           {"directory not empty", 1},
		`echo x >f; mv f g; cat g`:       {"x\n", 0},
		`head -c 2 g`:                    {"no such file", 1},
		`tar -czf x .`:                   {"only", 1},
		`rm --force x`:                   {"unknown here", 1},
		`no-such-program`:                {"not found", 127},
		`if [`:                           {"", 2},
		`command -v echo >/dev/null; :`:  {"", 0},
		`for f in 1 2; do echo $f; done`: {"1\n2\n", 0},
	} {
		out, code := sh(t, t.TempDir(), nil, script)
		if !strings.Contains(out, want.out) || code != want.code {
			t.Errorf("%s: printed %q, status %d; want %q, %d", script, out, code, want.out, want.code)
		}
	}
	if out, _ := sh(t, t.TempDir(), nil, `echo "$#: $1 $2"`, "name", "one", "two words"); out != "2: one two words\n" {
		t.Errorf("arguments: %q", out)
	}
}
