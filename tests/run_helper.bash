# SPDX-License-Identifier: Apache-2.0
# run_helper.bash - for the tests of `bench run`: a folder of one's own, a sweep of five tiny runs, queries on the record.

setup() {
    BENCH=${BENCH:-$BATS_TEST_DIRNAME/../../bench}
    dir=$(mktemp -d)
    cd "$dir" || return 1
    export XDG_CACHE_HOME=$dir/cache
    unset BENCH_TEST_WORKER
    sweep t.yaml
}

teardown() {
    [ -z "${pid:-}" ] || kill -9 "$pid" 2>/dev/null || true
    cd / && rm -rf "$dir"
}

# Five runs of a tenth of a second: none, lora at two ranks and two seeds. Index 0 is the base.
sweep() {
    cat >"$1" <<'YAML'
name: t
base:
  model: smoke
  task: lm
  data: {name: smoke}
  train: {steps: 4, batch_size: 2, lr: 1.0e-3, max_length: 32}
  eval: {rows: 4}
  target_modules: [q_proj, v_proj]
seeds: [0, 1]
variants:
  - {method: none}
  - {method: lora, parameters: {r: [1, 2]}}
YAML
}

# q SQL: rows of the record, columns joined by '|'.
q() {
    python3 - "$1" "${2:-results/bench.db}" <<'PY'
import sqlite3, sys
for row in sqlite3.connect("file:%s?mode=ro" % sys.argv[2], uri=True).execute(sys.argv[1]):
    print("|".join("" if x is None else str(x) for x in row))
PY
}

# until_true COMMAND...: at most 20 seconds.
until_true() {
    for _ in $(seq 200); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    echo "never true: $*"
    return 1
}

is() { [ "$1" = "$2" ] || { echo "is '$1', should be '$2'"; return 1; }; }
has() { [[ $1 == *"$2"* ]] || { echo "lacks '$2': $1"; return 1; }; }
lacks() { [[ $1 != *"$2"* ]] || { echo "has '$2': $1"; return 1; }; }
