#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# trust.bats - what has changed or is no number is told by every command that would use it; what merge writes is the whole model.

load ../run_helper

trained() { # an adapter of a few steps on folder m
    cp -r "$BATS_TEST_DIRNAME/../../build/share/models/smoke" m
    chmod -R u+w m
    printf 'name: one\nbase: {model: m, task: lm, data: {name: smoke}, train: {steps: 2, batch_size: 2, max_length: 32}, eval: {rows: 2}}\nvariants: [{method: lora, parameters: {r: [2]}}]\n' >one.yaml
    "$BENCH" run one.yaml
    adapter=$(q "SELECT checkpoint_path FROM runs WHERE method = 'lora'")
    run_id=$(q "SELECT run_id FROM runs WHERE method = 'lora'")
    echo "5 9 12 40" >ids
}

every_command() { # model, adapter or run, what each must say
    for command in "logits --ids -i ids -o x.npy --model $1 --adapter $2" "generate --max-tokens 2 --model $1 --adapter $2 hello" "eval --data smoke --rows 2 --model $1 --adapter $2" \
        "merge $2 --model $1 -o out" "export $2 --model $1 --gguf out.gguf" "export $2 --model $1 --gguf-lora lora.gguf"; do
        # shellcheck disable=SC2086
        run "$BENCH" $command
        is "$status" 2
        has "$output" "$3"
        [ ! -e x.npy ] && [ ! -e out ] && [ ! -e out.gguf ] && [ ! -e lora.gguf ]
    done
}

change() { # file: its last four bytes
    python3 - "$1" <<'PY'
import struct, sys
d = bytearray(open(sys.argv[1], "rb").read())
d[-4:] = struct.pack("<f", 2.0)
open(sys.argv[1], "wb").write(d)
PY
}

@test "an adapter whose base has changed since is used by no command without a word" {
    trained
    cp -r m before
    change m/model.safetensors
    every_command m "$adapter" "the base has changed since the adapter"
    every_command m "$run_id" "the base has changed since the adapter"
    printf 'name: on\nbase: {model: m, init: %s, task: lm, data: {name: smoke}, train: {steps: 2, batch_size: 2, max_length: 32}, eval: {rows: 2}}\nvariants: [{method: lora, parameters: {r: [2]}}]\n' "$adapter" >on.yaml
    run "$BENCH" run on.yaml
    [ "$status" -ne 0 ]
    has "$output$(q "SELECT error FROM runs WHERE sweep = 'on'")" "the base has changed since the adapter"
    # another path is another matter, and so is a user who knows it
    "$BENCH" logits --ids -i ids -o y.npy --model before --adapter "$adapter"
    sed -i '/"base"/,/}/d; s/",$/"/' "$adapter/task.json"
    "$BENCH" logits --ids -i ids -o z.npy --model m --adapter "$adapter"
}

@test "an adapter that is not the file that was saved is used by no command without a word" {
    trained
    change "$adapter/adapter_model.safetensors"
    every_command m "$adapter" "is not the file that was saved there"
    every_command m "$run_id" "is not the file that was saved there"
}

@test "weights that are no numbers, and sums that overflow: no command gives what came of them" {
    trained
    cp -r m whole
    python3 "$BATS_TEST_DIRNAME/damage.py" m/model.safetensors nan
    sed -i '/"base"/,/}/d; s/",$/"/' "$adapter/task.json"
    every_command m "$adapter" "is not finite at row"
    run "$BENCH" embed --model m -i ids -o x.npy
    is "$status" 2
    has "$output" "is not finite at row"
    run "$BENCH" export --model m --gguf out.gguf
    is "$status" 2
    run "$BENCH" run one.yaml
    is "$status" 1
    is "$(q "SELECT DISTINCT state FROM runs r JOIN point p ON p.id = r.point_id WHERE error LIKE '%is not finite at row%'")" failed
    # activations so large that their squares overflow: all logits were equal, and the loss ln(vocabulary)
    python3 - <<'PY'
import json, struct
path = "whole/model.safetensors"
b = bytearray(open(path, "rb").read())
n = struct.unpack("<Q", b[:8])[0]
at = json.loads(b[8:8 + n])["model.embed_tokens.weight"]["data_offsets"]
for i in range(8 + n + at[0], 8 + n + at[1], 4):
    b[i:i + 4] = struct.pack("<f", 1e25 * struct.unpack("<f", b[i:i + 4])[0])
open(path, "wb").write(b)
PY
    run "$BENCH" eval --model whole --data smoke --rows 2
    is "$status" 2
    has "$output" "the base itself overflows"
    run "$BENCH" logits --model whole --ids -i ids -o x.npy
    is "$status" 2
    has "$output" "overflows"
}

@test "what merge writes is the whole model: tensors that the model as it is built does not read too" {
    python3 "$BATS_TEST_DIRNAME/encoder_folder.py" m
    printf '{"q": "the cat", "a": "a dog"}\n{"q": "red", "a": "blue"}\n' >d.jsonl
    printf 'name: one\nbase: {model: m, task: pairs, data: {train: d.jsonl, eval: d.jsonl, anchor: "{q}", positive: "{a}"}, train: {steps: 1, batch_size: 2, max_length: 16}}\nvariants: [{method: lora}]\n' >one.yaml
    "$BENCH" run one.yaml
    "$BENCH" merge "$(q "SELECT checkpoint_path FROM runs WHERE method = 'lora'")" --model m -o merged
    python3 - <<'PY'
import json, struct
def tensors(path):
    b = open(path, "rb").read()
    n = struct.unpack("<Q", b[:8])[0]
    h = json.loads(b[8:8 + n])
    return {k: b[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]] for k, v in h.items() if k != "__metadata__"}
before, after = tensors("m/model.safetensors"), tensors("merged/model.safetensors")
assert {"bert." + k for k in before} == set(after), set(after) ^ {"bert." + k for k in before}
for part in ("pooler.dense.weight", "pooler.dense.bias", "embeddings.word_embeddings.weight"):
    assert before[part] == after["bert." + part], part
assert before["encoder.layer.0.attention.self.query.weight"] != after["bert.encoder.layer.0.attention.self.query.weight"]
PY
}
