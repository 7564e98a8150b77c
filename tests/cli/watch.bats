#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# watch.bats - bench status --watch: a running sweep in the terminal.

load ../run_helper

@test "a running sweep is drawn until it ends, with states, curves, time left and memory" {
    BENCH_TEST_WORKER=sleep:3 "$BENCH" run t.yaml -j 1 >log 2>&1 3>&- &
    pid=$!
    until_true test -s results/bench.db
    timeout 60 "$BENCH" status --watch --interval 0.2 >seen 3>&- &
    watcher=$!
    until_true grep -q "60 %" seen # the fourth of five sleeps
    kill -INT "$pid"
    wait "$watcher" # it ends with the sweep, and well
    output=$(cat seen)
    has "$output" "sweep t: "
    has "$output" "1 running"
    has "$output" "memory: "
    has "$output" "resident in 1 worker"
    has "$output" "latest, eval/loss"
    has "$output" "interrupted"
}

@test "without a runner it draws once; on a terminal it stays within the width" {
    "$BENCH" run t.yaml >/dev/null
    run "$BENCH" status --watch
    is "$status" 0
    is "$(grep -c 'sweep t' <<<"$output")" 1
    command -v script >/dev/null || skip "no script"
    script -qec "stty cols 44 rows 24; $BENCH status --watch" typescript </dev/null >/dev/null || skip "no pseudo-terminal"
    python3 - <<'PY'
import re
text = open("typescript", encoding="utf-8", errors="replace").read()
lines = [re.sub(r"\x1b\[[HJ]", "", line.rstrip("\r\n")) for line in text.splitlines() if not line.startswith("Script ")]
assert any("sweep t" in line for line in lines)
assert max(map(len, lines)) <= 44, lines
PY
}

@test "an interval that is none, and --json with it, are refused" {
    "$BENCH" run t.yaml >/dev/null
    run "$BENCH" status --watch --interval 0
    is "$status" 2
    run "$BENCH" status --watch --json
    is "$status" 2
    run "$BENCH" status --watch --db none.db
    is "$status" 3
}
