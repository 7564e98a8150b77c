#!/usr/bin/env bats
# bench tokenize, logits and eval: what others need to check us, on the smoke model.

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    BENCH=${BENCH:-$PWD/bench}
    TMP=$BATS_TEST_TMPDIR
}

# The shape in the header of a .npy file.
shape() { head -c 128 "$1" | tr -d '\0' | grep -ao "'shape': ([0-9, ]*)"; }

@test "tokenize prints ids, and with --json the tokens they stand for" {
    run bash -c "printf 'What is 2 plus 3?' | '$BENCH' tokenize --model smoke"
    [ "$status" -eq 0 ]
    [[ "$output" =~ ^[0-9]+(\ [0-9]+)+$ ]]
    ids=$output
    run bash -c "printf 'What is 2 plus 3?' | '$BENCH' tokenize --model smoke --json"
    [ "$status" -eq 0 ]
    [ "$(python3 -c 'import json,sys; o=json.loads(sys.argv[1]); print(" ".join(map(str,o["ids"])))' "$output")" = "$ids" ]
    [ "$(python3 -c 'import json,sys; o=json.loads(sys.argv[1]); print("".join(o["tokens"]))' "$output")" = "What is 2 plus 3?" ]
}

@test "tokenize --lines takes each line as a text of its own" {
    run bash -c "printf 'one\n\ntwo\n' | '$BENCH' tokenize --model smoke --lines --json"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 3 ]
    [[ "${lines[1]}" == '{"ids":[],"tokens":[]}' ]]
}

@test "logits of a text are those of its ids, one row per token" {
    printf 'What is 2 plus 3?' >"$TMP/text"
    "$BENCH" tokenize --model smoke <"$TMP/text" >"$TMP/ids"
    "$BENCH" logits --model smoke -i "$TMP/text" -o "$TMP/a.npy"
    "$BENCH" logits --model smoke --ids -i "$TMP/ids" -o "$TMP/b.npy" --threads 2
    cmp "$TMP/a.npy" "$TMP/b.npy"
    [[ "$(shape "$TMP/a.npy")" == "'shape': ($(wc -w <"$TMP/ids"), "* ]]
}

@test "logits refuses ids that the model does not have, and an empty text" {
    echo "1 2 999999" >"$TMP/ids"
    run "$BENCH" logits --model smoke --ids -i "$TMP/ids" -o "$TMP/x.npy"
    [ "$status" -eq 2 ]
    [[ "$output" == *"id 999999 is outside the vocabulary"* ]]
    echo "1 two" >"$TMP/ids"
    run "$BENCH" logits --model smoke --ids -i "$TMP/ids" -o "$TMP/x.npy"
    [ "$status" -eq 2 ]
    [[ "$output" == *"'two"*"is no token id"* ]]
    run "$BENCH" logits --model smoke -i /dev/null -o "$TMP/x.npy"
    [ "$status" -eq 2 ]
    [ ! -e "$TMP/x.npy" ]
}

@test "eval scores a built-in data set, and a file with templates" {
    run "$BENCH" eval --model smoke --data smoke --rows 10
    [ "$status" -eq 0 ]
    [[ "$output" =~ eval/loss\ +[0-9]+\.[0-9]+ ]]
    printf 'q\ta\nup\tdown\nleft\tright\n' >"$TMP/t.tsv"
    run "$BENCH" eval --model smoke --data "$TMP/t.tsv" --prompt 'The opposite of {q} is ' --completion '{a}' --json
    [ "$status" -eq 0 ]
    python3 -c 'import json,sys; assert json.loads(sys.argv[1])["eval/loss"] > 0' "$output"
}

@test "eval names what is missing: a column, the data, the model" {
    printf 'q\ta\nup\tdown\n' >"$TMP/t.tsv"
    run "$BENCH" eval --model smoke --data "$TMP/t.tsv" --prompt '{question}' --completion '{a}'
    [ "$status" -eq 2 ]
    [[ "$output" == *"question"*"q"*"a"* ]]
    run "$BENCH" eval --model smoke
    [ "$status" -eq 2 ]
    [[ "$output" == *"--data is missing"* ]]
    run "$BENCH" eval --data smoke
    [ "$status" -eq 2 ]
    [[ "$output" == *"--model is missing"* ]]
    run "$BENCH" eval --model smok --data smoke
    [ "$status" -eq 2 ]
    [[ "$output" == *"did you mean 'smoke'"* ]]
}

@test "a run's adapter gives eval the loss that the run recorded" {
    cat >"$TMP/s.yaml" <<'Y'
name: one
base: {model: smoke, task: lm, data: {name: smoke}, method: lora, train: {steps: 5, lr: 1.0e-2}, eval: {rows: 30}}
Y
    "$BENCH" run "$TMP/s.yaml" --db "$TMP/r/bench.db" >/dev/null
    id=$("$BENCH" ls runs --db "$TMP/r/bench.db" --where "method = 'lora'" --json | python3 -c 'import json,sys; r=json.load(sys.stdin)[0]; print(r["run_id"], r["eval_loss"], r["checkpoint_path"])')
    read -r run loss path <<<"$id"
    run "$BENCH" eval --adapter "$run" --db "$TMP/r/bench.db" --rows 30 --json
    [ "$status" -eq 0 ]
    python3 -c 'import json,sys; assert abs(json.loads(sys.argv[1])["eval/loss"] - float(sys.argv[2])) < 1e-6' "$output" "$loss"
    run "$BENCH" eval --model smoke --adapter "$path" --data smoke --rows 30 --json
    [ "$status" -eq 0 ]
    python3 -c 'import json,sys; assert abs(json.loads(sys.argv[1])["eval/loss"] - float(sys.argv[2])) < 1e-6' "$output" "$loss"
}

@test "an adapter that is damaged or of another model is refused with its name" {
    mkdir -p "$TMP/ad"
    run "$BENCH" eval --model smoke --adapter "$TMP/ad" --data smoke
    [ "$status" -eq 3 ] || [ "$status" -eq 2 ]
    [[ "$output" == *"adapter_config.json"* ]]
    echo '{"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"], "use_dora": true}' >"$TMP/ad/adapter_config.json"
    run "$BENCH" eval --model smoke --adapter "$TMP/ad" --data smoke
    [ "$status" -eq 2 ]
    [[ "$output" == *"use_dora"*"not implemented"* ]]
    echo '{"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"]' >"$TMP/ad/adapter_config.json"
    run "$BENCH" eval --model smoke --adapter "$TMP/ad" --data smoke
    [ "$status" -eq 2 ]
    echo '{"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"]}' >"$TMP/ad/adapter_config.json"
    printf 'garbage' >"$TMP/ad/adapter_model.safetensors"
    run "$BENCH" eval --model smoke --adapter "$TMP/ad" --data smoke
    [ "$status" -eq 2 ]
    [[ "$output" == *"adapter_model.safetensors"* ]]
}

@test "each of the three has --help with examples, and refuses unknown options" {
    for c in tokenize logits eval; do
        run "$BENCH" "$c" --help
        [ "$status" -eq 0 ]
        [[ "$output" == *"examples:"* ]]
        run "$BENCH" "$c" --nonsense
        [ "$status" -eq 2 ]
    done
}
