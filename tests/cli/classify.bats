#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# classify.bats - the task `classify`: training a head with methods, its record, its adapters, and what is wrong with data.

load ../run_helper

files() {
    for i in $(seq 24); do
        printf 'the small red stone number %s\tstone\n' "$i"
        printf 'a huge blue horse of %s\tanimal\n' "$i"
        printf 'quick green tree %s\tplant\n' "$i"
    done >all.tsv
    head -60 all.tsv >train.tsv
    tail -12 all.tsv >eval.tsv
}

DATA='{train: train.tsv, eval: eval.tsv, header: false, text: "{1}", label: "{2}"}'

one() { # method, then lines of the base
    method=$1
    shift
    { printf 'name: one\nbase:\n  model: smoke\n  task: classify\n  train: {steps: 30, batch_size: 12, max_length: 32, lr: 1.0e-2}\n'
      printf '  %s\n' "$@"; printf 'variants: [{method: none}, {method: %s}]\n' "$method"; } >one.yaml
}

metric() { q "SELECT round(value, 6) FROM metric m JOIN runs r ON r.run_id = m.run WHERE key = '$1' AND method = '${2:-lora}' ORDER BY step DESC LIMIT 1"; }

refused() { # what, command...
    what=$1
    shift
    run "$@"
    is "$status" 2
    has "$output" "$what"
}

@test "methods learn classes; the untouched model has a random head; memory is as predicted" {
    files
    for method in full lora vera dora; do
        one $method "data: $DATA"
        run "$BENCH" run one.yaml
        is "$status" 0
    done
    is "$(metric eval/accuracy full)" 1.0
    is "$(metric eval/accuracy lora)" 1.0
    is "$(metric eval/f1 lora)" 1.0
    is "$(metric eval/matthews lora)" 1.0
    [ "$(metric eval/accuracy none)" != 1.0 ]
    is "$(q "SELECT count(*) FROM runs WHERE state != 'complete' OR peak_bytes != peak_bytes_predicted OR metric_name != 'eval/accuracy'")" 0
    is "$(q "SELECT count(*) FROM item i JOIN runs r ON r.run_id = i.run WHERE key = 'eval/accuracy' AND weight = 1 AND method = 'lora'")" 12
}

@test "an adapter carries the head, as PEFT saves modules; bench eval finds the run's scores again" {
    files
    one lora "data: $DATA"
    "$BENCH" run one.yaml
    run "$BENCH" eval --adapter "$(q "SELECT run_id FROM runs WHERE method = 'lora'")"
    is "$status" 0
    has "$output" "$(printf 'eval/loss            %.6f' "$(metric eval/loss)")"
    has "$output" "eval/accuracy        1.000000"
    dir1=$(q "SELECT checkpoint_path FROM runs WHERE method = 'lora'")
    run python3 - "$dir1" <<'PY'
import json, struct, sys
c = json.load(open(sys.argv[1] + "/adapter_config.json"))
f = open(sys.argv[1] + "/adapter_model.safetensors", "rb")
h = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
print(c["task_type"], c["modules_to_save"], h["base_model.model.score.weight"]["shape"])
PY
    is "$output" "SEQ_CLS ['score'] [3, 64]"
    # another file: the adapter brings its classes along; where it does not, their order must be given
    run "$BENCH" eval --adapter "$dir1" --model smoke --data eval.tsv --set data.header=false --max-length 32 \
        --set 'data.text="{1}"' --set 'data.label="{2}"'
    is "$status" 0
    has "$output" "eval/accuracy        1.000000"
    rm "$dir1/task.json"
    refused "give data.labels" "$BENCH" eval --adapter "$dir1" --model smoke --task classify --data eval.tsv --set data.header=false \
        --set 'data.text="{1}"' --set 'data.label="{2}"'
    run "$BENCH" eval --adapter "$dir1" --model smoke --task classify --data eval.tsv --set data.header=false --max-length 32 \
        --set 'data.text="{1}"' --set 'data.label="{2}"' --set 'data.labels=[animal, plant, stone]'
    is "$status" 0
    has "$output" "eval/accuracy        1.000000"
}

@test "whole numbers as labels are in their order; two classes have an F1 of their own" {
    for i in $(seq 20); do printf 'red stone\t10\nblue horse\t9\n'; done >train.tsv
    cp train.tsv eval.tsv
    one lora "data: $DATA"
    "$BENCH" run one.yaml
    is "$(metric eval/f1)" 1.0
    run "$BENCH" eval --adapter "$(q "SELECT checkpoint_path FROM runs WHERE method = 'lora'")" --model smoke --task classify --data eval.tsv \
        --set data.header=false --set 'data.text="{1}"' --set 'data.label="{2}"' --set 'data.labels=[9, 10]'
    has "$output" "eval/accuracy        1.000000"
}

@test "a second text is read behind the first" {
    for i in $(seq 24); do printf 'red stone\ta huge thing\tno\nred stone\tred stone\tyes\n'; done >train.tsv
    cp train.tsv eval.tsv
    one full 'data: {train: train.tsv, eval: eval.tsv, header: false, text: "{1}", text2: "{2}", label: "{3}"}'
    "$BENCH" run one.yaml
    is "$(metric eval/accuracy full)" 1.0
    [ "$(metric eval/accuracy none)" != 1.0 ]
}

@test "labels that training never saw, blank labels, a single class, too many: file and line, before anything runs" {
    files
    printf 'a thing\tunknown\n' >>eval.tsv
    one lora "data: $DATA" "eval: {rows: 0}"
    refused "eval.tsv:13: the label 'unknown' is none of the 3 classes (animal, plant, ...)" "$BENCH" run one.yaml
    files
    printf 'a thing\t \n' >>train.tsv
    refused "train.tsv:61: the label is blank" "$BENCH" run one.yaml
    head -1 all.tsv >train.tsv
    refused "all rows have the label 'stone'" "$BENCH" run one.yaml
    for i in $(seq 4097); do printf 'x\tl%s\n' "$i"; done >train.tsv
    refused "train.tsv:4097: more than 4096 different labels" "$BENCH" run one.yaml
    files
    one lora 'data: {train: train.tsv, eval: eval.tsv, header: false, text: "{1}"}'
    refused "needs data.text and data.label" "$BENCH" run one.yaml
    one lora 'data: {train: train.tsv, eval: eval.tsv, header: false, text: "{1}", label: "{2}", labels: [a, a]}'
    refused "data.labels: a list of different texts" "$BENCH" run one.yaml
    [ ! -e results/bench.db ] || is "$(q "SELECT count(*) FROM run")" 0
}

@test "blank texts are left out and counted, long ones are cut and counted" {
    files
    printf ' \tstone\n' >>eval.tsv
    printf 'one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen\tstone\n' >>eval.tsv
    one lora "data: $DATA" "eval: {rows: 0}"
    run "$BENCH" run one.yaml
    is "$status" 0
    has "$output" "1 eval rows have a blank text and were left out"
    has "$output" "1 eval texts are longer than 32 tokens and were cut"
}
