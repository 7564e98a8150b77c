#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `bench embed`, and what other commands say of an encoder.

setup() {
    BENCH=${BENCH:-$BATS_TEST_DIRNAME/../../bench}
    T=$(mktemp -d)
    M=$T/encoder
    python3 "$BATS_TEST_DIRNAME/encoder_folder.py" "$M"
    printf 'The cat sat.\nred dog\n\nthe the the the the the the the the the the the the the the the the the\n' >"$T/texts.txt"
}

teardown() { rm -rf "$T"; }

# The rows of an .npy as text, one a line, rounded.
rows() {
    python3 - "$1" <<'PYTHON'
import ast, struct, sys
b = open(sys.argv[1], "rb").read()
n = struct.unpack("<H", b[8:10])[0]
head = ast.literal_eval(b[10 : 10 + n].decode())
r, c = head["shape"]
assert head["descr"] == "<f4" and not head["fortran_order"]
v = struct.unpack(f"<{r * c}f", b[10 + n :])
for i in range(r):
    row = v[i * c : (i + 1) * c]
    print(" ".join(f"{x:.4f}" for x in row), f"length {sum(x * x for x in row) ** 0.5:.3f}")
PYTHON
}

@test "every line is a vector, in the order of the lines; cut and empty texts are told" {
    run "$BENCH" embed --model "$M" -i "$T/texts.txt" -o "$T/a.npy"
    [ "$status" -eq 0 ]
    [[ $output == *"4 texts x 24 numbers (mean of the tokens, length 1)"*"; 1 cut at 16 tokens; 1 empty"* ]]
    rows "$T/a.npy" >"$T/a"
    [ "$(grep -c 'length 1.000' "$T/a")" -eq 4 ]
    tac "$T/texts.txt" | "$BENCH" embed --model "$M" -i - -o "$T/b.npy"
    rows "$T/b.npy" | tac | cmp - "$T/a"
}

@test "the folder's pooling, normalisation and limit can be replaced" {
    run "$BENCH" embed --model "$M" --pooling cls --normalize no --max-length 8 -i "$T/texts.txt" -o "$T/a.npy"
    [[ $output == *"(cls of the tokens) "*"1 cut at 8 tokens"* ]]
    [ "$(rows "$T/a.npy" | grep -c 'length 1.000')" -eq 0 ]
    run "$BENCH" embed --model "$M" --pooling median -i "$T/texts.txt" -o "$T/a.npy"
    [ "$status" -eq 2 ]
    [[ $output == *"--pooling: 'median' is unknown"*"it is one of mean, cls, last, max"* ]]
}

@test "rows of a table through a template; a prompt in front" {
    printf '{"title": "The cat", "text": "sat."}\n{"title": "red", "text": "dog"}\n' >"$T/rows.jsonl"
    "$BENCH" embed --model "$M" -i "$T/rows.jsonl" --text '{title} {text}' -o "$T/a.npy"
    "$BENCH" embed --model "$M" -i "$T/texts.txt" -o "$T/b.npy"
    rows "$T/a.npy" >"$T/a"
    rows "$T/b.npy" | head -2 | cmp - "$T/a"
    printf 'dog\n' | "$BENCH" embed --model "$M" --prompt query -i - -o "$T/c.npy"
    rows "$T/c.npy" | cmp - <(tail -1 "$T/a")
    run "$BENCH" embed --model "$M" --prompt title -i "$T/texts.txt" -o "$T/c.npy"
    [ "$status" -eq 2 ]
    [[ $output == *"no prompt 'title'"* ]]
}

@test "a table without --text, bad UTF-8, no texts: refused before anything is written" {
    printf '{"text": "x"}\n' >"$T/rows.jsonl"
    run "$BENCH" embed --model "$M" -i "$T/rows.jsonl" -o "$T/x.npy"
    [ "$status" -eq 2 ]
    [[ $output == *"--text '{text}'"* ]]
    printf 'a\nb\xff\n' >"$T/bad.txt"
    run "$BENCH" embed --model "$M" -i "$T/bad.txt" -o "$T/x.npy"
    [ "$status" -eq 2 ]
    [[ $output == *"bad.txt:2: not valid UTF-8"* ]]
    : >"$T/none.txt"
    run "$BENCH" embed --model "$M" -i "$T/none.txt" -o "$T/x.npy"
    [ "$status" -eq 2 ]
    [[ $output == *"no texts"* ]]
    [ ! -e "$T/x.npy" ]
}

@test "the vectors do not depend on the number of threads" {
    for n in 1 2 4; do "$BENCH" embed --model "$M" --threads $n -i "$T/texts.txt" -o "$T/$n.npy"; done
    cmp "$T/1.npy" "$T/2.npy"
    cmp "$T/1.npy" "$T/4.npy"
}

@test "a language model embeds by its last token" {
    run "$BENCH" embed --model smoke -i "$T/texts.txt" -o "$T/a.npy"
    [ "$status" -eq 0 ]
    [[ $output == *"(last of the tokens) "* ]]
    [ "$(rows "$T/a.npy" | sed -n 3p | grep -c 'length 0.000')" -eq 1 ] # no token, no vector
}

@test "an encoder gives no logits, generates nothing and is no model for task lm" {
    run "$BENCH" logits --model "$M" -i "$T/texts.txt" -o "$T/a.npy"
    [ "$status" -eq 2 ]
    [[ $output == *"is an encoder and has no logits"* ]]
    run "$BENCH" generate --model "$M" "the cat"
    [ "$status" -eq 2 ]
    [[ $output == *"bert cannot generate"* ]]
    printf '{"p": "the", "c": "cat"}\n' >"$T/lm.jsonl"
    printf 'name: x\nbase: {model: %s, task: lm, method: lora, target_modules: all-linear, data: {train: %s, eval: %s, prompt: "{p}", completion: "{c}"}, train: {steps: 1, max_length: 16}}\n' "$M" "$T/lm.jsonl" "$T/lm.jsonl" >"$T/x.yaml"
    run "$BENCH" run "$T/x.yaml" --db "$T/x.db"
    [ "$status" -eq 2 ]
    [[ $output == *"this one is an encoder"* ]]
}

@test "help shows two examples" {
    run "$BENCH" embed --help
    [ "$status" -eq 0 ]
    [ "$(grep -c '^  bench embed' <<<"$output")" -eq 2 ]
}
