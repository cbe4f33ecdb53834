package liveupdate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
)

// readScript prints of each file named in its input what it is: its number, and l for a link with the SHA-256 of its target, x
// for a file that can be executed, f for another one, - for none, d for what it cannot tell. The SHA-256 of the files follow in
// the same order, many at a time: a process for each would take ten times as long. The input ends with a line that is no path,
// because not every way into a container can say that there is no more; the output with one that says so, because what was cut
// off must not count.
const readScript = `command -v sha256sum >/dev/null || exit 127
sums() { [ $# = 0 ] || { sha256sum "$@"; echo "sums $?"; }; }
n=0
set --
while IFS= read -r f && [ "$f" != end ]; do
n=$((n+1))
if [ -L "$f" ]; then echo "$n l $(printf %s "$(readlink "$f")" | sha256sum)"; continue; fi
if [ ! -e "$f" ]; then echo "$n -"; continue; fi
if [ ! -f "$f" ] || [ ! -r "$f" ]; then echo "$n d"; continue; fi
if [ -x "$f" ]; then echo "$n x"; else echo "$n f"; fi
set -- "$@" "$f"
if [ $# = 100 ]; then sums "$@"; set --; fi
done
sums "$@"
echo end`

// Lines of the script's output. sha256sum puts a backslash in front if the name has a character that it writes otherwise.
var (
	readLine = regexp.MustCompile(`^(\d+) ([lxf-])(?: ([0-9a-f]{64})\b.*)?$`)
	sumLine  = regexp.MustCompile(`^\\?([0-9a-f]{64}) `)
)

// reading is what a container says of files.
type reading struct {
	said    []string // of each file its kind and digest; Unsure if it said nothing, or cannot tell
	waiting []int    // indices of files whose digests are to follow
	sums    []string
	ended   bool
}

// line takes in one line of the script's output. Others may be among them, of a sh or sha256sum that complains.
func (r *reading) line(line string) {
	if m := sumLine.FindStringSubmatch(line); m != nil {
		r.sums = append(r.sums, m[1])
		return
	}
	if line == "end" {
		r.ended = true
		return
	}
	if status, ok := strings.CutPrefix(line, "sums "); ok {
		if status == "0" && len(r.sums) == len(r.waiting) { // else nobody knows which is missing
			for i, n := range r.waiting {
				r.said[n] += r.sums[i]
			}
		}
		r.sums, r.waiting = nil, nil
		return
	}
	m := readLine.FindStringSubmatch(line)
	if m == nil {
		return
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n < 1 || n > len(r.said) {
		return
	}
	r.said[n-1] = m[2] + m[3]
	if m[2] == "f" || m[2] == "x" {
		r.waiting = append(r.waiting, n-1)
	}
}

// read asks a container what it holds of the files that syncs cover, where it is otherwise than in its image. What the
// container does not tell is Unsure, and so goes there again: without a right to read, by a name with a line break. It is not asked for files that are neither on disk nor in the image: they may be the application's own.
func (s *comparison) read(ctx context.Context, image *plan.Image, c Container, base, diff map[string]string) (map[string]string, error) {
	files, remotes := covered(image, base, diff)
	r := &reading{said: slices.Repeat([]string{Unsure}, len(files))}
	if len(files) > 0 {
		input := strings.Join(remotes, "\n") + "\nend\n"
		code, err := s.Streams.Exec(ctx, c, []string{"sh", "-c", readScript}, []byte(input), r.line)
		switch {
		case errors.Is(err, ErrNoTools): // nor can anything have been synced into it
			return nil, nil
		case err != nil:
			return nil, err
		case code == killed:
			return nil, failure.TransientError(fmt.Errorf("sh was killed in container %s", c.Name), "looking at the files in a container was cut short")
		}
		if code != 0 || !r.ended {
			r.said = slices.Repeat([]string{Unsure}, len(files))
		}
	}
	holds := map[string]string{}
	for i, file := range files {
		now, differs := diff[file]
		if !differs {
			now = base[file]
		}
		if mark := readMark(r.said[i], now); mark != base[file] {
			holds[file] = mark
		}
	}
	return holds, nil
}

// covered returns the files that syncs cover, of those that are or were on disk, and where they are in containers: for one
// with a line break in its name it names a folder, of which a container does not say what it holds.
func covered(image *plan.Image, base, diff map[string]string) (files, remotes []string) {
	all := maps.Clone(base)
	maps.Copy(all, diff)
	for _, file := range slices.Sorted(maps.Keys(all)) {
		if !Covers(image, file) {
			continue
		}
		remote, _ := destination(image, file)
		if strings.Contains(remote, "\n") {
			remote = "/"
		}
		files, remotes = append(files, file), append(remotes, path.Clean("/"+remote))
	}
	return files, remotes
}

// readMark turns what a container says of a file into a mark: now, that of the file on disk, if they are the same.
//
// Permissions count only where the file cannot be executed and should be. That the image has others is often meant (COPY
// --chmod) or because of the umask of whoever unpacked it; to take it for a change would sync all files and run all steps.
func readMark(said, now string) string {
	kind, digest := said[:1], said[1:]
	switch {
	case kind == "-":
		return ""
	case digest == "": // among others, Unsure
		return Unsure
	}
	want, perm, _ := strings.Cut(now, ":")
	mode, err := strconv.ParseUint(perm, 8, 32)
	executable := err == nil && mode&0o111 != 0
	if want != "" && strings.HasPrefix(digest, want) && (kind != "f" || !executable) {
		return now
	}
	return fmt.Sprintf("%.32s:%s", digest, kind)
}
