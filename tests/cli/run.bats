#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run.bats - the command line of bench and of `bench run`: options, mistakes, exit codes, what is printed.

load ../run_helper

@test "bench --help lists the commands, bench --version says what this is" {
    run "$BENCH" --help
    is "$status" 0
    has "$output" "doctor"
    lacks "$output" "worker"
    run "$BENCH" --version
    is "$status" 0
    has "$output" "bench 0."
}

@test "without a command bench explains itself with exit code 2" {
    run "$BENCH"
    is "$status" 2
    has "$output" "usage: bench COMMAND"
}

@test "an unknown command gets a suggestion" {
    run "$BENCH" rnu
    is "$status" 2
    has "$output" "did you mean 'run'?"
}

@test "the hidden command worker refuses what is not a job" {
    run "$BENCH" worker </dev/null
    is "$status" 2
    has "$output" "started by \`bench run\`"
    run "$BENCH" worker <<<'{"config": 3}'
    is "$status" 2
}

@test "bad options of bench run exit with 2" {
    for args in "" "t.yaml extra" "t.yaml -j 0" "t.yaml -j x" "t.yaml --threads 1000" "t.yaml --nonsense" "t.yaml --set x"; do
        # shellcheck disable=SC2086
        run "$BENCH" run $args
        is "$status" 2
        [ -n "$output" ]
    done
    [ ! -e results ]
}

@test "a missing sweep file exits with 2 and names it" {
    run "$BENCH" run nowhere.yaml
    is "$status" 2
    has "$output" "nowhere.yaml"
}

@test "a mistake in the file exits with 2, says where, and nothing runs" {
    sed -i 's/batch_size/batch_sise/' t.yaml
    run "$BENCH" run t.yaml
    is "$status" 2
    has "$output" "t.yaml:6: "
    has "$output" "did you mean"
    [ ! -e results ]
}

@test "a target that matches nothing is found before anything runs" {
    run "$BENCH" run t.yaml --set target_modules=no_such_proj
    is "$status" 2
    has "$output" "no_such_proj"
    [ ! -e results ] || is "$(q 'select count(*) from run')" 0
}

@test "--dry-run lists the runs and writes nothing" {
    run "$BENCH" run t.yaml --dry-run
    is "$status" 0
    has "$output" "none"
    has "$output" "lora r=2 seed 1"
    has "$output" "5 runs, 0 done, 5 to run"
    [ ! -e results ]
}

@test "a sweep runs, is recorded, and the same command does nothing more" {
    run "$BENCH" run t.yaml
    is "$status" 0
    has "$output" "[5/5]"
    has "$output" "complete"
    is "$(q 'select count(*), sum(state = "complete"), min(base_eval_loss > 0) from runs')" "5|5|1"
    [ -e "$(q 'select checkpoint_path from runs where method = "lora" limit 1')/adapter_model.safetensors" ]
    run "$BENCH" run t.yaml
    is "$status" 0
    has "$output" "5 of 5 runs are done already"
    is "$(q 'select count(*) from run')" 5
    run "$BENCH" run t.yaml --dry-run
    has "$output" "5 done, 0 to run"
}

@test "only what is missing runs after the sweep has grown" {
    "$BENCH" run t.yaml
    sed -i 's/r: \[1, 2\]/r: [1, 2, 4]/' t.yaml
    run "$BENCH" run t.yaml
    is "$status" 0
    has "$output" "5 of 7 runs are done already"
    is "$(q 'select count(*) from run')" 7
}

@test "--new repeats everything as new attempts" {
    "$BENCH" run t.yaml
    run "$BENCH" run t.yaml --new
    is "$status" 0
    is "$(q 'select count(*), max(attempt) from run')" "10|2"
    is "$(q 'select count(*) from runs')" 5
    # same seed, same bits
    is "$(q 'select count(distinct eval_loss) from run group by point, seed order by 1 desc limit 1')" 1
}

@test "without a terminal there are lines and no control characters" {
    run "$BENCH" run t.yaml
    lacks "$output" $'\033'
    lacks "$output" $'\r'
    is "$(grep -c '^\[./5\] ' <<<"$output")" 5
}

@test "on a terminal the block is redrawn in place and the finished runs stay" {
    script -qec true /dev/null >/dev/null 2>&1 </dev/null || skip "script(1) finds no pseudo-terminal here"
    BENCH_TEST_WORKER=sleep:2 TERM=xterm timeout -s TERM 60 script -qec "stty cols 70; $BENCH run t.yaml & sleep 4; kill -TERM \$!; wait" typescript >/dev/null || true
    run cat typescript
    has "$output" $'\033['
    has "$output" "runs done"
    has "$output" "eval/loss"
    # no line that was drawn is wider than the terminal
    drawn=$(sed 's/\x1b\[[0-9]*[A-Z]//g; s/\r//g' typescript | grep -E 'runs done|step |starting' | awk '{ if (length($0) > m) m = length($0) } END { print m + 0 }')
    [ "$drawn" -gt 0 ] && [ "$drawn" -le 70 ]
}

@test "--set replaces a value and its axis" {
    run "$BENCH" run t.yaml --set r=4 --dry-run
    is "$status" 0
    has "$output" "3 runs"
}

@test "a sweep without the base gets it evaluated once" {
    sed -i '/method: none/d' t.yaml
    run "$BENCH" run t.yaml
    is "$status" 0
    has "$output" "untouched base"
    is "$(q 'select count(*) from runs where method = "none"')" 1
    is "$(q 'select count(*) from runs where base_eval_loss is null')" 0
    run "$BENCH" run t.yaml --set r=8
    is "$status" 0
    is "$(q 'select count(*) from runs where method = "none"')" 1
}

@test "--db puts record and checkpoints elsewhere" {
    run "$BENCH" run t.yaml --db "$dir/else where/my.db"
    is "$status" 0
    [ -e "else where/my.db" ] && [ -d "else where/checkpoints" ] && [ ! -e results ]
}

@test "two records in one folder keep their adapters apart" {
    "$BENCH" run t.yaml --db r/a.db --set method=lora --set seeds=0
    sums=$(cd r/checkpoints && sha256sum */adapter_model.safetensors)
    "$BENCH" run t.yaml --db r/b.db --set method=lora --set seeds=1
    (cd r/checkpoints && sha256sum --check --quiet <<<"$sums")
    q "select checkpoint_path from runs where checkpoint_path is not null" r/a.db >paths
    q "select checkpoint_path from runs where checkpoint_path is not null" r/b.db >>paths
    is "$(sort -u paths | wc -l)" "$(wc -l <paths)"
    is "$(wc -l <paths)" 4
    while read -r path; do [ -e "$path/adapter_model.safetensors" ]; done <paths
}

@test "save: none keeps no checkpoint" {
    echo "save: none" >>t.yaml
    "$BENCH" run t.yaml
    [ ! -e results/checkpoints ]
    is "$(q 'select count(*) from checkpoint')" 0
}

@test "a record that cannot be made exits with 3" {
    touch file
    run "$BENCH" run t.yaml --db file/x.db
    [ "$status" = 3 ] || [ "$status" = 2 ]
    has "$output" "file"
}

@test "run_cap holds the rest back, and says so" {
    echo "run_cap: 3" >>t.yaml
    run "$BENCH" run t.yaml
    is "$status" 0
    has "$output" "2 more stay behind run_cap"
    is "$(q 'select count(*) from run')" 3
    run "$BENCH" run t.yaml
    is "$(q 'select count(*) from run')" 3
}

@test "--dry-run counts as done what is within run_cap, and one run is one run" {
    "$BENCH" run t.yaml
    echo "run_cap: 2" >>t.yaml
    run "$BENCH" run t.yaml --dry-run
    is "$status" 0
    has "$output" "5 runs, 2 done, 0 to run, 3 behind run_cap"
    sed -i '/method: none/d; s/seeds: .*/seeds: 0/; s/r: \[1, 2\]/r: [8]/; /run_cap/d' t.yaml
    run "$BENCH" run t.yaml --dry-run
    has "$output" "t: 1 run, 0 done, 1 to run"
}

@test "--dry-run finds what only the model can tell, and writes nothing" {
    for set in "target_modules=no_such_proj|no_such_proj" "train.max_length=100000|512 positions" "method=bitfit|no biases"; do
        run "$BENCH" run t.yaml --set "${set%|*}" --dry-run
        is "$status" 2
        has "$output" "t.yaml"
        has "$output" "${set#*|}"
        lacks "$output" "to run"
    done
    run "$BENCH" run t.yaml --set limits.memory=100KiB --dry-run
    is "$status" 0
    has "$output" "limits.memory is 100.0 KiB; not started"
    [ ! -e results ]
}

@test "--new repeats also the base that the sweep does not name" {
    sed -i '/method: none/d' t.yaml
    "$BENCH" run t.yaml
    run "$BENCH" run t.yaml --new
    is "$status" 0
    is "$(q "select count(*), max(attempt) from run r join point p on p.id = r.point where p.method = 'none'")" "2|2"
    is "$(q 'select count(*) from run')" 10
}

@test "the line of a finished run has the value of the metric that it names" {
    run "$BENCH" run t.yaml --set metric.name=eval/perplexity -j 1
    is "$status" 0
    is "$(grep -o '^\[./5\] .*eval/perplexity [0-9.]*' <<<"$output" | sed 's/.* //' | sort)" \
        "$(q "select printf('%.4f', metric) from runs" | sort)"
    is "$(q 'select count(*) from runs where abs(metric - exp(eval_loss)) < 1e-3 * metric')" 5
}

@test "bench status tells the states of a sweep" {
    "$BENCH" run t.yaml
    run "$BENCH" status
    is "$status" 0
    has "$output" "nobody is running"
    has "$output" "t "
    run "$BENCH" status --json
    is "$status" 0
    is "$(python3 -c 'import json,sys; j=json.load(sys.stdin); print(j["runner"], j["sweeps"][0]["complete"])' <<<"$output")" "None 5"
    run "$BENCH" status --db nowhere.db
    is "$status" 3
}

# w SQL: change the record behind bench's back.
w() { python3 -c 'import sqlite3, sys; db = sqlite3.connect("results/bench.db"); db.execute(sys.argv[1]); db.commit()' "$1"; }

@test "a pruned run is neither finished nor compared: it counts as interrupted and runs again" {
    "$BENCH" run t.yaml
    w "update run set state = 'pruned', metric = -100 where id = (select run_id from runs where r = 2 and seed = 1)"
    run "$BENCH" status --json
    is "$(python3 -c 'import json,sys; s=json.load(sys.stdin)["sweeps"][0]; print(s["complete"], s["interrupted"], s["failed"])' <<<"$output")" "4 1 0"
    run "$BENCH" compare t
    lacks "$output" "-100"
    lacks "$output" "-50"
    run "$BENCH" show t
    lacks "$output" "-100"
    lacks "$output" "-50"
    run "$BENCH" run t.yaml
    is "$status" 0
    has "$output" "4 of 5 runs are done already"
    is "$(q "select state, count(*) from runs group by 1")" "complete|5"
}

@test "gnuplot is started with the usual answer to a closed pipe" {
    mkdir bin
    printf '#!/bin/bash\ngrep SigIgn /proc/$$/status >>%q/ignored\n' "$dir" >bin/gnuplot
    chmod +x bin/gnuplot
    PATH=$dir/bin:$PATH "$BENCH" run t.yaml
    [ -s ignored ]
    while read -r _ mask; do is "$((0x$mask & 0x1000))" 0; done <ignored # SIGPIPE is 13
}

@test "a finished run is usable from any folder, by every command, and moves with its record" {
    top=$(realpath "$BATS_TEST_DIRNAME/../..")
    mkdir -p proj/sweeps proj/models else
    cp -r "$top/build/share/models/smoke" proj/models/mine
    cp "$top"/build/share/data/smoke/{train,eval}.jsonl proj/sweeps/
    sed 's|model: smoke|model: ../models/mine|; s|data: .*|data: {train: train.jsonl, eval: eval.jsonl, prompt: "{question}", completion: "{answer}"}|' \
        t.yaml >proj/sweeps/t.yaml
    (cd proj && "$BENCH" run sweeps/t.yaml --set r=1 --set seeds=0)
    printf 'a text\n' >else/texts.txt
    use() { # as a stranger, with the record at $1
        rm -rf m x.gguf l.gguf
        "$BENCH" merge 2 --db "$1" --output m
        "$BENCH" export 2 --db "$1" --gguf x.gguf
        "$BENCH" export 2 --db "$1" --gguf-lora l.gguf
        "$BENCH" inspect 2 --db "$1"
        "$BENCH" generate --adapter 2 --db "$1" x --max-tokens 2
        "$BENCH" eval --adapter 2 --db "$1" --rows 2
        # an adapter's folder names its base as well
        "$BENCH" generate --adapter "$(dirname "$1")/checkpoints/2" x --max-tokens 2
    }
    cd else
    use ../proj/results/bench.db
    cd ..
    mv proj/results moved
    cd else
    use ../moved/bench.db
    # a folder of the same name that is another model does not stand in for it
    mkdir -p ../models
    cp -r "$top/build/share/models/smoke" ../models/mine
    truncate -s 100 ../models/mine/model.safetensors
    use ../moved/bench.db
}

@test "the record names the kernel that the workers computed with" {
    [ "$(uname -m)" = x86_64 ] || skip "kernels are chosen on x86 alone"
    env -u OPENBLAS_CORETYPE BENCH_CPU=baseline "$BENCH" run t.yaml --set r=1 --set seeds=0
    has "$(q 'select blas from env')" " Nehalem"
}

@test "a checkpoint that is gone is told, and --repair runs what it was of again" {
    "$BENCH" run t.yaml
    gone=$(q "select checkpoint_path from runs where r = 2 and seed = 1")
    rm -r "$gone"
    run "$BENCH" run t.yaml
    is "$status" 0
    has "$output" "1 finished run has lost its checkpoint: $gone is gone; --repair runs it again"
    has "$output" "nothing to do"
    run "$BENCH" run t.yaml --repair
    is "$status" 0
    has "$output" "4 of 5 runs are done already"
    is "$(q 'select count(*), max(attempt) from run')" "6|2"
    [ -e "$(q "select checkpoint_path from runs where r = 2 and seed = 1")/adapter_model.safetensors" ]
    run "$BENCH" run t.yaml
    lacks "$output" "lost"
}

@test "what a killed run left half written goes with the next command, and nothing else does" {
    "$BENCH" run t.yaml --set r=1 --set seeds=0
    sleep 0 &
    dead=$!
    wait "$dead"
    mkdir -p "results/checkpoints/7.tmp.$dead/deep" "results/checkpoints/8.tmp.$$" results/checkpoints/9.tmp.x results/checkpoints/10
    touch "results/plots/a.png.tmp.$dead.3" "results/plots/a.tmp.$dead.txt"
    touch -d '5 minutes ago' results/checkpoints/*.tmp.* results/plots/*.tmp.*
    mkdir "results/checkpoints/11.tmp.$dead" # of just now: another machine may be writing it
    "$BENCH" run t.yaml --set r=1 --set seeds=0
    is "$(ls results/checkpoints | grep -v '^[0-9]$')" "10
11.tmp.$dead
8.tmp.$$
9.tmp.x"
    [ ! -e "results/plots/a.png.tmp.$dead.3" ] && [ -e "results/plots/a.tmp.$dead.txt" ]
    is "$(ls -d results/checkpoints/2)" results/checkpoints/2
}
