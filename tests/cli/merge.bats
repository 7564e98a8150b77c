#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bench merge: a folder that computes what base and adapter compute; nothing of the user's is written over.

load ../run_helper

runs() {
    cat >m.yaml <<'Y'
name: m
base: {model: smoke, task: lm, data: {name: smoke}, r: 4, lora_alpha: 8, delta_start: 4, train: {steps: 8, lr: 1.0e-2}, eval: {rows: 5}}
variants:
  - {method: [lora, delta_lora]}
Y
    "$BENCH" run m.yaml >/dev/null
}

# Worst difference of the logits of a text, relative to the largest: logits_differ ARGS_A -- ARGS_B
logits_differ() {
    local a=() b=()
    while [ "$1" != -- ]; do a+=("$1") && shift; done
    shift
    b=("$@")
    echo "the small dog sees a red house 17 times" >text
    "$BENCH" logits "${a[@]}" -i text -o a.npy
    "$BENCH" logits "${b[@]}" -i text -o b.npy
    python3 - <<'P'
import array
def load(p):
    b = open(p, "rb").read()
    return array.array("f", b[10 + int.from_bytes(b[8:10], "little"):])
a, b = load("a.npy"), load("b.npy")
assert len(a) == len(b) > 480
print(max(abs(x - y) for x, y in zip(a, b)) / max(map(abs, a)))
P
}

below() { python3 -c 'import sys; x, y = map(float, sys.argv[1:]); sys.exit(not x < y)' "$1" "$2" || { echo "$1 is not below $2"; return 1; }; }

@test "merged, the model computes what it computes with the adapter; so does Delta-LoRA's" {
    runs
    for m in lora delta_lora; do
        id=$(q "select run_id from runs where method = '$m'")
        run "$BENCH" merge "$id" -o "out/$m"
        is "$status" 0
        has "$output" "out/$m: smoke with the lora adapter of $id"
        ls "out/$m" | tr '\n' ' ' >list
        is "$(cat list)" "config.json model.safetensors tokenizer.json tokenizer_config.json "
        d=$(logits_differ --model smoke --adapter "$id" --db results/bench.db -- --model "out/$m")
        below "$d" 1e-5
        below 1e-3 "$(logits_differ --model smoke -- --model "out/$m")"
    done
    is "$(ls out | wc -l)" 2 # and no temporary folder
}

@test "an adapter's folder knows its base; --model is a stand-in; --type bf16 halves the file" {
    runs
    path=$(q "select checkpoint_path from runs where method = 'lora'")
    "$BENCH" merge "$path" -o a
    "$BENCH" merge "$path" -o b --model smoke
    cmp a/model.safetensors b/model.safetensors
    mkdir c # empty: taken
    "$BENCH" merge "$path" -o c/ --type bf16
    [ "$(stat -c %s c/model.safetensors)" -lt $(($(stat -c %s a/model.safetensors) * 6 / 10)) ]
    below "$(logits_differ --model a -- --model c)" 3e-2
    sed -i 's/"smoke"/"nobody\/nothing"/' "$path/adapter_config.json"
    run "$BENCH" merge "$path" -o d
    is "$status" 2
    has "$output" "--model is missing: the adapter names 'nobody/nothing' as its base"
    [ ! -e d ]
}

@test "a GPT-2 is merged in the layout of its files" {
    python3 "$BATS_TEST_DIRNAME/gpt2_folder.py" "$BATS_TEST_DIRNAME/../../build/share/models/smoke" g
    "$BENCH" run t.yaml --set model=g --set target_modules=all-linear --set train.lr=0.01 >/dev/null
    id=$(q "select run_id from runs where method = 'lora' and r = 2 and seed = 0")
    "$BENCH" merge "$id" -o out
    below "$(logits_differ --model g --adapter "$id" --db results/bench.db -- --model out)" 1e-5
    below 1e-4 "$(logits_differ --model g -- --model out)"
}

@test "what is there already stays; nothing is left behind where it cannot be written" {
    runs
    id=$(q "select run_id from runs where method = 'lora'")
    mkdir full && echo mine >full/notes.txt && echo mine >file
    for out in full file; do
        run "$BENCH" merge "$id" -o $out
        is "$status" 2
        has "$output" "$out: exists already"
    done
    is "$(cat full/notes.txt file | tr '\n' ' ')" "mine mine "
    run "$BENCH" merge "$id" -o file/below
    is "$status" 3
    run bash -c "ulimit -f 100; '$BENCH' merge $id -o big"
    is "$status" 3
    has "$output" "model.safetensors: cannot write"
    [ ! -e big ] && [ -z "$(ls -d big* 2>/dev/null)" ]
}

@test "what it cannot merge is refused: no adapter, a whole model, another model's adapter, wrong words" {
    runs
    run "$BENCH" merge 999 -o out
    is "$status" 2
    has "$output" "there is no run 999"
    run "$BENCH" merge "$BATS_TEST_DIRNAME/../../build/share/models/smoke" -o out
    is "$status" 2
    has "$output" "whole model, not an adapter"
    run "$BENCH" merge nowhere -o out
    is "$status" 2
    python3 "$BATS_TEST_DIRNAME/gpt2_folder.py" "$BATS_TEST_DIRNAME/../../build/share/models/smoke" g
    run "$BENCH" merge "$(q "select checkpoint_path from runs where method = 'lora'")" --model g -o out
    is "$status" 2
    has "$output" "matches no layer of this model"
    run "$BENCH" merge 1
    is "$status" 2
    has "$output" "--output is missing"
    run "$BENCH" merge 1 -o out --type q4
    is "$status" 2
    has "$output" "--type: 'q4' is unknown, it is one of f32, f16, bf16"
    run "$BENCH" merge -o out
    is "$status" 2
    [ ! -e out ]
}
