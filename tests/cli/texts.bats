#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# generate.max_tokens: evaluations of the lm task that generate texts and score them, as a user meets them.

load ../run_helper

# Four rows learned nearly by heart, two of them with one prompt.
learn() {
    printf '%s\n' '{"q": "What is a zug?", "a": " a red bird"}' '{"q": "What is a dop?", "a": " an old hat"}' \
        '{"q": "What is a zug?", "a": " a small red bird"}' '{"q": "What is a mim?", "a": " the sea at night"}' >rows.jsonl
    cat >learn.yaml <<YAML
name: learn
base:
  model: smoke
  task: lm
  data: {train: rows.jsonl, eval: rows.jsonl, prompt: "{q}", completion: "{a}"}
  train: {steps: 40, batch_size: 4, lr: 2.0e-2, max_length: 32}
  eval: {rows: 2}
  method: lora
  r: 8
  generate: {max_tokens: 8, rows: 0}
$1
YAML
    "$BENCH" run learn.yaml >/dev/null
    run_id=$(q "SELECT run_id FROM runs WHERE method = 'lora'")
}

metric() { q "SELECT round(value, 6) FROM metric WHERE run = $run_id AND key = 'eval/$1' ORDER BY step DESC LIMIT 1"; }

@test "a run's scores of texts are those of the texts that its adapter generates, by bench score" {
    learn
    for p in zug dop mim; do "$BENCH" generate --adapter "$run_id" --max-tokens 8 "What is a $p?" | sed 's/^ *//' >"$p.txt"; done
    python3 - <<'PY'
import json
refs = {"zug": ["a red bird", "a small red bird"], "dop": ["an old hat"], "mim": ["the sea at night"]}
with open("texts.jsonl", "w") as f:
    for k, r in refs.items():
        f.write(json.dumps({"text": open(k + ".txt").read().strip(), "refs": r}) + "\n")
PY
    "$BENCH" score texts.jsonl --json >score.json
    for m in bleu nist rouge_l rouge_l_caption cider; do
        is "$(metric $m)" "$(python3 -c "import json; print(round(json.load(open('score.json'))['$m'], 6))")"
    done
    is "$(metric bleu_lower)" "$("$BENCH" score texts.jsonl --json --lower | python3 -c 'import json, sys; print(round(json.load(sys.stdin)["bleu"], 6))')"
    [ "$(python3 -c "print($(metric rouge_l) > 0.5)")" = True ]
    is "$(q "SELECT group_concat(item) FROM item WHERE run = $run_id AND key = 'eval/rouge_l'")" 0,1,3 # one for each prompt
    is "$(q "SELECT count(*) FROM runs WHERE peak_bytes = peak_bytes_predicted")" 2                     # the base too
}

@test "texts can be the metric of a sweep and a cell of a table" {
    learn "metric: {name: eval/bleu}"
    is "$(q "SELECT metric_name FROM runs WHERE run_id = $run_id")" eval/bleu
    cat >texts.yaml <<'YAML'
title: texts
paper: none
sweep: learn
cells:
  - {row: LoRA, column: BLEU, value: eval/bleu, printed: "70.4", arm: {method: lora}}
  - {row: LoRA, column: ROUGE-L, value: eval/rouge_l, arm: {method: lora}}
YAML
    "$BENCH" table ./texts.yaml --json >table.json
    is "$(python3 -c "import json; print([round(c['computed'], 6) for c in json.load(open('table.json'))['cells']])")" "[$(metric bleu), $(metric rouge_l)]"
    sed -i 's/eval.rouge_l/eval\/rogue/' texts.yaml
    run "$BENCH" table ./texts.yaml
    is "$status" 2
    has "$output" "eval/rogue"
}

@test "what evaluations cannot tell is refused before anything runs" {
    sed 's/^seeds.*/metric: {name: eval\/bleu}/' t.yaml >a.yaml
    run "$BENCH" run a.yaml
    is "$status" 2
    has "$output" "a.yaml:9: metric.name: 'eval/bleu' needs generate.max_tokens"
    sed 's/^  eval:/  generate: {rows: 4}\n  eval:/' t.yaml >b.yaml
    run "$BENCH" run b.yaml
    is "$status" 2
    has "$output" "generate.rows needs generate.max_tokens"
    printf '{"a": "a text"}\n' >rows.jsonl
    sed -e 's/^  data:.*/  data: {train: rows.jsonl, eval: rows.jsonl, completion: "{a}"}/; s/^  eval:/  generate: {max_tokens: 4}\n  eval:/' t.yaml >c.yaml
    run "$BENCH" run c.yaml
    is "$status" 2
    has "$output" "generate.max_tokens needs data.prompt"
    is "$(q "SELECT count(*) FROM metric")" 0
}
