#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# split_rows.bats - which rows of a split are scored, and that it is said where they are not all.

load ../run_helper

data() { # FILE ROWS
    for i in $(seq "$2"); do printf '{"q": "word %s of %s", "a": "number %s"}\n' "$i" "${1%.jsonl}" "$i"; done >"$1"
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

# Rows that fit (5), one whose prompt fills all of 48 tokens (left out), one whose completion does not fit (cut).
long() {
    data "$1" 5
    python3 - "$1" <<'PY'
import json, sys
with open(sys.argv[1], "a") as f:
    print(json.dumps({"q": "word " * 90, "a": "b"}), file=f)
    print(json.dumps({"q": "word", "a": "number " * 90}), file=f)
PY
}

@test "eval says how many rows are scored, left out and cut: language modelling" {
    long d.jsonl
    score() { "$BENCH" eval --model smoke --data d.jsonl --prompt '{q} ' --completion '{a}' --max-length 48 "$@"; }
    run score
    is "$status" 0
    has "$output" "eval/rows            6 scored, 1 left out, 1 cut"
    has "$output" "note: skipped: 1 eval rows have no label within train.max_length and were left out"
    has "$output" "note: cut: 1 eval rows are longer than 48 tokens (train.max_length) and were cut"
    run score --rows 5
    has "$output" "eval/rows            5 scored, 0 left out, 0 cut"
    has "$output" "note: cut: only the first 5 of 7 eval rows are scored"
    is "$(score --json 2>/dev/null | python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["rows"], len(d["remarks"]))')" \
        "{'eval': {'of': 'rows', 'scored': 6, 'left_out': 1, 'cut': 1}} 2"
    run score --set generate.max_tokens=46
    has "$output" "1 prompts leave no room within train.max_length and are not continued"
    has "$output" "6 prompts leave room for fewer than 46 tokens (generate.max_tokens)"
}

@test "a row that fits to the token is not cut, one token more is" {
    echo '{"q": "a", "a": "b c d e f g h"}' >d.jsonl
    n=$(printf 'a b c d e f g h' | "$BENCH" tokenize --model smoke --json | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["ids"]))')
    fits() { "$BENCH" eval --model smoke --data d.jsonl --prompt '{q}' --completion ' {a}' --max-length "$1" 2>/dev/null | grep eval/rows; }
    is "$(fits $((n + 1)))" "eval/rows            1 scored, 0 left out, 0 cut" # with its end token
    is "$(fits "$n")" "eval/rows            1 scored, 0 left out, 1 cut"
}

@test "eval says how many rows are scored, left out and cut: classes and pairs" {
    printf 't\tl\nred stone\tb\n \ta\n%s\ta\n' "$(printf 'word %.0s' $(seq 90))" >d.tsv
    run "$BENCH" eval --model smoke --task classify --data d.tsv --set 'data.text="{t}"' --set 'data.label="{l}"' --set 'data.labels=[a, b]' --max-length 32
    is "$status" 0
    has "$output" "eval/rows            2 scored, 1 left out, 1 cut"
    has "$output" "note: skipped: 1 eval rows have a blank text and were left out"
    run "$BENCH" eval --model smoke --task pairs --data d.tsv --set 'data.anchor="{t}"' --set 'data.positive="{l} {t}"' --max-length 32
    is "$status" 0
    has "$output" "eval/queries         2 scored, 1 left out, 2 cut"
    printf 'a\tb\ts\nx\ty\t1\nx\tz\t2\n \tz\t2\n' >d.tsv
    run "$BENCH" eval --model smoke --task pairs --data d.tsv --set 'data.sentence1="{a}"' --set 'data.sentence2="{b}"' --set 'data.score="{s}"'
    has "$output" "eval/rows            2 scored, 1 left out, 0 cut"
}

@test "a run tells the rows that were left out and cut, in the record and in show" {
    files
    long eval.jsonl
    "$BENCH" run one.yaml
    is "$(q "SELECT DISTINCT kind FROM event WHERE text LIKE '%rows are longer than 48 tokens%'")" cut
    run "$BENCH" show one
    has "$output" "skipped: 1 eval rows have no label within train.max_length and were left out"
    has "$output" "cut: 1 eval rows are longer than 48 tokens (train.max_length) and were cut: of their completion only the beginning counts"
}
