#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# reading.bats - what is read back from a record is what ran: no configurations averaged as seeds, no number of another metric, no key hidden,
# no run of a process that is gone shown as running.
load ../run_helper

# A sweep file on the smoke model: name, then what stands below the base.
sweep() {
    cat >"$1.yaml" <<YAML
name: $1
base:
  model: smoke
  task: lm
  method: lora
  r: 2
  data: {name: smoke}
  train: {steps: 4, batch_size: 2, lr: 1.0e-3, max_length: 48}
  eval: {every: 0, rows: 20}
YAML
    cat >>"$1.yaml"
}
json() { python3 -c "import json,sys; v = json.load(sys.stdin); print($1)"; }

@test "configurations that differ in a ninth key are rows of their own, never seeds" {
    sweep many <<'YAML'
variants:
  - {method: lora}
  - {method: lora, train.batch_size: 4}
  - {method: lora, train.steps: 5}
  - {method: lora, train.max_length: 40}
  - {method: lora, train.weight_decay: 0.1}
  - {method: lora, train.grad_clip: 0.5}
  - {method: lora, train.warmup: 2}
  - {method: lora, train.adam_eps: 1.0e-6}
  - {method: lora, lora_alpha: 32}
  - {method: lora, lora_dropout: 0.1}
  - {method: lora, train.schedule: constant}
YAML
    "$BENCH" run many.yaml >/dev/null
    run "$BENCH" show many --json
    [ "$(json "(len([r for r in v['rows'] if r['method'] == 'lora']), max(r['n'] for r in v['rows']))" <<<"$output")" = "(11, 1)" ]
    run "$BENCH" show many
    [[ $output == *"rows differ in more keys than fit here: "* ]]
}

@test "a learning rate that moves with another key does not hide it" {
    sweep paired <<'YAML'
paired:
  - {train.lr: 1.0e-3, train.batch_size: 2}
  - {train.lr: 2.0e-3, train.batch_size: 4}
YAML
    "$BENCH" run paired.yaml >/dev/null
    run "$BENCH" show paired --json
    [ "$(json "sorted((r['train.batch_size'], r['lr'], r['lr_tried']) for r in v['rows'] if r['method'] == 'lora')" <<<"$output")" = \
        "[('2', 0.001, 1), ('4', 0.002, 1)]" ]
}

@test "test scores and the base are of the sweep's own metric, also where another sweep ran the run" {
    mkdir d
    python3 - <<'PY'
import json
for name, n in (("train", 20), ("eval", 10), ("test", 10)):
    with open(f"d/{name}.jsonl", "w") as f:
        for i in range(n):
            f.write(json.dumps({"p": f"{name} {i}", "c": f"answer {i % 3}"}) + "\n")
PY
    sweep t <<'YAML'
metric: {name: eval/loss, goal: minimize}
YAML
    sed -i 's|  data: .*|  data: {train: d/train.jsonl, eval: d/eval.jsonl, test: d/test.jsonl, prompt: "{p} ", completion: "{c}"}|' t.yaml
    sed -e 's/^name: t/name: u/' -e 's/^metric:.*/metric: {name: eval\/accuracy, goal: maximize}/' t.yaml >u.yaml
    "$BENCH" run t.yaml >/dev/null
    run "$BENCH" run u.yaml
    [ "$status" -eq 0 ]
    want=$(q "SELECT printf('%.6g', value) FROM metric WHERE run = 2 AND key = 'test/accuracy'")
    [ -n "$want" ]
    run "$BENCH" compare u --json
    [ "$(json "'%.6g' % v['arms'][-1]['score']" <<<"$output")" = "$want" ]
    [ "$(q "SELECT printf('%.6g', test_metric) FROM sweep_runs WHERE sweep = 'u' AND run_id = 2")" = "$want" ]
    "$BENCH" report u -o u.html --no-plots >/dev/null
    loss=$(q "SELECT printf('%.4f', test_metric) FROM run WHERE id = 2")
    ! grep -q "<td[^>]*>$loss</td>" u.html
    # one cell in the picture, and the base known: no crash of gnuplot, an origin
    run "$BENCH" plot plane --sweep u
    [ "$status" -eq 0 ]
    [ -s results/plots/u-plane.png ]
}

@test "a picture of a single cell is drawn" {
    sweep one </dev/null
    "$BENCH" run one.yaml >/dev/null
    python3 - <<'PY'
import sqlite3
db = sqlite3.connect("results/bench.db")
db.execute("UPDATE run SET state = 'failed', metric = NULL, eval_loss = NULL WHERE id = 1")
db.commit()
PY
    rm -rf results/plots
    run "$BENCH" plot plane --sweep one
    [ "$status" -eq 0 ]
    [ -s results/plots/one-plane.png ]
}

@test "runs of a process that is gone are interrupted everywhere" {
    sweep dead </dev/null
    "$BENCH" run dead.yaml >/dev/null
    python3 - <<'PY'
import sqlite3
db = sqlite3.connect("results/bench.db")
db.execute("UPDATE run SET state = 'running', ended = NULL, total_s = NULL WHERE id = 2")
db.commit()
PY
    run "$BENCH" status
    [[ $output != *"1 running"* ]]
    run timeout 20 "$BENCH" status --watch 1 </dev/null
    [[ $output != *"1 running"* ]]
    "$BENCH" report dead -o r.html --no-plots >/dev/null
    grep -q interrupted r.html
    ! grep -q '>running<' r.html
}

@test "seeds and steps are printed in full" {
    sweep seeds <<'YAML'
seeds: [20240101]
YAML
    "$BENCH" run seeds.yaml >/dev/null
    run "$BENCH" show 2
    [[ $output == *"seed 20240101"* ]]
}
