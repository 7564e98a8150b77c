#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# stop.bats - what can happen to a sweep: Ctrl-C, kill -9, crashing, hanging and starving workers, a second runner.
# BENCH_TEST_WORKER is documented in harness/sched/worker.h.

load ../run_helper

# Start `bench run t.yaml ARGS` in the background with the run of index 3 asleep; returns when it sleeps.
start_sleeping() {
    BENCH_TEST_WORKER=${hook:-sleep}:3 "$BENCH" run t.yaml "$@" >log 2>&1 3>&- &
    pid=$!
    until_true asleep
}
asleep() { [ "$(q 'select count(*) from runs where state = "running" and run_id in (select run from metric)')" = 1 ] && [ "$(q 'select count(*) from runs where state = "complete"')" = 4 ]; }

# The first child of a process, by /proc: procps may not be installed.
child_of() {
    for s in /proc/[0-9]*/stat; do
        sed -n "s/^\([0-9]*\) (.*) [A-Z] $1 .*/\1/p" "$s" 2>/dev/null
    done | head -n 1
}

finish() {
    status=0
    wait "$pid" || status=$?
    pid=
}

@test "Ctrl-C closes the rows, says how to continue, exits with 130; the same command continues" {
    start_sleeping
    kill -INT "$pid"
    finish
    is "$status" 130
    has "$(cat log)" "The same command continues: bench run t.yaml"
    has "$(cat log)" "1 run is left"
    is "$(q 'select state, count(*) from runs group by 1 order by 1')" $'complete|4\ninterrupted|1'
    run "$BENCH" run t.yaml
    is "$status" 0
    has "$output" "4 of 5 runs are done already"
    is "$(q 'select count(*) from runs where state = "complete"')" 5
    is "$(q 'select count(*) from run')" 6
}

@test "a second Ctrl-C kills a worker that does not listen" {
    hook=hang start_sleeping
    kill -INT "$pid"
    sleep 0.5
    kill -0 "$pid"
    kill -INT "$pid"
    finish
    is "$status" 130
    is "$(q 'select state, count(*) from runs group by 1 order by 1')" $'complete|4\ninterrupted|1'
}

@test "SIGTERM and SIGHUP stop like Ctrl-C, and so do the notices of batch systems" {
    start_sleeping
    kill -HUP "$pid"
    finish
    is "$status" 130
    for sig in USR1 USR2; do
        start_sleeping --new
        kill -"$sig" "$(child_of "$pid")" # those go to all processes of a job
        kill -"$sig" "$pid"
        finish
        is "$status" 130
        has "$(cat log)" "The same command continues"
    done
    start_sleeping --new
    kill -TERM "$pid"
    finish
    is "$status" 130
}

@test "kill -9 of the runner takes its workers along; nothing finished is lost or repeated" {
    start_sleeping
    worker=$(child_of "$pid")
    [ -n "$worker" ]
    kill -9 "$pid"
    finish
    until_true bash -c "! kill -0 $worker"
    run "$BENCH" status
    has "$output" "nobody is running"
    is "$("$BENCH" ls runs --where "state = 'running'" --json)" "[]"
    is "$("$BENCH" ls runs --where "state = 'interrupted'" --csv | wc -l)" 2
    is "$("$BENCH" status --json | python3 -c 'import json,sys; s=json.load(sys.stdin)["sweeps"][0]; print(s["running"], s["interrupted"])')" "0 1"
    run "$BENCH" run t.yaml
    is "$status" 0
    has "$output" "4 of 5 runs are done already"
    is "$(q 'select state, count(*) from run group by 1 order by 1')" $'complete|5\ninterrupted|1'
    is "$(q 'select count(*) from runs where state = "complete"')" 5
}

@test "a second bench run is refused with pid and host, exit code 3; --wait waits" {
    start_sleeping
    run "$BENCH" run t.yaml
    is "$status" 3
    has "$output" "pid $pid"
    has "$output" "$(uname -n)"
    run "$BENCH" status
    has "$output" "pid $pid"
    "$BENCH" run t.yaml --wait >log2 2>&1 3>&- &
    second=$!
    sleep 0.3
    kill -INT "$pid"
    finish
    wait "$second"
    is "$(q 'select count(*) from runs where state = "complete"')" 5
}

@test "a worker that crashes is a failed row with its signal; the sweep goes on; exit code 1; it is tried again" {
    BENCH_TEST_WORKER=segv:2 run "$BENCH" run t.yaml
    is "$status" 1
    is "$(q 'select state, count(*) from runs group by 1 order by 1')" $'complete|4\nfailed|1'
    has "$(q 'select error from runs where state = "failed"')" "signal 11 (Segmentation fault)"
    has "$(q 'select error from runs where state = "failed"')" "test hook"
    [ "$(q 'select count(*) from metric where run = (select run_id from runs where state = "failed")')" -ge 1 ]
    run "$BENCH" run t.yaml
    is "$status" 0
    is "$(q 'select count(*) from runs where state = "complete"')" 5
}

@test "a worker that leaves without a result is a failed row" {
    BENCH_TEST_WORKER=exit:1 run "$BENCH" run t.yaml
    is "$status" 1
    has "$(q 'select error from runs where state = "failed"')" "code 7"
}

@test "a worker that is killed is failed, or oom where the kernel may have done it" {
    BENCH_TEST_WORKER=kill:4 run "$BENCH" run t.yaml
    is "$status" 1
    has "failed oom" "$(q 'select state from runs where state != "complete"')"
    has "$(q 'select error from runs where state != "complete"')" "killed by"
}

@test "a worker that somebody ends by SIGTERM starts again: no sweep ends well with a run missing" {
    start_sleeping
    kill -TERM "$(child_of "$pid")"
    until_true sh -c "[ \"\$(grep -c 'started again' log)\" = 1 ]"
    until_true asleep_again
    kill -TERM "$(child_of "$pid")"
    until_true sh -c "[ \"\$(grep -c 'started again' log)\" = 2 ]"
    until_true asleep_again
    kill -TERM "$(child_of "$pid")"
    finish
    is "$status" 1
    is "$(q 'select state, count(*) from run group by 1 order by 1')" $'complete|4\nfailed|1\ninterrupted|2'
    has "$(q "select error from runs where state = 'failed'")" "SIGTERM that bench did not send"
    run "$BENCH" run t.yaml
    is "$status" 0
    is "$(q 'select count(*) from runs where state = "complete"')" 5
}
# the attempt that is running has told something
asleep_again() { [ "$(q "select count(*) from run where state = 'running' and id in (select run from metric)")" = 1 ]; }

@test "a record that is moved or deleted under way is noticed within a second or two: exit code 3, its fate told" {
    for fate in "mv results/bench.db moved.db|was moved to $dir/moved.db" "rm results/bench.db|was deleted" \
                "cp results/bench.db x; mv x results/bench.db|was replaced"; do
        rm -rf results moved.db
        start_sleeping
        worker=$(child_of "$pid")
        begun=$SECONDS
        eval "${fate%%|*}"
        finish
        is "$status" 3
        has "$(cat log)" "${fate#*|}"
        has "$(cat log)" "what this command has run (4 runs)"
        [ $((SECONDS - begun)) -le 4 ]
        ! kill -0 "$worker"
    done
    # what was moved holds what had finished
    rm -rf results
    start_sleeping
    mv results/bench.db moved.db
    finish
    is "$(q 'select count(*) from runs where state = "complete"' moved.db)" 4
}

@test "two names of one record are one record: the second bench run is refused" {
    start_sleeping
    rm results/bench.db.lock
    ln -s results/bench.db link.db
    run "$BENCH" run t.yaml --db link.db
    is "$status" 3
    has "$output" "running on"
    kill -INT "$pid"
    finish
}

@test "several workers may die in one sweep" {
    BENCH_TEST_WORKER=segv:1,exit:2,segv:3,kill:4 run "$BENCH" run t.yaml
    is "$status" 1
    is "$(q 'select count(*) from runs where state = "complete"')" 1
    run "$BENCH" run t.yaml
    is "$status" 0
}

@test "a worker that hangs over its time limit is killed: timeout, exit code 1" {
    echo "limits: {time: 1}" >>t.yaml
    BENCH_TEST_WORKER=hang:2 run "$BENCH" run t.yaml
    is "$status" 1
    is "$(q 'select state from runs where state != "complete"')" timeout
    has "$(q 'select error from runs where state != "complete"')" "limits.time"
}

@test "a run ends by itself after the step in which its time is up: timeout, with what it did" {
    echo "limits: {time: 0.5}" >>t.yaml
    run "$BENCH" run t.yaml --set train.steps=1000000 --set seeds=0 --set r=1
    is "$status" 1
    is "$(q 'select state, count(*) from runs group by 1 order by 1')" $'complete|1\ntimeout|1'
    [ "$(q 'select steps from runs where state = "timeout"')" -ge 1 ]
    has "$(q 'select error from runs where state = "timeout"')" "over limits.time, 0.5 s"
    is "$(q 'select total_s < 20 from runs where state = "timeout"')" 1
}

@test "a run that cannot fit limits.memory is an oom row that never started" {
    echo "limits: {memory: 1MB}" >>t.yaml
    run "$BENCH" run t.yaml
    is "$status" 1
    is "$(q 'select state, count(*) from runs group by 1')" "oom|5"
    has "$(q 'select error from runs limit 1')" "limits.memory"
    is "$(q 'select count(*) from metric')" 0
    sed -i 's/1MB/1GiB/' t.yaml
    run "$BENCH" run t.yaml
    is "$status" 0
}

@test "a run that diverges is a result: state nan, exit code 0, not repeated" {
    # decay multiplies what is trained by -1e9 in every step
    diverge=(--set train.lr=1e6 --set train.weight_decay=1e3 --set train.steps=12 --set train.schedule=constant)
    run "$BENCH" run t.yaml "${diverge[@]}"
    is "$status" 0
    is "$(q 'select state, count(*) from runs group by 1 order by 1')" $'complete|1\nnan|4'
    run "$BENCH" run t.yaml "${diverge[@]}"
    is "$status" 0
    has "$output" "5 of 5 runs are done already"
}

@test "the number of workers and threads changes nothing but the time" {
    "$BENCH" run t.yaml -j 1 --threads 1 --db a.db
    "$BENCH" run t.yaml -j 3 --threads 2 --db b.db
    sql='select method, r, seed, train_loss, eval_loss, peak_bytes, peak_bytes_predicted - peak_bytes from runs order by 1, 2, 3'
    is "$(q "$sql" a.db)" "$(q "$sql" b.db)"
}
