#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# init: a run starts from a saved adapter and goes on training it.

load ../run_helper

setup_runs() {
    cat >first.yaml <<'Y'
name: first
base: {model: smoke, task: lm, data: {name: smoke}, r: 4, lora_alpha: 8, train: {steps: 6, lr: 1.0e-2}, eval: {rows: 5}}
variants:
  - {method: lora}
  - {method: vera, r: 16}
  - {method: norms}
Y
    "$BENCH" run first.yaml >/dev/null
    for m in lora vera norms; do
        eval "$m=$(q "select run_id from runs where method = '$m'")"
    done
    cat >next.yaml <<Y
name: next
base: {model: smoke, task: lm, data: {name: smoke}, r: 4, lora_alpha: 8, delta_start: 0, train: {steps: 3, lr: 0}, eval: {rows: 5}}
variants:
  - {method: [lora, lora_fa, lora_plus, delta_lora], init: $lora}
  - {method: vera, r: 16, init: $vera}
  - {method: norms, init: $norms}
Y
    cat >one.yaml <<Y
name: one
base: {model: smoke, task: lm, data: {name: smoke}, method: lora, init: $lora, r: 4, lora_alpha: 8, train: {steps: 3, lr: 0}, eval: {rows: 5}}
Y
}

@test "a run starts where the adapter left off, whatever method goes on with it" {
    setup_runs
    "$BENCH" run next.yaml >/dev/null
    is "$(q "select count(*) from runs where sweep = 'next' and state = 'complete'")" 6
    is "$(q "select n.method, n.seed from runs n join runs f on f.sweep = 'first' and f.method = case when n.method in ('vera', 'norms') then n.method else 'lora' end where n.sweep = 'next' and abs(n.eval_loss - f.eval_loss) > 1e-6")" ""
    "$BENCH" run next.yaml --set train.lr=0.01 >/dev/null
    is "$(q "select count(*) from runs where sweep = 'next' and lr > 0 and state = 'complete' and peak_bytes = peak_bytes_predicted")" 6
    # and what they saved scores as they did: Delta-LoRA's form with a B that did not start at zero too
    for id in $(q "select run_id from runs where sweep = 'next' and lr > 0"); do
        loss=$("$BENCH" eval --adapter "$id" --rows 5 --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["eval/loss"])')
        is "$(q "select abs(eval_loss - $loss) < 1e-5 from runs where run_id = $id")" 1
    done
}

@test "k steps and then m from what was saved, with SGD, are k + m steps" {
    cat >sgd.yaml <<'Y'
name: sgd
base: {model: smoke, task: lm, data: {name: smoke}, method: lora, r: 4, train: {steps: 8, lr: 0.5, optimizer: sgd, schedule: constant, shuffle: false, batch_size: 2}, eval: {rows: 5, every: 4}}
Y
    "$BENCH" run sgd.yaml >/dev/null
    "$BENCH" run sgd.yaml --set train.steps=4 >/dev/null
    half=$(q "select run_id from runs where steps = 4")
    is "$(q "select m.value = r.eval_loss from metric m, runs r where m.run = (select run_id from runs where steps = 8) and m.key = 'eval/loss' and m.step = 4 and r.run_id = $half")" 1
    # rows go on from the first again: 8 steps over rows 0-15 are 4 over 0-7 and 4 over 8-15
    "$BENCH" run sgd.yaml --set train.steps=4 --set init="$half" >/dev/null
    is "$(q "select count(*) from runs where steps = 4 and train_loss < (select train_loss from runs where run_id = $half)")" 1
}

@test "the adapter's contents are part of a run's identity, its place is not" {
    setup_runs
    "$BENCH" run one.yaml >/dev/null
    cp -r "results/checkpoints/$lora" elsewhere
    run "$BENCH" run one.yaml --set init=elsewhere
    is "$status" 0
    lacks "$output" "[1/1]"
    "$BENCH" run first.yaml --set seeds=1 --set method=lora >/dev/null
    cp "results/checkpoints/$(q "select max(run_id) from runs where sweep = 'first' and method = 'lora'")/"* elsewhere/
    run "$BENCH" run one.yaml --set init=elsewhere
    has "$output" "[1/1] lora"
}

@test "what does not fit is refused before anything runs, with the line and the remedy" {
    setup_runs
    refused() { # words, then the arguments
        want=$1 && shift
        run "$BENCH" run "$@" --dry-run
        is "$status" 2
        has "$output" "$want"
        run "$BENCH" plan "$@"
        is "$status" 2
    }
    refused "one.yaml:2: init: " one.yaml --set r=8
    refused "its r is 4, this run's is 8: write \`r: 4\`" one.yaml --set r=8
    refused "its lora_alpha is 8, this run's is 16" one.yaml --set lora_alpha=16
    "$BENCH" run one.yaml --dry-run --set controls=auto --set method=lora_plus >out 2>&1
    has "$(cat out)" "a run with \`init\` has no control arms"
    refused "are target_modules the same?" one.yaml --set target_modules=q_proj
    refused "there is no run 99" one.yaml --set init=99
    refused "neither an adapter's folder nor a run's number" one.yaml --set init=nowhere
    sed -i 's/r: 4, lora_alpha: 8, //' one.yaml
    refused "is no start for method vera" one.yaml --set method=vera
    refused "method full does not start from an adapter" one.yaml --set method=full
    is "$(q "select count(*) from runs where sweep = 'one'")" 0
}
