#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bench import: checkpoints of the original loralib become adapters; hostile files are refused and run nothing.

load ../run_helper

GOLDEN=$BATS_TEST_DIRNAME/../golden/loralib

# Worst difference from what loralib computed, relative to the largest logit: differs NAME --model M --adapter DIR
differs() {
    local name=$1 && shift
    python3 -c 'print(*[(7 * i * i + 3 * i + 11) % 480 for i in range(24)])' >ids
    "$BENCH" logits "$@" --ids -i ids -o l.npy
    python3 - "$name" "$GOLDEN/golden.safetensors" <<'P'
import array, json, sys
b = open(sys.argv[2], "rb").read()
n = int.from_bytes(b[:8], "little")
at = json.loads(b[8:8 + n])[sys.argv[1]]["data_offsets"]
want = array.array("f", b[8 + n + at[0]:8 + n + at[1]])
b = open("l.npy", "rb").read()
got = array.array("f", b[10 + int.from_bytes(b[8:10], "little"):])[-len(want):]
print(max(abs(x - y) for x, y in zip(got, want)) / max(map(abs, want)))
P
}

below() { python3 -c 'import sys; x, y = map(float, sys.argv[1:]); sys.exit(not x < y)' "$1" "$2" || { echo "$1 is not below $2"; return 1; }; }

refused() { # CODE WORDS ARGUMENTS
    local code=$1 words=$2 && shift 2
    run "$BENCH" import "$@"
    is "$status" "$code"
    has "$output" "$words"
    [ ! -e out ] && [ -z "$(ls -d out.tmp* 2>/dev/null)" ]
    [ ! -e pwned ]
}

make_file() { python3 "$BATS_TEST_DIRNAME/torch_file.py" "$@"; }

@test "what loralib saved computes what loralib computed: both forms of torch.save, safetensors, a fused layer" {
    for f in llama.pt llama.safetensors; do
        "$BENCH" import "$GOLDEN/$f" --model smoke --alpha 6 -o "$f.d"
        below "$(differs llama --model smoke --adapter "$f.d")" 1e-5
    done
    cmp llama.pt.d/adapter_model.safetensors llama.safetensors.d/adapter_model.safetensors
    "$BENCH" import "$GOLDEN/llama_old.pt" --model smoke --alpha 6 -o old
    below "$(differs llama --model smoke --adapter old)" 2e-2 # it is in bfloat16
    python3 "$BATS_TEST_DIRNAME/gpt2_folder.py" "$BATS_TEST_DIRNAME/../../build/share/models/smoke" g
    run "$BENCH" import "$GOLDEN/gpt2.pt" --model g --alpha 5 -o g2
    has "$output" "g2: 2 layers, r 6, lora_alpha 10"
    below "$(differs gpt2 --model g --adapter g2)" 1e-5
    "$BENCH" import "$GOLDEN/gpt2.pt" --model g --alpha 5 --blocks qk -o wrong
    below 1e-3 "$(differs gpt2 --model g --adapter wrong)"
}

@test "layers of different ranks become one adapter; it can be trained on" {
    p=model.layers.0.self_attn
    make_file good a.pt $p.q_proj.lora_A=2x64 $p.q_proj.lora_B=64x2 $p.k_proj.lora_A=4x64 $p.k_proj.lora_B=32x4
    run "$BENCH" import a.pt --model smoke --alpha 8 -o out
    has "$output" "out: 2 layers, r 4, lora_alpha 16"
    "$BENCH" run t.yaml --set method=lora --set r=4 --set lora_alpha=16 --set seeds=0 --set init=out --set "target_modules={modules: [q_proj, k_proj], layers: 0}" >/dev/null
    is "$(q "select state from runs where method = 'lora'")" complete
}

@test "a hostile file runs nothing and is refused with the reason" {
    t="model.layers.0.self_attn.q_proj.lora_A=4x64 model.layers.0.self_attn.q_proj.lora_B=64x4"
    while read -r kind words; do
        make_file "$kind" "$kind.pt" $t
        refused 2 "$words" "$kind.pt" --model smoke --alpha 8 -o out
        has "$output" "$kind.pt: "
    done <<'L'
evil it asks for posix.system, which a checkpoint of tensors has no use for
evil_old it asks for posix.system
module it asks for torch.Linear
compressed its entries are compressed
outside it is damaged or cut off
huge it is damaged or cut off
ring nested more than 4 deep
nested larger than the file can hold
cut it is damaged or cut off
L
    head -c 100000 /dev/urandom >noise.pt
    refused 2 "neither a zip archive nor the older form" noise.pt --model smoke --alpha 8 -o out
    : >empty.pt
    refused 2 "empty.pt" empty.pt --model smoke --alpha 8 -o out
}

@test "what is not there, does not fit or is left over is refused by name" {
    p=model.layers.0.self_attn.q_proj
    make_file good half.pt $p.lora_A=4x64
    refused 2 "is there without its lora_B" half.pt --model smoke --alpha 8 -o out
    make_file good shape.pt $p.lora_A=4x60 $p.lora_B=64x4
    refused 2 "fits no layer of 64 inputs and 64 outputs" shape.pt --model smoke --alpha 8 -o out
    make_file good far.pt model.layers.9.self_attn.q_proj.lora_A=4x64
    refused 2 "belongs to no linear layer of this model" far.pt --model smoke --alpha 8 -o out
    make_file good none.pt classifier.weight=2x2
    refused 2 "--skip-others leaves such tensors out" none.pt --model smoke --alpha 8 -o out
    refused 2 "has no tensor lora_A or lora_B" none.pt --model smoke --alpha 8 -o out --skip-others
    make_file good more.pt $p.lora_A=4x64 $p.lora_B=64x4 classifier.weight=2x2
    run "$BENCH" import more.pt --model smoke --alpha 8 -o kept --skip-others
    is "$status" 0
    has "$output" "1 other tensor left out"
    python3 "$BATS_TEST_DIRNAME/gpt2_folder.py" "$BATS_TEST_DIRNAME/../../build/share/models/smoke" g
    make_file good one.pt h.0.attn.c_attn.lora_A=3x32 h.0.attn.c_attn.lora_B=32x3
    refused 2 "adapts 1 of 3 blocks of transformer.h.0.attn.c_attn: which ones" one.pt --model g --alpha 5 -o out
    "$BENCH" import one.pt --model g --alpha 5 --blocks v -o v
    for wrong in "" "-o out" "-o out --model smoke" "-o out --model smoke --alpha x" "-o out --model smoke --alpha -1" "-o out --model smoke --alpha 8 --blocks qq"; do
        run "$BENCH" import more.pt $wrong
        is "$status" 2
    done
    refused 2 "kept: exists already" more.pt --model smoke --alpha 8 -o kept --skip-others
    refused 2 "cannot open" nowhere.pt --model smoke --alpha 8 -o out
    run bash -c "ulimit -f 1; '$BENCH' import more.pt --model smoke --alpha 8 -o out --skip-others"
    is "$status" 3
    [ ! -e out ] && [ -z "$(ls -d out.tmp* 2>/dev/null)" ]
}
