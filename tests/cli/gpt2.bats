#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# GPT-2 through the commands: a sweep over methods, what it leaves, what loads it again; methods that train vectors of the base.

bats_require_minimum_version 1.5.0

load ../run_helper

setup_model() {
    python3 "$BATS_TEST_DIRNAME/gpt2_folder.py" "$BATS_TEST_DIRNAME/../../build/share/models/smoke" gpt2
    cat >g.yaml <<'YAML'
name: g
base:
  model: gpt2
  task: lm
  data: {name: smoke}
  train: {steps: 4, batch_size: 2, lr: 5.0e-3, max_length: 48}
  eval: {rows: 4}
  target_modules: attention
variants:
  - {method: [none, full, bitfit, norms, delta_lora, vera]}
  - {method: lora, parameters: {target_modules: [c_attn, [c_attn, mlp.c_proj], all-linear]}}
save: all
YAML
}

# field METHOD COLUMN
field() { q "select $2 from runs where method = '$1' order by run_id limit 1"; }

@test "a sweep over GPT-2 runs every method, and predicts its memory to the byte" {
    setup_model
    run "$BENCH" run g.yaml
    is "$status" 0
    is "$(q "select count(*) from runs where state = 'complete' and peak_bytes = peak_bytes_predicted")" 9
    is "$(field bitfit trainable)" $((2 * (96 + 32 + 128 + 32 + 2 * 32) + 32))
    is "$(field norms trainable)" $((2 * 4 * 32 + 2 * 32))
    is "$(field full trainable)" "$(field full total_params)"
    is "$(field bitfit target_modules)" ""
    is "$(q "select count(*) from runs where method in ('bitfit', 'norms', 'full') and eval_loss < base_eval_loss")" 3
    grep -q '"fan_in_fan_out": true' "$(field lora checkpoint_path)/adapter_config.json"
    grep -q '"transformer.h.0.mlp.c_proj"' "$(q "select checkpoint_path from runs where target_modules = 'c_attn,mlp.c_proj'")/adapter_config.json"
}

@test "what a run on GPT-2 saved scores as the run did: adapters, biases, norms, the whole model" {
    setup_model
    "$BENCH" run g.yaml
    for method in lora delta_lora vera bitfit norms; do
        run --separate-stderr "$BENCH" eval --model gpt2 --adapter "$(field $method run_id)" --rows 4 --max-length 48 --json
        is "$status" 0
        close "$(python3 -c 'import json,sys; print(json.load(sys.stdin)["eval/loss"])' <<<"$output")" "$(field $method eval_loss)"
    done
    run "$BENCH" generate --model gpt2 --adapter "$(field bitfit checkpoint_path)" --max-tokens 3 "What"
    is "$status" 0
    run --separate-stderr "$BENCH" eval --model "$(field full checkpoint_path)" --data smoke --rows 4 --max-length 48 --json
    close "$(python3 -c 'import json,sys; print(json.load(sys.stdin)["eval/loss"])' <<<"$output")" "$(field full eval_loss)"
}

# close A B: to the sixth digit.
close() { python3 -c 'import sys; a, b = map(float, sys.argv[1:]); sys.exit(abs(a - b) > 1e-6 * abs(b) and "%r is not %r" % (a, b))' "$1" "$2"; }

@test "bitfit on a model without biases is refused before anything runs, with the remedy" {
    sed -i 's/{method: lora, .*/{method: [lora, bitfit]}/' t.yaml
    run "$BENCH" run t.yaml
    is "$status" 2
    has "$output" "bitfit"
    has "$output" "no biases"
    has "$output" "method: norms"
    [ ! -e results/bench.db ] || is "$(q 'select count(*) from run')" 0
}

@test "norms train on a model without biases" {
    sed -i 's/{method: lora, .*/{method: norms}/' t.yaml
    run "$BENCH" run t.yaml
    is "$status" 0
    is "$(q "select count(*) from runs where method = 'norms' and state = 'complete' and trainable = 5 * 64")" 2
}

@test "GPT-2 with a field that is not implemented is refused by name" {
    setup_model
    sed -i 's/gelu_new/relu/' gpt2/config.json
    run "$BENCH" run g.yaml
    is "$status" 2
    has "$output" "activation_function"
    has "$output" "gpt2"
}
