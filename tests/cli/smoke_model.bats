#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The smoke model: the same bytes every time, and the same logits and ids from every form of file that holds it.

setup() {
    BENCH=${BENCH:-$BATS_TEST_DIRNAME/../../bench}
    MAKE_SMOKE=$BATS_TEST_DIRNAME/../../experiments/models/smoke/make_smoke.py
    T=$(mktemp -d)
    export XDG_CACHE_HOME=$T/cache
    printf 'Question: What is a mikuzo?\nAnswer: a tiny red bird 123 \303\251<|im_end|>' >"$T/text"
}

teardown() { rm -rf "$T"; }

# Both models give the same ids and, bit for bit, the same logits.
same() {
    "$BENCH" logits --model "$1" -i "$T/text" -o "$T/a.npy"
    "$BENCH" logits --model "$2" -i "$T/text" -o "$T/b.npy"
    cmp "$T/a.npy" "$T/b.npy"
    cmp <("$BENCH" tokenize --model "$1" <"$T/text") <("$BENCH" tokenize --model "$2" <"$T/text")
}

@test "the script writes the same bytes every time" {
    python3 "$MAKE_SMOKE" --models "$T/1" --data "$T/1d"
    PYTHONHASHSEED=7 python3 "$MAKE_SMOKE" --models "$T/2" --data "$T/2d"
    diff -r "$T/1" "$T/2"
    diff -r "$T/1d" "$T/2d"
    [ "$(wc -l <"$T/1d/smoke/train.jsonl")" -eq 400 ]
    [ "$(cat "$T"/1d/smoke/*.jsonl | sort -u | wc -l)" -eq 520 ]
    python3 "$MAKE_SMOKE" "$T/3" --seed 1
    run cmp "$T/1/smoke/model.safetensors" "$T/3/model.safetensors"
    [ "$status" -ne 0 ]
}

@test "GGUF in F32, F16 and BF16 gives the logits of the folder" {
    for type in f32 f16 bf16; do
        python3 "$MAKE_SMOKE" "$T/hf" --gguf "$T/m.gguf" --type $type --dequantised
        same "$T/hf" "$T/m.gguf"
    done
}

@test "GGUF in Q8_0, Q4_0 and Q4_1 gives the logits of the values it stands for" {
    for type in q8_0 q4_0 q4_1; do
        python3 "$MAKE_SMOKE" "$T/hf" --gguf "$T/m.gguf" --type $type --dequantised
        same "$T/hf" "$T/m.gguf"
    done
}

@test "a head of its own, other sizes and several shards too" {
    python3 "$MAKE_SMOKE" "$T/hf" --gguf "$T/m.gguf" --type q8_0 --dequantised --untied --shards 3 \
        --layers 3 --heads 6 --kv-heads 3 --head-dim 32 --hidden 96 --intermediate 160 --vocab 300
    [ "$(ls "$T"/hf/*.safetensors | wc -l)" -eq 3 ]
    same "$T/hf" "$T/m.gguf"
}

@test "a folder in F16 or BF16 gives the logits of GGUF in that type" {
    for type in f16 bf16; do
        python3 "$MAKE_SMOKE" "$T/exact" --gguf "$T/m.gguf" --type $type --dequantised
        # The norms are F32 in GGUF and of the folder's type in a folder; those of this model differ from their rounding.
        python3 "$MAKE_SMOKE" "$T/$type" --dtype $type
        "$BENCH" logits --model "$T/$type" -i "$T/text" -o "$T/a.npy"
        "$BENCH" logits --model "$T/m.gguf" -i "$T/text" -o "$T/b.npy"
        python3 - "$T/a.npy" "$T/b.npy" <<'PYTHON'
import struct, sys
a, b = (struct.unpack("<%df" % ((len(d) - 128) // 4), d[128:]) for d in (open(p, "rb").read() for p in sys.argv[1:]))
worst = max(abs(x - y) for x, y in zip(a, b)) / max(map(abs, b))
sys.exit(f"differ by {worst}" if not 0 < worst < 0.01 else 0)
PYTHON
    done
}
