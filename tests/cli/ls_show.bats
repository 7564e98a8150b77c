#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `bench ls` and `bench show` on a small database that is written here, so that nothing trains.

setup() {
    BENCH=${BENCH:-$BATS_TEST_DIRNAME/../../bench}
    T=$(mktemp -d)
    ROOT=$BATS_TEST_DIRNAME/../..
    cd "$T" || exit 1
    mkdir results
    python3 - "$ROOT/harness/record/schema.sql" results/bench.db <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[2])
db.executescript(open(sys.argv[1]).read())
db.execute("PRAGMA application_id=%d" % 0x62656e63)
db.execute("PRAGMA user_version=1")
db.execute("INSERT INTO sweep VALUES (1,'tiny','/x/tiny.yaml','y',NULL,'eval/loss','minimize',NULL,'2026-01-01T00:00:00Z')")
db.execute("INSERT INTO model VALUES (1,'m','/m','d',1)")
db.execute("INSERT INTO dataset VALUES (1,'glosses','/d','d')")
def run(i, method, untouched, r, lr, state, loss, error=None):
    db.execute("INSERT INTO point VALUES (?,?,'b',?,?,'lm',1,1,?,16,?,?,8,64,'auto','{\"method\":\"x\"}')",
               (i, "%02d" % i * 32, method, untouched, r, lr, None if untouched else "q_proj,v_proj"))
    db.execute("INSERT INTO sweep_point (sweep, point, seed, ord) VALUES (1,?,0,?)", (i, i))
    db.execute("INSERT INTO run (id,point,seed,attempt,sweep,state,error,created,eval_loss,metric,trainable,total_params,peak_bytes,"
               "train_s,total_s,steps,tokens) VALUES (?,?,0,1,1,?,?,'t',?,?,460800,134515008,734003200,33.3,40,60,1000)",
               (i, i, state, error, loss, loss))
    db.execute("INSERT INTO metric VALUES (?,'eval/loss',60,?,?)", (i, loss, "nan" if loss is None else "finite"))
run(1, "none", 1, None, None, "complete", 2.5)
run(2, "lora", 0, 8, 5e-4, "complete", 1.8)
run(3, "lora", 0, 8, 2e-3, "nan", None)
run(4, "lora", 0, 64, 5e-4, "oom", None, "act: 12 MiB above limits.memory | 8 GiB")
db.commit()
PY
}

teardown() { rm -rf "$T"; }

json() { python3 -c "import json,sys; v=json.load(sys.stdin); print($1)"; }

@test "help of both commands shows two examples" {
    for c in ls show; do
        run "$BENCH" $c --help
        [ "$status" -eq 0 ]
        [ "$(grep -c "^  bench $c" <<<"$output")" -ge 2 ]
    done
}

@test "every kind is listed as text and as JSON" {
    for kind in methods models tasks data sweeps runs; do
        run "$BENCH" ls $kind
        [ "$status" -eq 0 ]
        run bash -c "'$BENCH' ls $kind --json"
        [ "$status" -eq 0 ]
        json "type(v).__name__" <<<"$output" | grep -qx list
    done
}

@test "methods carry their options with defaults" {
    run bash -c "'$BENCH' ls methods --json"
    [ "$(json "[o['default'] for m in v if m['name']=='lora' for o in m['options'] if o['key']=='r'][0]" <<<"$output")" = 8 ]
    "$BENCH" ls methods | grep -q '^lora  *adapter  *2106.09685'
}

@test "sweep files of the current folder are listed with their first comment" {
    mkdir sweeps
    printf '# Which rank is enough?\nname: a\nbase:\n  model: m\n' >sweeps/a.yaml
    printf 'services:\n  web: {}\n' >sweeps/other.yaml
    run "$BENCH" ls sweeps
    [ "$status" -eq 0 ]
    grep -q '^sweeps/a.yaml  *Which rank is enough?$' <<<"$output"
    ! grep -q other.yaml <<<"$output"
}

@test "runs can be filtered, limited and exported" {
    run bash -c "'$BENCH' ls runs --where \"method = 'lora' and r = 8\" --json"
    [ "$(json "[r['run_id'] for r in v]" <<<"$output")" = "[2, 3]" ]
    [ "$(json "(len(v[0]), v[1]['metric'], v[0]['lr'], v[0]['base_eval_loss'])" <<<"$output")" = "(48, None, 0.0005, 2.5)" ]
    run "$BENCH" ls runs --limit 2 --csv
    [ "$(wc -l <<<"$output")" -eq 3 ]
    [ "$(cut -d, -f1 <<<"${lines[1]}")" = 3 ]
    "$BENCH" ls runs --sweep tiny | grep -q '^  *3  *nan .* diverged '
}

@test "a wrong condition names the columns, a wrong sweep the sweeps, a wrong kind the close one; all exit 2" {
    run "$BENCH" ls runs --where "methd = 'lora'"
    [ "$status" -eq 2 ]
    [[ $output == *"no such column: methd; the columns are: run_id "* ]]
    run "$BENCH" ls runs --where "1); DROP TABLE run; --"
    [ "$status" -eq 2 ]
    run "$BENCH" ls runs --sweep tinny
    [ "$status" -eq 2 ]
    [[ $output == *"no sweep 'tinny' (did you mean 'tiny'?); its sweeps: tiny"* ]]
    run "$BENCH" ls runz
    [ "$status" -eq 2 ]
    [[ $output == *"did you mean 'runs'"* ]]
    run "$BENCH" ls methods --limit 3
    [ "$status" -eq 2 ]
    run "$BENCH" ls
    [ "$status" -eq 2 ]
}

@test "the last sweep is shown: base first, best rate, reasons below, at most 100 columns" {
    run "$BENCH" show
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == "sweep tiny, eval/loss (minimize); 4 runs: 2 complete, 1 diverged, 1 oom"* ]]
    [[ ${lines[3]} == none*2.5000* ]]
    [[ ${lines[4]} == lora*8*q_proj,v_proj*"5e-4 (2)"*1.8000*"460.8 k"*"700 MiB"*1/2 ]]
    [[ ${lines[5]} == lora*64*oom*0/1 ]]
    [[ $output == *"run 4 oom: lora r=64 q_proj,v_proj lr=0.0005 seed 0: act: 12 MiB above limits.memory | 8 GiB"* ]]
    [[ $output == *"run 3 diverged: "* ]]
    [ "$(head -n 7 <<<"$output" | wc -L)" -le 100 ]
    ! grep -q $'\x1b' <<<"$output"
}

@test "a loss that grew without becoming infinite is told, and the base of a sweep without one" {
    python3 - results/bench.db <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE run SET eval_loss = 9.5, metric = 9.5 WHERE id = 2")
db.execute("DELETE FROM sweep_point WHERE point = 1")
db.commit()
PY
    run "$BENCH" show tiny
    [ "$status" -eq 0 ]
    [[ $output == *"untouched base (run 1, m on glosses): eval/loss 2.5"* ]]
    [[ $output == *"run 2 diverged: lora r=8 q_proj,v_proj lr=0.0005 seed 0: its loss 9.5 is 3.8 times that of the untouched base"* ]]
}

@test "a sweep is shown as JSON, CSV and Markdown, by name and by file" {
    run bash -c "'$BENCH' show tiny --json"
    [ "$(json "(v['sweep'], v['states']['oom'], v['rows'][1]['lr'], v['rows'][1]['lr_tried'], v['rows'][2]['metric'])" <<<"$output")" = \
        "('tiny', 1, 0.0005, 2, None)" ]
    run "$BENCH" show tiny.yaml --csv
    [[ ${lines[0]} == method,r,target_modules,lr,lr_tried,metric,sd,ci95,n,* ]]
    [[ ${lines[2]} == 'lora,8,"q_proj,v_proj",0.0005,2,1.8,,,1,460800,'* ]]
    run "$BENCH" show tiny --markdown
    [[ ${lines[1]} == "|---|---:|"* ]]
}

@test "a run is shown as a page and as JSON" {
    run "$BENCH" show 2
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == "run 2: lora r=8 alpha=16 lr=5e-4 q_proj,v_proj seed 0" ]]
    [[ $output == *"eval loss"*2.5000*1.8000*-0.7000* ]]
    run bash -c "'$BENCH' show 0303 --json"
    [ "$(json "(v['run_id'], v['state'], v['metrics'][0]['kind'], v['metrics'][0]['value'])" <<<"$output")" = "(3, 'nan', 'nan', None)" ]
    run "$BENCH" show 3
    [[ $output == *"nan (diverged)"* ]]
    run "$BENCH" show 2 --csv
    [ "$status" -eq 2 ]
}

@test "what is not there is said with what there is" {
    run "$BENCH" show tinny
    [ "$status" -eq 2 ]
    [[ $output == *"no run and no sweep 'tinny' (did you mean 'tiny'?)"* ]]
    for c in "ls runs" show; do
        run "$BENCH" $c --db none.db
        [ "$status" -eq 3 ]
        [[ $output == *"none.db: no such database: fill it with"* ]]
    done
    echo "not a database, but a text that is long enough" >text.db
    run "$BENCH" show --db text.db
    [ "$status" -eq 2 ]
    [[ $output == *"text.db: not a database"* ]]
}

@test "listings work on a database that a run is writing" {
    python3 - results/bench.db <<'PY' &
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode=WAL")
db.execute("BEGIN IMMEDIATE")
db.execute("UPDATE run SET state='failed'")
open("held", "w").close()
time.sleep(3)
PY
    for _ in $(seq 100); do [ -e held ] && break; sleep 0.05; done
    run "$BENCH" show 2
    [ "$status" -eq 0 ]
    [[ $output == *complete* ]]
    kill %1
    wait
}
