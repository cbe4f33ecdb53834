package stream

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxRenamed is how many files a batch may hold to be extracted beside their places and renamed. Each rename is a process
// in the container.
const maxRenamed = 64

// deletesPerCommand keeps the arguments of one rm, and the line that is read byte by byte in the container, short.
const deletesPerCommand = 100

// loop is the script that runs in the container. It is one argument of sh and names its token first, so that a later stream
// recognises it in /proc. What it defines:
//
//	N         a newline, for names that hold one
//	d STATUS  ends an answer
//	p PATH    makes room for a folder: removes what is there and is none
//	m TMP TO  puts a file in its place at once; where that cannot be replaced (a mount point) it is written in place
//	k PID TOK kills the shell PID with its children if it is a loop of ours
//	o         the options of tar: as a file's owner the user of the container is taken where tar can
//
// Names are always absolute, so no name begins with a dash.
const loop = `: TOKEN
PATH="${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/busybox"
LC_ALL=C
export PATH LC_ALL
N='
'
d() { echo; echo "TOKEN $1"; }
p() { if [ -e "$1" ] && ! [ -d "$1" ]; then rm -f -- "$1"; fi; }
m() {
  if [ -d "$2" ]; then rm -rf -- "$2"; fi
  mv -f -- "$1" "$2" || { cat -- "$1" >"$2" && rm -f -- "$1"; } || { rm -f -- "$1"; return 1; }
} 2>&1
k() {
  x=
  if [ -r "/proc/$1/cmdline" ]; then IFS= read -r x <"/proc/$1/cmdline"; fi
  case $x in *"$2"*) kill -9 "-$1" || kill -9 "$1" ;; esac
} 2>/dev/null
u=
for c in tar head mv rm cat; do command -v "$c" >/dev/null 2>&1 || u="$u $c"; done
o=-xof
if [ -z "$u" ]; then head -c 1024 /dev/zero | tar -xof - >/dev/null 2>&1 || o=-xf; fi
echo "TOKEN ready $$$u"
while IFS= read -r l; do eval "$l"; done
`

// loopFor returns the loop that marks its answers with token.
func loopFor(token string) string { return strings.ReplaceAll(loop, "TOKEN", token) }

// newToken returns what no program in the container prints by chance.
func newToken() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return "envflow-" + hex.EncodeToString(b[:])
}

// quote returns s as one word of a POSIX shell on one line.
func quote(s string) string {
	s = strings.ReplaceAll(s, "'", `'\''`)
	return "'" + strings.ReplaceAll(s, "\n", `'"$N"'`) + "'"
}

// absolute returns a name of an archive, or a path of a batch, as a clean absolute path.
func absolute(name string) string { return path.Clean("/" + name) }

// request is what is sent to a loop for one batch: a line of script and what that reads.
type request struct {
	script  string
	payload []byte
	names   *strings.Replacer // turns temporary names in messages into those that people know; may be nil
}

// megabytes is how much is sent, rounded up.
func (r request) megabytes() int { return (len(r.script) + len(r.payload) + 1<<20 - 1) >> 20 }

// requests returns what carries out a batch, in order. All but batches with very many deletes are one request.
func requests(b Batch) ([]request, error) {
	arch, err := readArchive(b.Tar)
	if err != nil {
		return nil, err
	}
	first, last := arch.splitDeletes(b.Deletes)
	var before, after strings.Builder
	for _, dir := range arch.parents() {
		fmt.Fprintf(&before, "p %s;", quote(dir))
	}
	var temporary []string
	var names *strings.Replacer
	if !b.inPlace && arch.renamable() {
		temporary, names = arch.rename(&after)
	}
	var all []request
	for len(first) > deletesPerCommand {
		all = append(all, removal(first[:deletesPerCommand]))
		first = first[deletesPerCommand:]
	}
	rest := last[min(deletesPerCommand, len(last)):]
	last = last[:len(last)-len(rest)]

	var s strings.Builder
	s.WriteString("e=0;")
	if len(first) > 0 {
		fmt.Fprintf(&s, "rm -rf -- %s 2>&1||e=$?;", words(first))
	}
	var payload []byte
	if len(arch.entries) > 0 {
		if payload, err = arch.bytes(); err != nil {
			return nil, err
		}
		s.WriteString(before.String())
		// Whatever becomes of tar, what is left of the archive is taken out of the stream.
		fmt.Fprintf(&s, "head -c %d|(tar -C / $o - 2>&1||{ r=$?;cat >/dev/null;exit $r; })||e=$?;", len(payload))
	}
	if len(temporary) > 0 {
		fmt.Fprintf(&s, "if [ $e = 0 ];then %selse rm -f -- %s 2>&1;fi;", after.String(), words(temporary))
	}
	if len(last) > 0 {
		fmt.Fprintf(&s, "if [ $e = 0 ];then rm -rf -- %s 2>&1||e=$?;fi;", words(last))
	}
	s.WriteString("d $e")
	all = append(all, request{s.String(), payload, names})
	for list := range slices.Chunk(rest, deletesPerCommand) {
		all = append(all, removal(list))
	}
	return all, nil
}

func removal(paths []string) request {
	return request{script: "e=0;rm -rf -- " + words(paths) + " 2>&1||e=$?;d $e"}
}

func words(paths []string) string {
	quoted := make([]string, len(paths))
	for i, p := range paths {
		quoted[i] = quote(p)
	}
	return strings.Join(quoted, " ")
}

// archive is a tar that is being prepared for a container.
type archive struct {
	entries []entry
}

type entry struct {
	header *tar.Header
	body   []byte
}

// readArchive reads a tar whose names are relative to the container's root.
func readArchive(data []byte) (*archive, error) {
	a := &archive{}
	if len(data) == 0 {
		return a, nil
	}
	r := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return a, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the archive to be synced: %w", err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			return nil, fmt.Errorf("read the archive to be synced: %w", err)
		}
		a.entries = append(a.entries, entry{h, body})
	}
}

// splitDeletes returns what has to go before files are written, because a file is written below it, and what may go last.
// What the archive itself writes is not deleted.
func (a *archive) splitDeletes(deletes []string) (first, last []string) {
	for _, d := range deletes {
		d = absolute(d)
		if d == "/" {
			continue
		}
		below, same := false, false
		for _, e := range a.entries {
			name := absolute(e.header.Name)
			same = same || name == d
			below = below || strings.HasPrefix(name, d+"/")
		}
		switch {
		case below:
			first = append(first, d)
		case !same:
			last = append(last, d)
		}
	}
	return first, last
}

// parents returns the folders above the entries, outermost first.
func (a *archive) parents() []string {
	seen := map[string]bool{}
	for _, e := range a.entries {
		for dir := path.Dir(absolute(e.header.Name)); dir != "/" && !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
		}
	}
	dirs := make([]string, 0, len(seen))
	for dir := range seen {
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	return dirs
}

// renamable reports whether the files can be extracted beside their places. A hard link names the file that it is one with,
// which does not exist yet under its own name.
func (a *archive) renamable() bool {
	files := 0
	for _, e := range a.entries {
		switch e.header.Typeflag {
		case tar.TypeLink:
			return false
		case tar.TypeReg, tar.TypeSymlink:
			files++
		}
	}
	return files <= maxRenamed
}

// rename gives the files names beside their places and writes the script that puts them there. It returns the names, and
// what turns them back in messages.
func (a *archive) rename(script *strings.Builder) ([]string, *strings.Replacer) {
	var mark [4]byte
	_, _ = rand.Read(mark[:]) // never fails
	prefix := ".envflow-" + hex.EncodeToString(mark[:]) + "-"
	var names, pairs []string
	for i, e := range a.entries {
		if e.header.Typeflag != tar.TypeReg && e.header.Typeflag != tar.TypeSymlink {
			continue
		}
		to := absolute(e.header.Name)
		name := path.Join(path.Dir(to), prefix+strconv.Itoa(i)+"-") // no extension: what watches sources passes it over
		e.header.Name = name
		names = append(names, name)
		pairs = append(pairs, path.Base(name), path.Base(to))
		fmt.Fprintf(script, "m %s %s||e=$?;", quote(name), quote(to))
	}
	return names, strings.NewReplacer(pairs...)
}

// bytes returns the archive in the form that every tar reads: GNU long names, whole seconds, nothing after its end.
func (a *archive) bytes() ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range a.entries {
		h := *e.header
		name := strings.TrimPrefix(absolute(h.Name), "/")
		if h.Typeflag == tar.TypeDir {
			name += "/"
		}
		if h.Typeflag == tar.TypeLink {
			h.Linkname = strings.TrimPrefix(absolute(h.Linkname), "/")
		}
		if name == "" || name == "/" {
			continue // the root itself
		}
		h.Name = name
		h.Format = tar.FormatGNU
		h.PAXRecords = nil
		h.ModTime = h.ModTime.Truncate(time.Second)
		h.AccessTime, h.ChangeTime = time.Time{}, time.Time{}
		h.Size = int64(len(e.body))
		if err := w.WriteHeader(&h); err != nil {
			return nil, fmt.Errorf("write the archive to be synced: %w", err)
		}
		if _, err := w.Write(e.body); err != nil {
			return nil, fmt.Errorf("write the archive to be synced: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write the archive to be synced: %w", err)
	}
	return buf.Bytes(), nil
}
