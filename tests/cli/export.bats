#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bench export: GGUF files that compute, cut words and continue texts as the model does.

load ../run_helper

runs() { # MODEL METHOD...
    python3 - "$@" >x.yaml <<'P'
import json, sys
base = {"model": sys.argv[1], "task": "lm", "data": {"name": "smoke"}, "train": {"steps": 6, "lr": 0.01}, "eval": {"rows": 5}}
json.dump({"name": "x", "base": base, "variants": [{"method": sys.argv[2:]}]}, sys.stdout)
P
    "$BENCH" run x.yaml >/dev/null
}

loss_of() { "$BENCH" eval "$@" --data smoke --rows 5 --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["eval/loss"])'; }

close() { python3 -c 'import sys; a, b, tol = map(float, sys.argv[1:]); sys.exit(not abs(a - b) < tol)' "$@" || { echo "$1 and $2 differ by more than $3"; return 1; }; }

@test "the exported model scores as the run did, in each type; the base alone can be exported" {
    runs smoke lora dora norms
    for m in lora dora norms; do
        id=$(q "select run_id from runs where method = '$m'")
        loss=$(q "select eval_loss from runs where run_id = $id")
        "$BENCH" export "$id" --gguf "$m.gguf" --type f32
        close "$(loss_of --model "$m.gguf")" "$loss" 1e-5
    done
    id=$(q "select run_id from runs where method = 'lora'")
    loss=$(q "select eval_loss from runs where method = 'lora'")
    run "$BENCH" export "$id" --gguf half.gguf
    has "$output" "half.gguf: model, F16"
    close "$(loss_of --model half.gguf)" "$loss" 0.01
    "$BENCH" export "$id" --gguf bf.gguf --type bf16
    close "$(loss_of --model bf.gguf)" "$loss" 0.05
    [ "$(stat -c %s half.gguf)" -lt $(($(stat -c %s lora.gguf) * 6 / 10)) ]
    "$BENCH" export --model smoke --gguf base.gguf --type f32
    close "$(loss_of --model base.gguf)" "$(q "select eval_loss from runs where method = 'none'")" 1e-5
}

@test "its tokenizer gives the same ids; trained on and merged, it is a Hugging Face folder again" {
    "$BENCH" export --model smoke --gguf base.gguf --type f32
    for f in hard_strings.txt hard_strings_bytes.txt; do
        "$BENCH" tokenize --model smoke <"$BATS_TEST_DIRNAME/../golden/$f" >a
        "$BENCH" tokenize --model base.gguf <"$BATS_TEST_DIRNAME/../golden/$f" >b
        cmp a b
    done
    [ "$(wc -c <a)" -gt 1000 ]
    runs base.gguf lora
    "$BENCH" merge "$(q "select run_id from runs where method = 'lora'")" -o merged
    close "$(loss_of --model merged)" "$(q "select eval_loss from runs where method = 'lora'")" 1e-5
    grep -q '"model_type": "llama"' merged/config.json
}

@test "a GPT-2 goes through GGUF and back" {
    python3 "$BATS_TEST_DIRNAME/gpt2_folder.py" "$BATS_TEST_DIRNAME/../../build/share/models/smoke" g
    runs g lora bitfit
    for m in lora bitfit; do
        id=$(q "select run_id from runs where method = '$m'")
        loss=$(q "select eval_loss from runs where method = '$m'")
        "$BENCH" export "$id" --gguf "$m.gguf" --type f32
        close "$(loss_of --model "$m.gguf")" "$loss" 1e-5
    done
    rm -r results
    runs bitfit.gguf lora
    "$BENCH" merge "$(q "select run_id from runs where method = 'lora'")" -o merged
    close "$(loss_of --model merged)" "$(q "select eval_loss from runs where method = 'lora'")" 1e-5
    python3 - <<'P'
import json
from struct import unpack
b = open("merged/model.safetensors", "rb").read(1 << 20)
h = json.loads(b[8:8 + unpack("<Q", b[:8])[0]])
assert h["transformer.h.0.attn.c_attn.weight"]["shape"] == [32, 96], h["transformer.h.0.attn.c_attn.weight"]
P
    python3 - <<'P'
import json
c = json.load(open("g/config.json"))
c["scale_attn_by_inverse_layer_idx"] = True
json.dump(c, open("g/config.json", "w"))
P
    run "$BENCH" export --model g --gguf no.gguf
    is "$status" 2
    has "$output" "scale_attn_by_inverse_layer_idx"
}

@test "an adapter in llama.cpp's form: A, B and alpha; what is no product of two is refused" {
    runs smoke lora vera rslora ia3
    for m in lora vera rslora; do "$BENCH" export "$(q "select run_id from runs where method = '$m'")" --gguf-lora "$m.gguf"; done
    python3 - <<'P'
import struct
def read(path):
    b = open(path, "rb").read()
    at = 8
    def take(f):
        nonlocal at
        v = struct.unpack_from("<" + f, b, at)
        at += struct.calcsize("<" + f)
        return v[0]
    def text():
        nonlocal at
        n = take("Q")
        at += n
        return b[at - n:at].decode()
    tensors, kvs = take("Q"), take("Q")
    meta = {}
    for _ in range(kvs):
        k, t = text(), take("I")
        meta[k] = text() if t == 8 else take("f")
    shapes = {}
    for _ in range(tensors):
        name, nd = text(), take("I")
        shapes[name] = [take("Q") for _ in range(nd)]
        take("I"), take("Q")
    return meta, shapes
for name, alpha, r in (("lora", 8, 8), ("vera", 256, 256), ("rslora", 8, 8)):
    meta, shapes = read(name + ".gguf")
    assert meta["general.type"] == "adapter" and meta["adapter.type"] == "lora" and meta["general.architecture"] == "llama", meta
    assert abs(meta["adapter.lora.alpha"] - alpha) < 1e-4, meta
    assert len(shapes) == 28 and shapes["blk.1.attn_k.weight.lora_a"] == [64, r] and shapes["blk.1.attn_k.weight.lora_b"] == [r, 32], shapes
P
    run "$BENCH" export "$(q "select run_id from runs where method = 'ia3'")" --gguf-lora no.gguf
    is "$status" 2
    has "$output" "write the merged model (--gguf)"
    [ ! -e no.gguf ]
}

@test "a whole model of full is exported; files that are there stay; what it cannot write is an error" {
    runs smoke full
    sed -i 's/"base"/"save": "all", "base"/' x.yaml
    "$BENCH" run x.yaml --new >/dev/null
    path=$(q "select checkpoint_path from runs where method = 'full' and checkpoint_path is not null")
    run "$BENCH" export "$path" --gguf-lora lora.gguf
    is "$status" 2
    has "$output" "this is a whole model"
    "$BENCH" export "$(q "select run_id from runs where checkpoint_path = '$path'")" --gguf full.gguf --type f32
    close "$(loss_of --model full.gguf)" "$(q "select eval_loss from runs where method = 'full' limit 1")" 1e-5
    before=$(sha256sum full.gguf)
    run "$BENCH" export "$path" --gguf full.gguf
    is "$status" 2
    has "$output" "full.gguf: exists already"
    is "$(sha256sum full.gguf)" "$before"
    run bash -c "ulimit -f 100; '$BENCH' export '$path' --gguf big.gguf"
    is "$status" 3
    has "$output" "big.gguf: cannot write"
    [ -z "$(ls big* 2>/dev/null)" ]
    run "$BENCH" export "$path" --gguf full.gguf/below.gguf
    is "$status" 3
    for args in "" "$path" "--gguf a.gguf" "$path --gguf a.gguf --type q4" "$path --gguf a --gguf-lora a" "1 2 --gguf a.gguf" "nowhere --gguf a.gguf"; do
        run "$BENCH" export $args
        is "$status" 2
    done
}

@test "a tokenizer that GGUF has no word for is refused by name" {
    cp -r "$BATS_TEST_DIRNAME/../../build/share/models/smoke" m
    python3 - <<'P'
import json
t = json.load(open("m/tokenizer.json"))
t["pre_tokenizer"]["pretokenizers"][0]["individual_digits"] = False
json.dump(t, open("m/tokenizer.json", "w"))
P
    run "$BENCH" export --model ./m --gguf a.gguf
    is "$status" 2
    has "$output" "the pre_tokenizer of its tokenizer.json is none that llama.cpp has a name for"
    [ ! -e a.gguf ]
}
