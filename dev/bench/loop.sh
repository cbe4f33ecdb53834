#!/bin/sh
# loop.sh [N...]: measures the dev loop of bin/envflow with N services each (1 and 20), on the testbed. It prints two JSON
# lines for each: up and live updates; and up again with nothing changed. The figures are bench.py's, server included.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
: "${KUBECONFIG:=$root/.testbed/kubeconfig}"
export KUBECONFIG
scratch=$(mktemp -d)
ENVFLOW_STATE_DIR=$scratch/state
export ENVFLOW_STATE_DIR
envflow=$root/bin/envflow
server_pid="cat $ENVFLOW_STATE_DIR/server/pid"
clean() {
	"$envflow" server stop >/dev/null 2>&1 || true
	rm -rf "$scratch"
}
trap clean EXIT
trap 'exit 130' INT TERM

[ $# -gt 0 ] || set -- 1 20
for n in "$@"; do
	project=$scratch/bench$n
	python3 "$root/dev/bench/gen.py" "$n" "$project"
	python3 "$root/dev/bench/bench.py" --project "$project" --services "$n" --pids "$server_pid" --log "$scratch/up.log" \
		-- "$envflow" up || { tail -n 40 "$scratch/up.log" >&2; exit 1; }
	# The worker and its server are there in an instant, so that what is measured is the comparison.
	python3 "$root/dev/bench/bench.py" --project "$project" --services "$n" --edits 0 --idle 0 --no-revert --pids "$server_pid" \
		--log "$scratch/again.log" -- "$envflow" up | sed 's/^{/{"again": true, /'
	(cd "$project" && timeout 120 "$envflow" down >/dev/null 2>&1)
done
