#!/usr/bin/env bats
# split_rows.bats - which rows of a split are scored, and that it is said where they are not all.

load ../run_helper

data() { # FILE ROWS
    for i in $(seq "$2"); do printf '{"q": "word %s of many", "a": "number %s"}\n' "$i" "$i"; done >"$1"
}

files() {
    data train.jsonl 20
    data eval.jsonl 30
    data test.jsonl 250
    cat >one.yaml <<YAML
name: one
base:
  model: smoke
  task: lm
  data: {train: train.jsonl, eval: eval.jsonl, test: test.jsonl, prompt: "{q} ", completion: "{a}"}
  train: {steps: 2, batch_size: 2, max_length: 48}
  method: lora
  ${1:-eval: {every: 1\}}
YAML
}

items() { q "SELECT count(*) FROM item i JOIN run r ON r.id = i.run JOIN point p ON p.id = r.point WHERE p.method = 'lora' AND key = '$1'"; }

@test "all rows of the test split are scored, whatever eval.rows is" {
    files 'eval: {rows: 10}'
    run "$BENCH" run one.yaml
    is "$status" 0
    is "$(items test/loss)" 250
    is "$(items eval/loss)" 10
    lacks "$output" "test rows are scored"
    is "$(grep -c "cut: only the first 10 of 30 eval rows are scored (eval.rows; 0 scores all)" <<<"$output")" 1
}

@test "test.rows scores a part of the test split, and run, show and show --json say so" {
    files 'test: {rows: 40}'
    run "$BENCH" run one.yaml
    is "$status" 0
    is "$(items test/loss)" 40
    told="cut: only the first 40 of 250 test rows are scored (test.rows; 0 scores all)"
    has "$output" "$told"
    run "$BENCH" show one
    has "$output" "$told (1 run)"
    run "$BENCH" show one --markdown
    has "$output" "- $told (1 run)"
    is "$("$BENCH" show one --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["remarks"])')" "[{'text': '$told', 'runs': 1}]"
    run "$BENCH" show 2
    has "$output" "only the first 40 of 250 test rows"
}

@test "whole splits are no remark" {
    files 'eval: {rows: 0}'
    run "$BENCH" run one.yaml
    lacks "$output" "are scored"
    is "$("$BENCH" show one --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["remarks"])')" "[]"
}

@test "a test split that an older bench cut to eval.rows is told by show" {
    files 'eval: {rows: 10}'
    "$BENCH" run one.yaml
    run "$BENCH" show one
    lacks "$output" "older bench"
    python3 - <<'PY' # as it was recorded before there was test.rows
import sqlite3
db = sqlite3.connect("results/bench.db")
db.execute("DELETE FROM param WHERE key = 'test.rows'")
db.execute("DELETE FROM item WHERE key LIKE 'test/%' AND item >= 10")
db.commit()
PY
    run "$BENCH" show one
    has "$output" "cut: the test scores are of the first 10 rows at most (eval.rows), as an older bench made them: \`bench run --new\` scores all (1 run)"
}

@test "the texts of a test split are generated for the rows that are scored" {
    files 'generate: {max_tokens: 2}'
    sed -i 's/method: lora/method: none/' one.yaml
    echo '  test: {rows: 3}' >>one.yaml
    "$BENCH" run one.yaml
    is "$(q "SELECT count(*) FROM item WHERE key = 'test/rouge_l'")" 3
    is "$(q "SELECT count(*) FROM item WHERE key = 'eval/rouge_l'")" 30
}
