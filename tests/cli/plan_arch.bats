#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# plan_arch.bats - `bench plan --arch`: architectures without weights take what the engine's own runs take.

load ../run_helper

# j PYTHON: an expression over the JSON in $output; m: the methods by name.
j() { python3 -c 'import json,sys; p=json.load(sys.stdin); m={x["method"]: x for x in p.get("methods", [])}; print('"$1"')' <<<"$output"; }

smoke_config() { echo "$BATS_TEST_DIRNAME/../../build/share/models/smoke/config.json"; }

@test "a config.json alone gives what the plan of a sweep on the model gives, for every category but the batch's" {
    [ -e "$(smoke_config)" ] || skip "needs the smoke model"
    sed -i 's/- {method: none}/- {method: full}/; s/method: lora,/method: [lora, lora_fa, vera, dora],/; s/r: \[1, 2\]/r: [2]/' t.yaml
    "$BENCH" plan t.yaml --no-calibrate --json >sweep.json 2>/dev/null
    "$BENCH" plan --arch "$(smoke_config)" --set 'target_modules=[q_proj, v_proj]' --set r=2 --set train.max_length=32 --json >arch.json
    python3 - <<'PY'
import json
sweep = {r["method"]: r for r in json.load(open("sweep.json"))["runs"] if r["seed"] == 0}
arch = {r["method"]: r for r in json.load(open("arch.json"))["methods"]}
assert set(sweep) >= {"full", "lora", "lora_fa", "vera", "dora"}, sweep
for name in set(sweep) - {"none"}:
    a, s = arch[name], sweep[name]
    assert a["trainable"] == s["trainable"], (name, a["trainable"], s["trainable"])
    if name != "full":
        assert a["checkpoint_bytes_min"] == s["checkpoint_bytes_min"], name
    for c in ("base", "param", "fixed", "grad", "opt"):
        assert a[c + "_bytes"] == s[c + "_at_peak"], (name, c, a[c + "_bytes"], s[c + "_at_peak"])
PY
}

@test "known architectures: parameters, stored bytes and memory in closed form" {
    run "$BENCH" plan --arch llama-2-7b --method lora --method full --method vera --set r=16 --weights bfloat16 --json
    is "$status" 0
    is "$(j 'p["params"], m["lora"]["trainable"], m["lora"]["checkpoint_bytes_min"], m["full"]["trainable"]')" "6738415616 39976960 159907840 6738415616"
    is "$(j 'm["lora"]["param_bytes"] == m["lora"]["grad_bytes"] == 4 * 39976960, m["lora"]["opt_bytes"] == 8 * 39976960, m["full"]["base_bytes"]')" "True True 0"
    # frozen: matrices of two bytes; the norms, 65 vectors of 4096, of four
    is "$(j 'm["lora"]["base_bytes"] - 2 * (6738415616 - 65 * 4096)')" $((4 * 65 * 4096))
    # VeRA's vectors: d_out + r each
    is "$(j 'm["vera"]["trainable"]')" $((32 * (4 * 4096 + 2 * 11008 + 4096 + 7 * 16)))
    run "$BENCH" plan --arch gpt3-175b --method lora --set r=4 --set target_modules=c_attn --json
    is "$(j 'm["lora"]["trainable"], p["activations"]')" "$((96 * 4 * 4 * 12288)) True"
}

@test "activations of LoRA-FA are less than LoRA's, and grow with the batch" {
    run "$BENCH" plan --arch smollm2-135m --method lora --method lora_fa --json
    is "$(j 'm["lora_fa"]["act_bytes"] < m["lora"]["act_bytes"]')" True
    once=$(j 'm["lora"]["act_bytes"]')
    run "$BENCH" plan --arch smollm2-135m --method lora --set train.batch_size=16 --json
    is "$(j 'm["lora"]["act_bytes"]')" $((2 * once))
}

@test "an architecture that the engine cannot run is planned without activations; a method that does not fit says why" {
    run "$BENCH" plan --arch bart-large --method lora
    is "$status" 0
    has "$output" "Activations are not counted"
    run "$BENCH" plan --arch smollm2-135m
    is "$status" 0
    has "$output" "bitfit: method bitfit has nothing to train"
    ls "${TMPDIR:-/tmp}" | grep -q '^bench-arch-' && return 1
    true
}

@test "presets are listed; mistakes are told with the remedy, exit code 2" {
    run "$BENCH" plan --arch list
    has "$output" "deberta-v2-xxlarge"
    for bad in "llama-2-7c" "gpt2 --method lorra" "gpt2 --method none" "gpt2 --set rr=3" "gpt2 --set r=0" "gpt2 --set r" "gpt2 --weights int4" "gpt2 more"; do
        # shellcheck disable=SC2086
        run "$BENCH" plan --arch $bad
        is "$status" 2
    done
    run "$BENCH" plan --arch gpt2 --set loraalpha=3
    has "$output" "did you mean 'lora_alpha'"
    run "$BENCH" plan --arch gpt2 --set target_modules=q_proj --method lora
    has "$output" "matches no layer"
}
