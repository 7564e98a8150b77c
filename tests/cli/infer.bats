#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bench tokenize, logits and eval: what others need to check us, on the smoke model.

bats_require_minimum_version 1.5.0

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
    run --separate-stderr "$BENCH" eval --model smoke --data "$TMP/t.tsv" --prompt 'The opposite of {q} is ' --completion '{a}' --json
    [ "$status" -eq 0 ]
    python3 -c 'import json,sys; assert json.loads(sys.argv[1])["eval/loss"] > 0' "$output"
    # all rows: the default, and 0 as `eval.rows` of a sweep has it
    whole=$("$BENCH" eval --model smoke --data smoke | grep eval/loss)
    [ "$("$BENCH" eval --model smoke --data smoke --rows 0 | grep eval/loss)" = "$whole" ]
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

@test "a run that saved nothing says what to do instead" {
    cat >"$TMP/n.yaml" <<'Y'
name: nothing
base: {model: smoke, task: lm, data: {name: smoke}, train: {steps: 1}, eval: {rows: 2}}
variants:
  - {method: [none, full]}
Y
    "$BENCH" run "$TMP/n.yaml" --db "$TMP/n/bench.db" >/dev/null
    run "$BENCH" eval --adapter 1 --db "$TMP/n/bench.db"
    [ "$status" -eq 2 ]
    [[ "$output" == *"run 1 (complete) is the untouched model"* ]]
    run "$BENCH" merge 2 --db "$TMP/n/bench.db" -o "$TMP/n/m"
    [ "$status" -eq 2 ]
    [[ "$output" == *"save: all"*"--new"* ]]
    # a number that a later attempt has replaced
    "$BENCH" run "$TMP/n.yaml" --db "$TMP/n/bench.db" --new >/dev/null
    run "$BENCH" eval --adapter 2 --db "$TMP/n/bench.db"
    [ "$status" -eq 2 ]
    [[ "$output" == *"run 2 was tried again: take run 4"* ]]
    run "$BENCH" eval --adapter 99 --db "$TMP/n/bench.db"
    [ "$status" -eq 2 ]
    [[ "$output" == *"there is no run 99"* ]]
}

@test "a run's adapter gives eval the loss that the run recorded" {
    cat >"$TMP/s.yaml" <<'Y'
name: one
base: {model: smoke, task: lm, data: {name: smoke}, method: lora, train: {steps: 5, lr: 1.0e-2}, eval: {rows: 30}}
Y
    "$BENCH" run "$TMP/s.yaml" --db "$TMP/r/bench.db" >/dev/null
    id=$("$BENCH" ls runs --db "$TMP/r/bench.db" --where "method = 'lora'" --json | python3 -c 'import json,sys; r=json.load(sys.stdin)[0]; print(r["run_id"], r["eval_loss"], r["checkpoint_path"])')
    read -r run loss path <<<"$id"
    run --separate-stderr "$BENCH" eval --adapter "$run" --db "$TMP/r/bench.db" --rows 30 --json
    [ "$status" -eq 0 ]
    python3 -c 'import json,sys; assert abs(json.loads(sys.argv[1])["eval/loss"] - float(sys.argv[2])) < 1e-6' "$output" "$loss"
    run --separate-stderr "$BENCH" eval --model smoke --adapter "$path" --data smoke --rows 30 --json
    [ "$status" -eq 0 ]
    python3 -c 'import json,sys; assert abs(json.loads(sys.argv[1])["eval/loss"] - float(sys.argv[2])) < 1e-6' "$output" "$loss"
}

@test "an adapter that is damaged or of another model is refused with its name" {
    mkdir -p "$TMP/ad"
    run "$BENCH" eval --model smoke --adapter "$TMP/ad" --data smoke
    [ "$status" -eq 3 ] || [ "$status" -eq 2 ]
    [[ "$output" == *"adapter_config.json"* ]]
    echo '{"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"], "use_qalora": true}' >"$TMP/ad/adapter_config.json"
    run "$BENCH" eval --model smoke --adapter "$TMP/ad" --data smoke
    [ "$status" -eq 2 ]
    [[ "$output" == *"use_qalora"*"not implemented"* ]]
    for bad in '-3, "target_modules": ["q_proj"]' '1e18, "target_modules": ["q_proj"]' '2.5, "target_modules": ["q_proj"]' \
        '4, "target_modules": [null, {}]' '4, "target_modules": 7'; do
        echo "{\"peft_type\": \"LORA\", \"r\": $bad}" >"$TMP/ad/adapter_config.json"
        run "$BENCH" eval --model smoke --adapter "$TMP/ad" --data smoke
        [ "$status" -eq 2 ]
        [[ "$output" == *"adapter_config.json: "* ]]
    done
    echo '{"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"]' >"$TMP/ad/adapter_config.json"
    run "$BENCH" eval --model smoke --adapter "$TMP/ad" --data smoke
    [ "$status" -eq 2 ]
    echo '{"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"]}' >"$TMP/ad/adapter_config.json"
    printf 'garbage' >"$TMP/ad/adapter_model.safetensors"
    run "$BENCH" eval --model smoke --adapter "$TMP/ad" --data smoke
    [ "$status" -eq 2 ]
    [[ "$output" == *"adapter_model.safetensors"* ]]
}

@test "an adapter with a field that changes what it computes is refused by the field's name" {
    mkdir -p "$TMP/ad"
    for field in '"layers_to_transform": [0]' '"layers_pattern": "layers"' '"init_lora_weights": "olora"' '"init_lora_weights": 3' \
        '"alora_invocation_tokens": [1]' '"arrow_config": {"top_k": 1}' '"lora_bias": true' '"corda_config": {"cache_file": "x"}' \
        '"eva_config": {"rho": 2.0}' '"loftq_config": {"loftq_bits": 4}' '"use_bdlora": {"nblocks": 2}' '"bias": "all"' \
        '"rank_pattern": {"q_proj": 2}' '"a_later_idea": "on"'; do
        echo '{"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"], '"$field"'}' >"$TMP/ad/adapter_config.json"
        run "$BENCH" eval --model smoke --adapter "$TMP/ad" --data smoke
        [ "$status" -eq 2 ]
        key=${field%%:*}
        [[ "$output" == *"adapter_config.json"*"${key//\"/}"*"not implemented"* ]]
    done
    echo '{"peft_type": "ADALORA", "r": 4}' >"$TMP/ad/adapter_config.json"
    run "$BENCH" eval --model smoke --adapter "$TMP/ad" --data smoke
    [ "$status" -eq 2 ]
    [[ "$output" == *"peft_type ADALORA is not implemented"* ]]
}

# All fields of an adapter_config.json of PEFT 0.21, in their defaults.
peft_config() {
    case $1 in
    lora) cat <<'J' ;;
{"alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null, "auto_mapping": null, "base_model_name_or_path": null,
 "bias": "none", "corda_config": null, "ensure_weight_tying": false, "eva_config": null, "exclude_modules": null,
 "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": "gaussian", "kasa_config": null, "layer_replication": null,
 "layers_pattern": null, "layers_to_transform": null, "loftq_config": {}, "lora_alpha": 16, "lora_bias": false, "lora_dropout": 0.1,
 "lora_ga_config": null, "megatron_config": null, "megatron_core": "megatron.core", "modules_to_save": null,
 "monteclora_config": null, "peft_type": "LORA", "peft_version": "0.21.2", "qalora_group_size": 16, "r": 8, "rank_pattern": {},
 "revision": "main", "target_modules": TARGETS, "target_parameters": null, "task_type": "CAUSAL_LM",
 "trainable_token_indices": null, "use_bdlora": null, "use_dora": false, "use_qalora": false, "use_rslora": false,
 "velora_config": null}
J
    vera) cat <<'J' ;;
{"auto_mapping": null, "base_model_name_or_path": null, "bias": "none", "d_initial": 0.1, "fan_in_fan_out": false,
 "inference_mode": true, "init_weights": true, "layers_pattern": null, "layers_to_transform": null, "modules_to_save": null,
 "peft_type": "VERA", "peft_version": "0.21.2", "projection_prng_key": 0, "r": 8, "revision": null, "save_projection": true,
 "target_modules": TARGETS, "task_type": "CAUSAL_LM", "vera_dropout": 0.0}
J
    esac
}

@test "adapters with all fields that PEFT writes are loaded; what bench writes ends with a line break" {
    cat >"$TMP/s.yaml" <<'Y'
name: both
base: {model: smoke, task: lm, data: {name: smoke}, r: 8, lora_alpha: 16, train: {steps: 2, lr: 1.0e-2}, eval: {rows: 10}}
variants:
  - method: [lora, vera]
Y
    "$BENCH" run "$TMP/s.yaml" --db "$TMP/r/bench.db" >/dev/null
    for method in lora vera; do
        dir=$("$BENCH" ls runs --db "$TMP/r/bench.db" --where "method = '$method'" --json | python3 -c 'import json,sys; print(json.load(sys.stdin)[0]["checkpoint_path"])')
        [ -z "$(tail -c 1 "$dir/adapter_config.json")" ]
        before=$("$BENCH" eval --model smoke --adapter "$dir" --data smoke --rows 10 --json | grep loss)
        targets=$(python3 -c 'import json,sys; print(json.dumps(json.load(open(sys.argv[1]))["target_modules"]))' "$dir/adapter_config.json")
        alpha=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1])).get("lora_alpha", 16))' "$dir/adapter_config.json")
        peft_config "$method" | sed "s|TARGETS|$targets|; s|\"lora_alpha\": 16|\"lora_alpha\": $alpha|" >"$TMP/c.json"
        mv "$TMP/c.json" "$dir/adapter_config.json"
        after=$("$BENCH" eval --model smoke --adapter "$dir" --data smoke --rows 10 --json | grep loss)
        [ "$before" = "$after" ]
    done
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
