package stream

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// file makes an entry of a test archive.
func file(name, content string) *entry {
	return &entry{&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: time.Unix(1e9, 5)}, []byte(content)}
}

func makeTar(tb testing.TB, entries ...*entry) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		if err := w.WriteHeader(e.header); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write(e.body); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// hostLoop runs the loop in a shell of this machine.
type hostLoop struct {
	tb    testing.TB
	token string
	in    io.WriteCloser
	out   *answers
}

func startHostLoop(tb testing.TB, shell string) *hostLoop {
	tb.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		tb.Skipf("no %s on this machine", shell)
	}
	l := &hostLoop{tb: tb, token: newToken(), out: &answers{changed: make(chan struct{}, 1)}}
	cmd := exec.CommandContext(tb.Context(), shell, "-c", loopFor(l.token))
	cmd.Stdout = l.out
	var err error
	if l.in, err = cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = l.in.Close()
		_ = cmd.Wait()
	})
	if answer, _ := l.await(); !strings.HasPrefix(answer, "ready ") || len(strings.Fields(answer)) != 2 {
		tb.Fatalf("greeting %q", answer)
	}
	return l
}

func (l *hostLoop) await() (answer, output string) {
	l.tb.Helper()
	timeout := time.After(20 * time.Second)
	for {
		if answer, output, ok := l.out.take(l.token); ok {
			return answer, output
		}
		select {
		case <-l.out.changed:
		case <-timeout:
			l.tb.Fatalf("no answer; printed: %q", l.out.all())
		}
	}
}

// run sends a batch and returns the last status other than 0.
func (l *hostLoop) run(b Batch) (status, output string) {
	l.tb.Helper()
	list, err := requests(b)
	if err != nil {
		l.tb.Fatal(err)
	}
	status = "0"
	for _, r := range list {
		if _, err := l.in.Write(append([]byte(r.script+"\n"), r.payload...)); err != nil {
			l.tb.Fatal(err)
		}
		if answer, out := l.await(); answer != "0" {
			status, output = answer, out
		}
	}
	return status, output
}

func forShells(t *testing.T, test func(t *testing.T, l *hostLoop)) {
	for _, shell := range []string{"dash", "bash", "ash"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			test(t, startHostLoop(t, shell))
		})
	}
}

func TestLoop_SyncsNamesOfAllKinds(t *testing.T) {
	t.Parallel()
	names := []string{
		"plain.txt", "with space", "quote'd", `double"quote`, `back\slash`, "new\nline", "-dash", "--", "*", "$HOME", "`id`",
		"tab\there", "ünïcode", "\xff\xfe", "trailing ", " leading", strings.Repeat("long", 50), "sub dir/" + strings.Repeat("d", 150) + "/file",
	}
	forShells(t, func(t *testing.T, l *hostLoop) {
		dir := filepath.Join(t.TempDir(), "it's a\n folder")
		for _, inPlace := range []bool{false, true} {
			var entries []*entry
			for _, name := range names {
				entries = append(entries, file(strings.TrimPrefix(filepath.Join(dir, name), "/"), name+" holds this"))
			}
			if status, output := l.run(Batch{Tar: makeTar(t, entries...), inPlace: inPlace}); status != "0" || output != "" {
				t.Fatalf("status %s: %s", status, output)
			}
			var deletes []string
			for _, name := range names {
				got, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil || string(got) != name+" holds this" {
					t.Errorf("%q holds %q, %v", name, got, err)
				}
				deletes = append(deletes, filepath.Join(dir, name))
			}
			if status, output := l.run(Batch{Deletes: deletes}); status != "0" {
				t.Fatalf("delete: status %s: %s", status, output)
			}
			left, err := filepath.Glob(filepath.Join(dir, "[^s]*"))
			if hidden, _ := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left)+len(hidden) > 0 {
				t.Errorf("left over: %q %q, %v", left, hidden, err)
			}
		}
	})
}

func TestLoop_ReplacesWhateverIsThere(t *testing.T) {
	t.Parallel()
	forShells(t, func(t *testing.T, l *hostLoop) {
		dir := t.TempDir()
		at := func(name string) string { return filepath.Join(dir, name) }
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(os.MkdirAll(at("was-folder/deep"), 0o755))
		must(os.MkdirAll(at("kept"), 0o755))
		must(os.WriteFile(at("was-file"), []byte("x"), 0o600))
		must(os.WriteFile(at("old"), []byte("x"), 0o600))
		must(os.WriteFile(at("swapped"), []byte("x"), 0o600))
		must(os.Symlink("kept", at("was-link")))
		tarball := makeTar(t,
			file(at("was-folder"), "1"), file(at("was-file/sub/new"), "2"), file(at("was-link"), "3"), file(at("swapped/new"), "4"),
			&entry{&tar.Header{Typeflag: tar.TypeDir, Name: at("empty") + "/", Mode: 0o755}, nil},
			&entry{&tar.Header{Typeflag: tar.TypeSymlink, Name: at("link"), Linkname: "old", Mode: 0o777}, nil})
		deletes := []string{at("old"), at("swapped"), at("was-folder"), at("absent")}
		if status, output := l.run(Batch{Tar: tarball, Deletes: deletes}); status != "0" {
			t.Fatalf("status %s: %s", status, output)
		}
		for name, want := range map[string]string{"was-folder": "1", "was-file/sub/new": "2", "was-link": "3", "swapped/new": "4"} {
			if got, err := os.ReadFile(at(name)); err != nil || string(got) != want {
				t.Errorf("%s holds %q, %v", name, got, err)
			}
		}
		if info, err := os.Stat(at("kept")); err != nil || !info.IsDir() {
			t.Errorf("the folder behind the link is gone: %v", err)
		}
		if info, err := os.Stat(at("empty")); err != nil || !info.IsDir() {
			t.Errorf("the empty folder was not made: %v", err)
		}
		if target, err := os.Readlink(at("link")); err != nil || target != "old" {
			t.Errorf("link to %q, %v", target, err)
		}
		if _, err := os.Stat(at("old")); !os.IsNotExist(err) {
			t.Errorf("old is still there: %v", err)
		}
	})
}

// What goes wrong is told, leaves no temporary file, and the loop goes on in step with its input.
func TestLoop_GoesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	forShells(t, func(t *testing.T, l *hostLoop) {
		dir := t.TempDir()
		broken := file("proc/self/envflow-test/x", strings.Repeat("z", 300_000))
		status, output := l.run(Batch{Tar: makeTar(t, file(filepath.Join(dir, "a"), "a"), broken), Deletes: []string{filepath.Join(dir, "keep")}})
		if status == "0" || output == "" {
			t.Errorf("status %s, output %q", status, output)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".envflow*")); len(left) > 0 {
			t.Errorf("left over: %q", left)
		}
		if status, output := l.run(Batch{Tar: makeTar(t, file(filepath.Join(dir, "b"), "b"))}); status != "0" {
			t.Errorf("afterwards: status %s: %s", status, output)
		}
	})
}

func TestLoop_KillsOnlyALoopOfOurs(t *testing.T) {
	t.Parallel()
	forShells(t, func(t *testing.T, l *hostLoop) {
		other := exec.CommandContext(t.Context(), "sleep", "60")
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- other.Wait() }()
		ask := func(pid int) {
			if _, err := l.in.Write([]byte("k " + strconv.Itoa(pid) + " " + newToken() + ";d 0\n")); err != nil {
				t.Fatal(err)
			}
			l.await()
		}
		ask(other.Process.Pid)
		ask(1 << 30) // nobody
		select {
		case err := <-ended:
			t.Errorf("a stranger was killed: %v", err)
		default:
		}
		_ = other.Process.Kill()
		<-ended
	})
}

func TestRequests_SplitManyDeletes(t *testing.T) {
	t.Parallel()
	var deletes []string
	for i := range 3*deletesPerCommand + 1 {
		deletes = append(deletes, "/x/"+strconv.Itoa(i))
	}
	list, err := requests(Batch{Deletes: deletes})
	if err != nil || len(list) != 4 {
		t.Fatalf("%d requests, %v", len(list), err)
	}
	all := ""
	for _, r := range list {
		all += r.script
	}
	for _, d := range deletes {
		if strings.Count(all, quote(d)) != 1 {
			t.Errorf("%s is deleted %d times", d, strings.Count(all, quote(d)))
		}
	}
}

func TestRequests_LargeBatchesGoInPlace(t *testing.T) {
	t.Parallel()
	var entries []*entry
	for i := range maxRenamed + 1 {
		entries = append(entries, file("x/"+strconv.Itoa(i), "x"))
	}
	list, err := requests(Batch{Tar: makeTar(t, entries...)})
	if err != nil || len(list) != 1 || strings.Contains(list[0].script, "m '") {
		t.Errorf("%d requests, %v", len(list), err)
	}
	if _, err := requests(Batch{Tar: []byte("no archive")}); err == nil {
		t.Error("what is no archive was taken")
	}
}
