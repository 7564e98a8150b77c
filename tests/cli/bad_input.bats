#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bad_input.bats - other people's files and other people's mistakes, through the commands: the error names the file and the remedy, the exit
# code is right, nothing is lost, nothing crashes. Readers are tested byte by byte in tests/unit and tests/fuzz.

bats_require_minimum_version 1.5.0
load ../run_helper

setup_file() { # the model is copied from here by each test
    export SMOKE=$BATS_FILE_TMPDIR/model
    export TOOLS=$BATS_TEST_DIRNAME
    MAKE_SMOKE=$BATS_TEST_DIRNAME/../../experiments/models/smoke/make_smoke.py
    python3 "$MAKE_SMOKE" "$SMOKE" --gguf "$SMOKE.gguf" --type f32
}

# A sweep of three runs over model $1, on the built-in data or, with $2, on that file.
sweep_of() {
    local data='{name: smoke}'
    [ -z "${2:-}" ] || data="{train: $2, eval: $2, prompt: 'Question: {q} Answer:', completion: ' {a}'}"
    cat >t.yaml <<YAML
name: t
base:
  model: $1
  task: lm
  data: $data
  train: {steps: 4, batch_size: 2, lr: 1.0e-3, max_length: 32}
  eval: {rows: 4}
  target_modules: [q_proj, v_proj]
variants:
  - {method: none}
  - {method: lora, parameters: {r: [1, 2]}}
YAML
}

damage() { python3 "$TOOLS/damage.py" "$@"; }

# Both commands refuse with exit code 2 and every given text; no run is recorded.
refused() {
    local args=(--data smoke) text
    [ ! -e d.jsonl ] || args=(--data d.jsonl --prompt 'Question: {q} Answer:' --completion ' {a}')
    run timeout 60 "$BENCH" run t.yaml
    is "$status" 2
    has "$output" "bench run: t.yaml"
    for text in "$@"; do has "$output" "$text"; done
    [ ! -e results/bench.db ] || is "$(q 'select count(*) from run')" 0
    run timeout 60 "$BENCH" eval --model "$(sed -n 's/^  model: //p' t.yaml)" "${args[@]}" --rows 4
    is "$status" 2
    for text in "$@"; do has "$output" "$text"; done
    lacks "$output" "eval/loss "
}

# ---- models ----

@test "a damaged model.safetensors is refused: cut off, offsets beyond the file, overlaps, wrong sizes, a header of 2^63 bytes" {
    sweep_of m
    while read -r how text; do
        rm -rf m && cp -r "$SMOKE" m
        damage m/model.safetensors "$how"
        refused "m/model.safetensors" "$text"
    done <<'CASES'
cut0 cut off
cut7 cut off
cut100 cut off
cut300000 the file is cut off or damaged, fetch it again
beyond the file is cut off or damaged, fetch it again
overlap overlaps another one: the file is damaged, fetch it again
size the file is damaged
huge its header would have 9223372036854775808 bytes
CASES
}

@test "a damaged GGUF file is refused: cut off, offsets beyond the file, overlaps, wrong sizes, a string of 2^63 bytes" {
    sweep_of m.gguf
    while read -r how text; do
        cp "$SMOKE.gguf" m.gguf
        damage m.gguf "$how"
        refused "m.gguf" "$text"
    done <<'CASES'
cut0 is not a GGUF file
cut20 cut off or damaged, fetch it again
cut9000 cut off or damaged, fetch it again
cut200000 cut off, fetch it again
beyond the file is damaged, fetch it again
overlap overlaps another one: the file is damaged, fetch it again
size the file is damaged, fetch it again
huge cut off or damaged, fetch it again
CASES
}

@test "a tensor that is missing is named, in both formats" {
    cp -r "$SMOKE" m && cp "$SMOKE.gguf" m.gguf
    damage m/model.safetensors missing
    damage m.gguf missing
    sweep_of m
    refused "/m" "fetch it again" "lacks the tensor" "model.layers.1.self_attn.v_proj.weight"
    sweep_of m.gguf
    refused "/m.gguf" "fetch it again" "lacks the tensor" "blk.1.attn_v.weight"
}

@test "weights that are no numbers: state failed, with the tensor and the place; bench eval exits with 2" {
    cp -r "$SMOKE" m && cp "$SMOKE.gguf" m.gguf
    damage m/model.safetensors nan
    damage m.gguf nan
    while read -r model tensor; do
        rm -rf results
        sweep_of "$model"
        run "$BENCH" run t.yaml
        is "$status" 1
        is "$(q 'select state, count(*) from runs group by 1')" "failed|3"
        for error in "$(q "select error from runs where method = 'none'")" "$(q "select error from runs where r = 1")"; do
            has "$error" "the base itself is not: $dir/$model: tensor '$tensor' is not finite at row"
            has "$error" "fetch it again"
        done
        run "$BENCH" eval --model "$model" --data smoke --rows 4
        is "$status" 2
        has "$output" "$dir/$model: tensor '$tensor' is not finite at row"
        lacks "$output" "eval/loss "
        run --separate-stderr "$BENCH" eval --model "$model" --data smoke --rows 4 --json
        is "$status" 2
        is "$(python3 -c 'import json,sys; j=json.load(sys.stdin); print(j["state"], "eval/loss" in j)' <<<"$output")" "failed False"
    done <<'CASES'
m model.layers.1.mlp.up_proj.weight
m.gguf blk.1.attn_v.weight
CASES
}

@test "a tokenizer.json that is missing, empty, broken or of a kind that is not read is refused" {
    sweep_of m
    cp -r "$SMOKE" m
    echo '{"model": {"type": "Unigram", "vocab": [["a", 0.0]]}}' >m/tokenizer.json
    refused "m/tokenizer.json" "'Unigram' is not implemented: use a model with a byte-level BPE"
    echo '{"model": {"type": "WordPiece", "vocab": {"a": 0}}}' >m/tokenizer.json
    refused "m/tokenizer.json" "WordPiece with the pre_tokenizer '' is not implemented" # it is read as BERT's only
    echo '{"model": {"type": "BP' >m/tokenizer.json
    refused "m/tokenizer.json:" "not valid JSON" "fetch it again"
    : >m/tokenizer.json
    refused "m/tokenizer.json" "is empty: fetch it again"
    rm m/tokenizer.json
    refused "m/tokenizer.json" "missing"
}

@test "config.json: missing, broken, or of an architecture that is not implemented" {
    sweep_of m
    cp -r "$SMOKE" m
    sed -i 's/"model_type": "[a-z]*"/"model_type": "mamba"/; s/Llama/Mamba/' m/config.json
    refused "mamba"
    echo '{' >m/config.json
    refused "m/config.json:" "fetch it again"
    rm m/config.json
    refused "m/config.json" "missing"
}

# ---- data ----

@test "data files: empty, without the template's fields, with a broken row, not UTF-8, with a NUL byte" {
    cp -r "$SMOKE" m
    sweep_of m d.jsonl
    : >d.jsonl
    refused "d.jsonl" "has no rows"
    printf '\n  \n\n' >d.jsonl
    refused "d.jsonl" "has no rows"
    echo '{"q": "x", "answer": "y"}' >d.jsonl
    refused "d.jsonl" "unknown column 'a'" "'answer'"
    printf '{"q": "x", "a": "y"}\n{"q": "x"}\n' >d.jsonl
    refused "d.jsonl:2" "this row has no 'a'"
    printf '{"q": "x", "a": "y"}\n{"q": "x", "a": \n' >d.jsonl
    refused "d.jsonl:2" "not JSON" "each line holds one whole object"
    printf '[{"q": "x", "a": "y"}]\n' >d.jsonl
    refused "d.jsonl:1" "write one object per line"
    printf '{"q": "x", "a": "y"}\n{"q": "\xff\xfe", "a": "y"}\n' >d.jsonl
    refused "d.jsonl:2" "invalid UTF-8" "iconv"
    printf '{"q": "x", "a": "y"}\n{"q": "\0", "a": "y"}\n' >d.jsonl
    refused "d.jsonl:2" "a NUL byte"
}

@test "a row of more than 100 MB is refused; one of a megabyte is cut at max_length and trains" {
    cp -r "$SMOKE" m
    sweep_of m d.jsonl
    python3 -c "print('{\"q\": \"x\", \"a\": \"' + 'ab ' * 33400000 + '\"}')" >d.jsonl
    refused "d.jsonl:1" "longer than 100 MB: is a line break or a quote missing?"
    python3 -c "print('{\"q\": \"x\", \"a\": \"' + 'ab ' * 330000 + '\"}')" >d.jsonl
    run "$BENCH" run t.yaml --set r=1
    is "$status" 0
    is "$(q 'select state, count(*) from runs group by 1')" "complete|2"
}

@test "a folder, a named pipe and nothing at all are no data files" {
    cp -r "$SMOKE" m
    sweep_of m d.jsonl
    mkdir d.jsonl
    refused "d.jsonl" "is a folder"
    rmdir d.jsonl
    mkfifo d.jsonl
    refused "d.jsonl" "is not a regular file"
    rm d.jsonl
    run "$BENCH" run t.yaml
    is "$status" 2
    has "$output" "there is no file 'd.jsonl'"
}

@test "data of which no row has a label within max_length is refused" {
    cp -r "$SMOKE" m
    sweep_of m d.jsonl
    python3 -c "print('{\"q\": \"' + 'a word ' * 100 + '\", \"a\": \"y\"}')" >d.jsonl
    refused "train.max_length" "data.prompt"
}

# ---- where results go ----

@test "a results folder that cannot be written: exit code 3, the file and the remedy" {
    sweep_of smoke
    mkdir ro
    if [ "$(id -u)" = 0 ]; then # for root a folder is writable whatever its mode: a file system that is read-only, where that is allowed
        mount -t tmpfs -o ro tmpfs ro 2>/dev/null || skip "root may write everywhere, and may not mount here"
    else
        chmod 555 ro
    fi
    run "$BENCH" run t.yaml --db ro/bench.db
    umount ro 2>/dev/null || chmod 755 ro
    is "$status" 3
    has "$output" "ro/bench.db"
    has "$output" "use another --db"
}

@test "a record at the limit of a file's size stops with exit code 3; with room again the same command goes on" {
    sweep_of smoke
    run bash -c "ulimit -f 140; '$BENCH' run t.yaml" # KB: the schema fits, the runs do not
    is "$status" 3
    has "$output" "results/bench.db"
    has "$output" "ulimit -f"
    run "$BENCH" run t.yaml
    is "$status" 0
    is "$(q 'select state, count(*) from runs group by 1')" "complete|3"
}

@test "a full disk stops with exit code 3; what had finished stays; with room again the same command goes on" {
    sweep_of smoke
    mkdir full
    mount -t tmpfs -o size=20m tmpfs full 2>/dev/null || skip "may not mount a small disk here"
    "$BENCH" run t.yaml --set r=1 --db full/bench.db >/dev/null
    dd if=/dev/zero of=full/filler bs=1k 2>/dev/null || true
    truncate -s -80K full/filler
    run "$BENCH" run t.yaml --db full/bench.db
    rm full/filler
    kept=$(q 'select state, count(*) from run group by 1' full/bench.db)
    first_status=$status
    message=$output
    run "$BENCH" run t.yaml --db full/bench.db
    states=$(q 'select state, count(*) from runs group by 1' full/bench.db)
    umount full
    is "$first_status" 3
    has "$message" "full/bench.db: the disk is full: free some space or use another --db"
    has "$kept" "complete|2"
    is "$status" 0
    is "$states" "complete|3"
}

@test "a disk that is full for a while loses nothing: what runs goes on, and all is written when there is room" {
    sweep_of smoke
    mkdir full
    mount -t tmpfs -o size=20m tmpfs full 2>/dev/null || skip "may not mount a small disk here"
    "$BENCH" run t.yaml --set r=1 --db full/bench.db >/dev/null
    dd if=/dev/zero of=full/filler bs=1k 2>/dev/null || true
    truncate -s -80K full/filler # the sweep fits, the runs do not
    "$BENCH" run t.yaml --new --db full/bench.db >log 2>&1 3>&- &
    pid=$!
    told=0
    until_true grep -q "tried again each second" log && told=1
    sleep 2
    rm full/filler
    status=0
    wait "$pid" || status=$?
    states=$(q 'select state, count(*) from run group by 1' full/bench.db)
    steps=$(q "select count(*) from metric where key = 'train/loss' group by run order by 1 limit 1" full/bench.db)
    umount full
    cat log
    is "$status $told" "0 1"
    has "$(cat log)" "the disk is full"
    has "$(cat log)" "can be written again"
    is "$states" "complete|5"
    is "$steps" 4
}

@test "a checkpoint that cannot be saved is a failed run with its path; the sweep goes on; it is tried again" {
    sweep_of smoke
    mkdir results
    : >results/checkpoints
    run "$BENCH" run t.yaml
    is "$status" 1
    is "$(q 'select state, count(*) from runs group by 1 order by 1')" $'complete|1\nfailed|2'
    has "$(q "select error from runs where state = 'failed' limit 1")" "results/checkpoints: cannot make the folder"
    rm results/checkpoints
    run "$BENCH" run t.yaml
    is "$status" 0
    is "$(q 'select state, count(*) from runs group by 1')" "complete|3"
}

# ---- databases ----

@test "a database of a newer schema, of another program, and a file that is none: exit code 2, left as it was" {
    sweep_of smoke
    "$BENCH" run t.yaml >/dev/null
    cp results/bench.db newer.db
    python3 - <<'PY'
import sqlite3
c = sqlite3.connect("newer.db"); c.execute("pragma user_version = 999"); c.commit()
c = sqlite3.connect("other.db"); c.execute("create table t(x)"); c.commit()
open("none.db", "w").write("this is not a database, whatever it is called" * 100)
PY
    for case in "newer newer bench (schema 999" "other but not one of bench" "none not a database"; do
        db=${case%% *}.db
        before=$(sha256sum <"$db")
        for command in "run t.yaml" "status" "ls runs"; do
            # shellcheck disable=SC2086
            run "$BENCH" $command --db "$db"
            is "$status" 2
            has "$output" "$db"
            has "$output" "${case#* }"
            has "$output" "--db"
        done
        is "$(sha256sum <"$db")" "$before"
    done
}

@test "a database that another process is writing to: short work is waited for, longer is refused with exit code 3, readers go on" {
    sweep_of smoke
    "$BENCH" run t.yaml >/dev/null
    cat >hold.py <<'PY'
import sqlite3, sys, time
c = sqlite3.connect("results/bench.db", isolation_level=None)
c.execute("begin immediate")
open("held", "w").close()
time.sleep(float(sys.argv[1]))
c.execute("commit")
PY
    python3 hold.py 2 3>&- &
    until_true test -e held
    run "$BENCH" run t.yaml --set r=4
    is "$status" 0
    wait
    rm held
    python3 hold.py 60 3>&- &
    pid=$!
    until_true test -e held
    run "$BENCH" ls runs
    is "$status" 0
    run "$BENCH" run t.yaml --set r=8
    is "$status" 3
    has "$output" "results/bench.db"
    has "$output" "another program is writing to it"
    kill "$pid"
    wait "$pid" || true
    pid=
    run "$BENCH" run t.yaml --set r=8
    is "$status" 0
    is "$(q 'select state, count(*) from runs group by 1')" "complete|5"
}

# ---- files that change under a sweep ----

@test "a model replaced between two runs of a sweep: one warning, new points, the former runs stay" {
    cp -r "$SMOKE" m
    sweep_of m
    "$BENCH" run t.yaml >/dev/null
    python3 - <<'PY'
import struct
d = bytearray(open("m/model.safetensors", "rb").read())
d[-4:] = struct.pack("<f", 2.0)
open("new", "wb").write(d)
PY
    mv new m/model.safetensors
    run "$BENCH" run t.yaml --dry-run
    is "$status" 0
    has "$output" "3 finished runs belong to the other file"
    run "$BENCH" run t.yaml
    is "$status" 0
    has "$output" "warning: $dir/m: the model changed since the sweep 't' began: 3 finished runs belong to the other file"
    is "$(grep -c 'model changed' <<<"$output")" 1
    is "$(q 'select count(*), count(distinct point_id) from runs')" "6|6"
    is "$(q "select count(*) from sweep_runs where run_id is not null")" 3
    run "$BENCH" run t.yaml
    is "$status" 0
    lacks "$output" "model changed"
    has "$output" "3 of 3 runs are done already"
}

@test "a model or data file replaced while a sweep runs: the runs after it fail and say so; the same command runs them anew" {
    cp -r "$SMOKE" m
    for i in 1 2 3 4; do echo "{\"q\": \"x$i\", \"a\": \"y\"}"; done >d.jsonl
    sweep_of m d.jsonl
    for file in m d.jsonl; do
        BENCH_TEST_WORKER=sleep:1 "$BENCH" run t.yaml -j 1 --new >log 2>&1 3>&- &
        pid=$!
        until_true worker_sleeps "$pid"
        if [ $file = m ]; then
            sed 's/"rope_theta"/"_name_or_path": "x", "rope_theta"/; 1s/{/{"prefix": "y",/' m/config.json >new
            mv new m/config.json
        else
            echo '{"q": "x5", "a": "y"}' >>d.jsonl
        fi
        kill -TERM "$(worker_of "$pid")"
        status=0
        wait "$pid" || status=$?
        pid=
        is "$status" 1
        error=$(q "select error from runs where r = 2 and state = 'failed'")
        has "$error" "$dir/$file"
        has "$error" "was replaced while the sweep ran"
        run "$BENCH" run t.yaml
        is "$status" 0
    done
}

@test "a model that is cut off while a run reads it: a failed run that names the file, no crash without a word" {
    cp -r "$SMOKE" m
    sweep_of m
    "$BENCH" run t.yaml -j 1 --set train.steps=1000000 --set r=1 >log 2>&1 3>&- &
    pid=$!
    until_true trains
    truncate -s 4096 m/model.safetensors
    status=0
    wait "$pid" || status=$?
    pid=
    is "$status" 1
    is "$(q "select state, count(*) from runs group by 1 order by 1")" $'complete|1\nfailed|1'
    has "$(q "select error from runs where state = 'failed'")" "$dir/m/model.safetensors: became shorter while it was read"
    has "$(q "select error from runs where state = 'failed'")" "put the whole file back"
}

trains() { [ "$(q "select count(*) > 0 from metric m join runs r on r.run_id = m.run where r.state = 'running' and m.step > 2")" = 1 ]; }
worker_of() {
    for s in /proc/[0-9]*/stat; do
        sed -n "s/^\([0-9]*\) (bench-worker) [A-Z] $1 .*/\1/p" "$s" 2>/dev/null
    done | head -n 1
}
worker_sleeps() { [ "$(q "select count(*) from runs where state = 'running' and r = 1 and run_id in (select run from metric)")" = 1 ] && [ -n "$(worker_of "$1")" ]; }

@test "an unknown option is told with the command's name, and doctor sees that a record is none" {
    run "$BENCH" ls --nosuch
    is "$status" 2
    has "$output" "bench ls: unknown option '--nosuch'; see \`bench ls --help\`"
    head -c 5000 /dev/urandom >junk.db
    run "$BENCH" doctor --db junk.db
    has "$output" "problem  results        $PWD/junk.db: not a database"
    has "$output" "There are problems."
    run "$BENCH" doctor --db none.db
    lacks "$output" "problem  results"
}
