#!/usr/bin/env bash
# Runs the tests or the benchmarks of the root module and sets up what they need. Called by the Makefile, which sets GOFLAGS,
# CGO_ENABLED and TEST_TIMEOUT.
#
#   dev/tools/test.sh test [package pattern]     every test, with the race detector where it is affordable
#   dev/tools/test.sh bench [package pattern]    Go benchmarks, then dev/bench/server
#   dev/tools/test.sh stop                       stop the envflow server that the tests of this checkout share
set -euo pipefail
cd "$(dirname "$0")/../.."

mode=${1:?test, bench or stop}
pattern=${2:-./...}

# A test binary that links one of these takes minutes to compile and gigabytes to link with the race detector, and the races
# would be theirs: packages that need them are tested without it.
heavy='go\.temporal\.io/server|helm\.sh/helm/v3/pkg/action|github\.com/docker/compose'

# internal/testenv starts one server for all packages on demand and nobody in Go knows which package is the last.
stop_server() {
  [ -x bin/envflow ] && [ -d .testenv/state ] || return 0
  ENVFLOW_STATE_DIR=$PWD/.testenv/state timeout 60 bin/envflow server stop </dev/null ||
    echo "test.sh: the envflow server of .testenv/state could not be stopped" >&2
}

# say prints what happens next, apart from the output of go test.
say() { printf '\n== %s\n' "$*"; }

# packages prints "<kind> <import path>" for each package of the pattern; the kind is race or plain. For a test binary, go list
# knows all it links, test files included; a package without tests is plain, so that it is compiled at least.
packages() {
  go list -test -f '{{.ImportPath}}{{if eq .Name "main"}} {{join .Deps " "}}{{end}}' "$pattern" | awk -v heavy="^($heavy)(/|$)" '
    $1 ~ /\.test$/ {
      name = $1; sub(/\.test$/, "", name); kind[name] = "race"
      for (i = 2; i <= NF; i++) if ($i ~ heavy) { kind[name] = "plain"; break }
      next
    }
    $0 !~ / \[/ && !($1 in kind) { kind[$1] = "plain" }
    END { for (name in kind) print kind[name], name }' | sort
}

# have_compiler reports whether the race detector can be linked; on a bare Debian machine it installs what is missing.
have_compiler() {
  command -v "${CC:-gcc}" >/dev/null && return 0
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  say "installing gcc, which the race detector needs"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev
}

# cluster gives the end-to-end tests a cluster, or says that they do not run.
cluster() {
  if [ -n "${ENVFLOW_TEST_CONTEXT:-}" ]; then
    say "end-to-end tests use the kube context $ENVFLOW_TEST_CONTEXT"
  elif [ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "testbed"
    go run ./dev/testbed up
  else
    say "END-TO-END TESTS DO NOT RUN: the testbed needs Debian and root; name a cluster of yours in ENVFLOW_TEST_CONTEXT"
  fi
}

run_tests() {
  local listed race plain failed=0
  cluster
  listed=$(packages)
  race=$(awk '$1 == "race" {print $2}' <<<"$listed")
  plain=$(awk '$1 == "plain" {print $2}' <<<"$listed")
  if [ -n "$race" ] && ! have_compiler; then
    say "WITHOUT THE RACE DETECTOR: no C compiler on this machine"
    plain="$race $plain" race=
  fi
  # Both halves run, so that one failure does not hide another. -count=1: Go would take a test's result from its cache although
  # the testbed or the envflow binary, which it cannot see, have changed.
  if [ -n "$race" ]; then
    say "tests with the race detector: $(wc -w <<<"$race") packages"
    # shellcheck disable=SC2086 # a list of import paths
    CGO_ENABLED=1 go test -race -count=1 -shuffle=on -timeout "${TEST_TIMEOUT:-15m}" $race || failed=1
  fi
  if [ -n "$plain" ]; then
    say "tests without it (they link Temporal's server, helm's actions or compose, or have no tests): $(wc -w <<<"$plain") packages"
    # shellcheck disable=SC2086
    go test -count=1 -shuffle=on -timeout "${TEST_TIMEOUT:-15m}" $plain || failed=1
  fi
  run_fuzzing || failed=1
  if [ "$pattern" = ./... ]; then
    # Modules of their own, which ./... does not reach.
    for module in examples/*/go.mod; do
      say "tests of ${module%/go.mod}"
      (cd "${module%/go.mod}" && go vet ./... && go test -count=1 -shuffle=on ./...) || failed=1
    done
  fi
  return $failed
}

# run_fuzzing tries each fuzz target of the Tiltfile's language with some thousand inputs that nobody thought of. All seeds, those of
# other rooms too, have run with the tests: what links the server would have to be compiled anew for this, which takes minutes.
run_fuzzing() {
  local name dir target failed=0
  while read -r name dir; do
    while read -r target; do
      say "fuzzing $target of $name"
      go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZ:-2000x}" -fuzzminimizetime 200x -timeout 5m "$name" || failed=1
    done < <(cat "$dir"/*_test.go | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(f \*testing.F).*/\1/p')
  done < <(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' "$pattern" | grep '/starlark' | awk 'NF')
  return $failed
}

run_benchmarks() {
  local with
  with=$(go list -f '{{$p := .}}{{range .TestGoFiles}}{{$p.ImportPath}} {{$p.Dir}}/{{.}}
{{end}}{{range .XTestGoFiles}}{{$p.ImportPath}} {{$p.Dir}}/{{.}}
{{end}}' "$pattern" | while read -r name file; do
    [ -z "$name" ] || ! grep -q '^func Benchmark' "$file" || echo "$name"
  done | sort -u)
  if [ -n "$with" ]; then
    # shellcheck disable=SC2086
    go test -run '^$' -bench . -benchmem -timeout "${TEST_TIMEOUT:-15m}" $with
  else
    say "no package of $pattern has a benchmark"
  fi
  if [ -n "$(find dev/bench/server -name '*.go' 2>/dev/null)" ]; then
    say "embedded server"
    go run ./dev/bench/server
  fi
}

case $mode in
  test) trap stop_server EXIT; run_tests ;;
  bench) trap stop_server EXIT; run_benchmarks ;;
  stop) stop_server ;;
  *) echo "test.sh: unknown mode $mode" >&2; exit 2 ;;
esac
