#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# plan.bats - `bench plan`: what it predicts is what a run measures, what it may run, and what it marks.

load ../run_helper

# j PYTHON: an expression over the plan's JSON in $output.
j() { python3 -c 'import json,sys; p=json.load(sys.stdin); r=p["runs"]; t=p["totals"]; print('"$1"')' <<<"$output"; }

@test "bench plan lists every run and the sums, and runs nothing with --no-calibrate" {
    run "$BENCH" plan t.yaml --no-calibrate
    is "$status" 0
    has "$output" "lora r=2 seed 1"
    has "$output" "5 runs to do, 0 done"
    has "$output" "5 runs are not measured"
    [ ! -e results ]
    run "$BENCH" plan t.yaml --no-calibrate --json
    is "$(j 'len(r), t["to_run"], t["unmeasured"], set(x["time_s"] for x in r)')" "5 5 5 {None}"
    run "$BENCH" plan t.yaml --no-calibrate --csv
    is "$(wc -l <<<"$output")" 6
    has "$(head -n 1 <<<"$output")" "peak_bytes,base_at_peak,param_at_peak"
}

@test "what is planned is what runs measure, to the byte: parameters, memory by category, checkpoints" {
    sed -i 's/{method: none}/{method: [none, full]}/; s/method: lora,/method: [lora, lora_fa, delta_lora, vera],/' t.yaml
    echo "save: all" >>t.yaml
    output=$("$BENCH" plan t.yaml --threads 1 --no-calibrate --json 2>/dev/null) # vera and delta_lora warn
    sum=$(j 'sum(x["peak_bytes"] for x in r), sum(x["trainable"] for x in r), sum(x["checkpoint_bytes"] or 0 for x in r),
        sum(x["checkpoint_bytes_min"] or 0 for x in r), sum(x["tokens"] for x in r), sum(x["act_at_peak"] for x in r)')
    stored=$(j 't["checkpoint_bytes"]')
    "$BENCH" run t.yaml --threads 1
    is "$(q 'select sum(peak_bytes), sum(trainable), sum(checkpoint_bytes), sum(checkpoint_bytes_min), sum(tokens),
        (select sum(at_peak) from memory where category = "act") from runs' | tr '|' ' ')" "$sum"
    is "$(q 'select sum(bytes) from checkpoint')" "$stored"
}

@test "one calibration per shape is run, kept, and not repeated; nothing of the sweep is run" {
    run "$BENCH" plan t.yaml
    is "$status" 0
    has "$output" "calibrating 1 of 3: none"
    lacks "$output" "not measured"
    is "$(q 'select count(*), sum(calibration) from speed')" "3|3"
    is "$(q 'select count(*) from run')" 0
    [ ! -e results/checkpoints ]
    run "$BENCH" plan t.yaml --set train.lr=0.5
    is "$status" 0
    run "$BENCH" plan t.yaml --json --no-calibrate
    is "$(j 'all(x["time_s"] > 0 for x in r), t["work_s"] > 0, t["wall_s"] > 0')" "True True True"
    is "$(q 'select count(*) from speed')" 3
}

@test "runs that had the machine to themselves are a measurement too" {
    sed -i 's/steps: 4/steps: 20/' t.yaml
    "$BENCH" run t.yaml -j 1 --threads 1
    is "$(q 'select count(*), sum(calibration) from speed')" "3|0"
    run "$BENCH" plan t.yaml --threads 1 --no-calibrate --json
    is "$(j 't["done"], t["to_run"], t["unmeasured"]')" "5 0 0"
    # the time of a finished run is predicted well even where tests share the machine
    is "$(j "0.2 < sum(x['time_s'] for x in r) / $(q 'select sum(total_s) from runs') < 5")" True
}

@test "what can never fit is marked, and not calibrated" {
    echo "limits: {memory: 1MB}" >>t.yaml
    run "$BENCH" plan t.yaml
    is "$status" 0
    has "$output" "cannot fit"
    has "$output" "limits.memory is 976.6 KiB"
    has "$output" "5 of them will not complete"
}

@test "plan and run refuse the same runs for memory, in the same words" {
    peak=$("$BENCH" plan t.yaml --no-calibrate --threads 1 --json | python3 -c 'import json,sys; print(max(r["peak_bytes"] for r in json.load(sys.stdin)["runs"]))')
    for limit in 1000000 $((peak - 1)) "$peak" $((peak + 1000000)); do
        for threads in "" "--threads 1"; do
            "$BENCH" plan t.yaml --no-calibrate $threads --set limits.memory="$limit" --json |
                python3 -c 'import json,sys; [print(r["problem"]) for r in json.load(sys.stdin)["runs"] if r["problem"]]' | sort >planned
            "$BENCH" run t.yaml $threads --set limits.memory="$limit" --db "$limit.$threads.db" >/dev/null || true
            q "SELECT error FROM runs WHERE state = 'oom'" "$limit.$threads.db" | sort >refused
            cmp planned refused
            is "$(q "SELECT count(*) FROM runs WHERE state NOT IN ('oom', 'complete')" "$limit.$threads.db")" 0
        done
    done
}

@test "what will not end within limits.time is marked" {
    "$BENCH" plan t.yaml
    echo "limits: {time: 0.0001}" >>t.yaml
    run "$BENCH" plan t.yaml --no-calibrate
    is "$status" 0
    has "$output" "limits.time is 0.0 s"
}

@test "with save: none no checkpoint takes disk" {
    echo "save: none" >>t.yaml
    run "$BENCH" plan t.yaml --no-calibrate --json
    is "$(j 't["checkpoint_bytes"]')" 0
}

@test "what cannot even be planned is marked: no address space" {
    (ulimit -v 2000000 && "$BENCH" --version) >/dev/null 2>&1 || skip "this build needs more to start"
    run bash -c "ulimit -v 2000000; '$BENCH' plan t.yaml --set train.batch_size=100000"
    is "$status" 0
    has "$output" "cannot be planned: oom: no address space"
    has "$output" "ulimit -v"
}

@test "beside a running bench run nothing is measured" {
    BENCH_TEST_WORKER=sleep:3 "$BENCH" run t.yaml >log 2>&1 3>&- &
    pid=$!
    until_true test -s results/bench.db.lock
    run "$BENCH" plan t.yaml --set r=4
    is "$status" 0
    has "$output" "nothing is calibrated"
    has "$output" "pid $pid"
    kill -INT "$pid"
    wait "$pid" || true
    pid=
}

@test "Ctrl-C ends a calibration with 130" {
    BENCH_TEST_WORKER=sleep:1 "$BENCH" plan t.yaml >log 2>&1 3>&- &
    pid=$!
    until_true grep -q "calibrating 2" log
    kill -INT "$pid"
    status=0
    wait "$pid" || status=$?
    pid=
    is "$status" 130
    lacks "$(cat log)" "to run"
}

@test "mistakes of bench plan exit with 2" {
    for args in "" "t.yaml extra" "t.yaml -j 0" "t.yaml --threads x" "t.yaml --nonsense" "t.yaml --set x" "nowhere.yaml"; do
        # shellcheck disable=SC2086
        run "$BENCH" plan $args
        is "$status" 2
        [ -n "$output" ]
    done
    [ ! -e results ]
}
