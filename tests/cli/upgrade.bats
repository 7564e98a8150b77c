#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# upgrade.bats - records outlive upgrades: what an older bench ran (first_record.sql, see make_first_record.sh) is not run again.

load ../run_helper

old_record() {
    mkdir -p results
    python3 - "$BATS_TEST_DIRNAME/first_record.sql" results/bench.db <<'PY'
import sqlite3, sys
sqlite3.connect(sys.argv[2]).executescript(open(sys.argv[1]).read())
PY
}

@test "a sweep that an older bench finished has nothing to do" {
    old_record
    run "$BENCH" run "$BATS_TEST_DIRNAME/../../experiments/sweeps/smoke.yaml"
    is "$status" 0
    has "$output" "smoke: nothing to do"
    is "$(q "SELECT count(*) FROM run")" 37
}

@test "a key that came later makes a run new where it is not its default" {
    old_record
    run "$BENCH" run "$BATS_TEST_DIRNAME/../../experiments/sweeps/smoke.yaml" --set test.rows=0 --dry-run
    is "$status" 0
    is "$(grep -c "(done)$" <<<"$output")" 37
    run "$BENCH" run "$BATS_TEST_DIRNAME/../../experiments/sweeps/smoke.yaml" --set test.rows=7 --dry-run
    is "$status" 0
    is "$(grep -c "(done)$" <<<"$output")" 0
    has "$output" "37  "
}
