#!/usr/bin/env bash
# Every check that needs no running system. All steps run even if one fails, so that one run shows everything.
# Called by `make lint`, which sets GOFLAGS and CGO_ENABLED.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

tool=(go tool -modfile=dev/tools/go.mod)
failed=()

# step NAME COMMAND... runs the command, says how long it took and remembers a failure.
step() {
  local name=$1 from=$SECONDS
  shift
  printf '== %s\n' "$name"
  "$@" || failed+=("$name")
  printf '   %ds\n' $((SECONDS - from))
}

# unformatted prints what `make fmt` would change in any module of the tree; `golangci-lint run` sees the root module only.
unformatted() {
  local diff
  diff=$("${tool[@]}" golangci-lint fmt --diff) || { printf '%s\n' "$diff"; return 1; }
  [ -z "$diff" ] || { printf '%s\n' "$diff"; return 1; }
}

# modules prints the folder of each go.mod, asking git so that clones of other projects under ignored folders do not count.
modules() {
  { git ls-files --cached --others --exclude-standard -- 'go.mod' '**/go.mod' 2>/dev/null || find . -name go.mod; } |
    sort -u | while read -r file; do [ ! -f "$file" ] || dirname "$file"; done
}

# tidy fails if go.mod or go.sum of a module does not say exactly what its code needs.
tidy() { (cd "$1" && go mod tidy -diff); }

# The configuration is not checked with `golangci-lint config verify`: it fetches its schema from the network.
step "golangci-lint" "${tool[@]}" golangci-lint run
step "formatting" unformatted
step "workflowcheck" "${tool[@]}" workflowcheck ./workflows/...
for module in $(modules); do
  step "go mod tidy: $module" tidy "$module"
done
# Import directions, dependency versions, package comments, registry hosts and the patterns of .golangci.yml itself.
step "conventions" go test -count=1 ./internal/conventions

if [ ${#failed[@]} -gt 0 ]; then
  printf 'lint failed:'
  printf ' [%s]' "${failed[@]}"
  printf '\n'
  exit 1
fi
echo "lint: all passed"
