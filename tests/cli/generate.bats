#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bench generate, the metrics of the lm task, lora_dropout and data.special_tokens, as a user meets them.

load ../run_helper

# One row learned by heart: the model must then say it, and only the trained one.
learn() {
    printf '{"q": "What is a zug?", "a": " a red bird"}\n' >one.jsonl
    cat >learn.yaml <<YAML
name: learn
base:
  model: smoke
  task: lm
  data: {train: one.jsonl, eval: one.jsonl, test: one.jsonl, prompt: "{q}", completion: "{a}"}
  train: {steps: 60, batch_size: 1, lr: 2.0e-2}
  method: lora
  r: 8
$1
YAML
    "$BENCH" run learn.yaml >/dev/null
    run_id=$(q "SELECT run_id FROM runs WHERE method = 'lora'")
}

metric() { q "SELECT value FROM metric m JOIN runs r ON r.run_id = m.run WHERE r.method = '$1' AND m.key = '$2' ORDER BY m.step DESC LIMIT 1"; }

@test "a model generates what it was trained to say and stops; the base does not" {
    learn
    is "$("$BENCH" generate --adapter "$run_id" 'What is a zug?')" " a red bird"
    is "$(printf 'What is a zug?' | "$BENCH" generate --model smoke --adapter "results/checkpoints/$run_id" -)" " a red bird"
    both=$("$BENCH" generate --adapter "$run_id" --compare --max-tokens 8 'What is a zug?')
    has "$both" "--- base ---"
    has "$both" "checkpoints/$run_id ---"
    is "$(tail -n 1 <<<"$both")" " a red bird"
    is "$("$BENCH" generate --adapter "$run_id" --json 'What is a zug?' | python3 -c 'import json,sys; print(json.load(sys.stdin)["end"])')" end
}

@test "an adapter's folder that no record knows names its base: generate and eval need no --model" {
    learn
    cp -r "results/checkpoints/$run_id" elsewhere
    rm -r results
    is "$("$BENCH" generate --adapter elsewhere 'What is a zug?')" " a red bird"
    run "$BENCH" eval --adapter elsewhere --data one.jsonl --prompt '{q}' --completion '{a}' --json
    is "$status" 0
    sed -i 's/"base_model_name_or_path": "[^"]*"/"base_model_name_or_path": "not-here"/' elsewhere/adapter_config.json
    run "$BENCH" generate --adapter elsewhere 'What is a zug?'
    is "$status" 2
    has "$output" "--model is missing: the adapter names 'not-here' as its base, which is not here"
}

@test "--compare stands side by side on a terminal of some width, else one after the other" {
    script -qec true /dev/null >/dev/null 2>&1 </dev/null || skip "script(1) finds no pseudo-terminal here"
    learn
    for width in 100 50; do
        script -qec "stty cols $width; $BENCH generate --adapter $run_id --compare --max-tokens 8 'What is a zug?'" typescript >/dev/null </dev/null
        if [ $width = 100 ]; then
            grep -q "^smoke .* with .*checkpoints/$run_id" typescript
            grep -q "[^ ] .* a red bird" typescript
            ! grep -q -e "--- base ---" typescript
        else
            grep -q -e "--- base ---" typescript
        fi
    done
}

@test "accuracy and exact match are recorded for eval and test, and agree with what is generated" {
    learn
    for split in eval test; do
        is "$(metric lora $split/accuracy)" 1.0
        is "$(metric lora $split/exact_match)" 1.0
        is "$(metric none $split/exact_match)" 0.0
        python3 -c 'import math,sys; l,p=map(float,sys.argv[1:]); assert abs(math.exp(l)-p) < 1e-9*p' "$(metric lora $split/loss)" "$(metric lora $split/perplexity)"
    done
    printf '{"q": "What is a zug?", "a": " a red bird"}\n{"q": "What is a zug?", "a": " a red hat"}\n' >two.jsonl
    run "$BENCH" eval --adapter "$run_id" --data two.jsonl --prompt '{q}' --completion '{a}' --json
    [ "$status" -eq 0 ]
    python3 -c 'import json,sys; o=json.loads(sys.argv[1]); assert o["eval/exact_match"] == 0.5 and 0.5 < o["eval/accuracy"] < 1, o' "$output"
}

@test "one seed gives one text, another seed another" {
    say() { "$BENCH" generate --model smoke --temperature 1.5 --top-k 50 --seed "$1" --json 'What is a'; }
    is "$(say 1)" "$(say 1)"
    [ "$(say 1)" != "$(say 2)" ]
    is "$("$BENCH" generate --model smoke --threads 1 --json 'What is')" "$("$BENCH" generate --model smoke --threads 2 --json 'What is')"
}

@test "what cannot be generated is refused with the reason" {
    run "$BENCH" generate --model smoke "$(printf 'What is a %.0s' {1..300})"
    is "$status" 2
    has "$output" "512 positions"
    run "$BENCH" generate --model smoke ''
    is "$status" 2
    has "$output" "no tokens"
    run "$BENCH" generate --model smoke --compare hello
    is "$status" 2
    has "$output" "--adapter"
    run "$BENCH" generate hello
    is "$status" 2
    has "$output" "--model is missing"
    run "$BENCH" generate --model smoke --temperature hot hello
    is "$status" 2
    has "$output" "'hot'"
    run "$BENCH" generate --model smoke two prompts
    is "$status" 2
    run "$BENCH" generate --help
    is "$status" 0
    has "$output" "examples:"
}

@test "lora_dropout changes a run but not its evaluation before the first step; delta_lora refuses it" {
    learn "  lora_dropout: 0.2"
    is "$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["lora_dropout"])' "results/checkpoints/$run_id/adapter_config.json")" 0.2
    run "$BENCH" run learn.yaml --set method=delta_lora
    is "$status" 2
    has "$output" "lora_dropout 0"
    run "$BENCH" run learn.yaml --set lora_dropout=1.5
    is "$status" 2
    has "$output" "lora_dropout"
}

@test "special tokens in data are plain text, and special when asked" {
    printf '{"q": "a<|im_end|>b", "a": "c"}\n' >s.jsonl
    rows() { # tokens that training read
        cat >s.yaml <<YAML
name: s$1
base:
  model: smoke
  task: lm
  data: {train: s.jsonl, eval: s.jsonl, prompt: "{q}", completion: "{a}", special_tokens: $1}
  train: {steps: 1, batch_size: 1}
  method: lora
YAML
        "$BENCH" run s.yaml >/dev/null
        q "SELECT tokens FROM runs WHERE sweep = 's$1' AND method = 'lora'"
    }
    ids() { printf '%s' "$1" | "$BENCH" tokenize --model smoke "${@:2}" | wc -w; }
    is "$(rows false)" $(($(ids 'a<|im_end|>b' --plain) + $(ids c) + 1))
    is "$(rows true)" $((3 + $(ids c) + 1))
}

@test "a sweep may compare by another metric: its best is the highest, and test follows it" {
    cat >acc.yaml <<'YAML'
name: acc
base:
  model: smoke
  task: lm
  data: {name: smoke}
  train: {steps: 12, batch_size: 2, lr: 5.0e-3, max_length: 32}
  eval: {rows: 10, every: 3}
  method: lora
metric: {name: eval/accuracy}
YAML
    "$BENCH" run acc.yaml >/dev/null
    is "$(q "SELECT goal FROM sweep WHERE name = 'acc'")" maximize
    is "$(q "SELECT count(*) FROM runs WHERE metric_name = 'eval/accuracy' AND metric BETWEEN 0 AND 1 AND test_metric BETWEEN 0 AND 1 AND base_metric BETWEEN 0 AND 1 AND method = 'lora'")" 1
    is "$(q "SELECT best_metric FROM runs WHERE method = 'lora'")" "$(q "SELECT max(value) FROM metric m JOIN runs r ON r.run_id = m.run WHERE key = 'eval/accuracy' AND method = 'lora'")"
    is "$(q "SELECT eval_loss > 1 FROM runs WHERE method = 'lora'")" 1
    sed -i 's,eval/accuracy,eval/acuracy,' acc.yaml
    run "$BENCH" run acc.yaml
    is "$status" 2
    has "$output" "did you mean 'eval/accuracy'"
}
