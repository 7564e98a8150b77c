#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# inspect.bats - `bench inspect` on runs as they come out of `bench run`: ranks that the methods promise, two runs side by side, mistakes.

load ../run_helper

# One tiny run per method, K = 0 and K = 4 of delta_lora; r = 2. All tests share it.
setup_file() {
    BENCH=${BENCH:-$BATS_TEST_DIRNAME/../../bench}
    cd "$BATS_FILE_TMPDIR" || return 1
    cat >i.yaml <<'YAML'
name: i
base:
  model: smoke
  task: lm
  data: {name: smoke}
  train: {steps: 8, batch_size: 2, lr: 1.0e-2, max_length: 32}
  eval: {rows: 4}
  target_modules: [q_proj, v_proj]
save: all
variants:
  - {method: lora, parameters: {r: [2, 4]}}
  - {method: delta_lora, r: 2, parameters: {delta_start: [0, 4]}}
  - {method: [vera, dora], r: 2}
  - {method: full, train.lr: 1.0e-3}
  - {method: norms}
YAML
    "$BENCH" run i.yaml >run.log 2>&1 || { cat run.log; return 1; }
}

run_of() { q "SELECT r.id FROM run r JOIN point p ON p.id = r.point JOIN param k ON k.point = p.id AND k.key = '${2:-train.steps}'
              WHERE p.method = '$1' AND k.num = ${3:-8}" "$BATS_FILE_TMPDIR/results/bench.db"; }
inspect() { "$BENCH" inspect --db "$BATS_FILE_TMPDIR/results/bench.db" "$@"; }
# of PYTHON FILE: an expression over the JSON v
of() { python3 -c "import json; v = json.load(open('$2')); print($1)"; }

@test "delta_lora's total change has rank r from K = 0, and at most 2r, but more than r, from K > 0" {
    inspect "$(run_of delta_lora delta_start 0)" --json >zero.json
    inspect "$(run_of delta_lora delta_start 4)" --json >later.json
    inspect "$(run_of lora r 2)" --json >lora.json
    is "$(of 'sorted({s["rank"] for s in v["sites"]})' zero.json)" "[2]"
    is "$(of 'sorted({s["rank"] for s in v["sites"]})' later.json)" "[4]"
    is "$(of 'sorted({s["rank"] for s in v["sites"]})' lora.json)" "[2]"
    is "$(of 'v["method"]' later.json)" delta_lora
}

@test "the norm is that of the singular values, the ratio that to the weight's" {
    inspect "$(run_of lora r 4)" --json >x.json
    is "$(of 'all(abs(sum(x * x for x in s["singular_values"]) ** .5 - s["norm"]) < 1e-12 and abs(s["norm"] / s["weight_norm"] - s["ratio"]) < 1e-12 for s in v["sites"])' x.json)" True
    is "$(of '[k["kind"] for k in v["kinds"]]' x.json)" "['q_proj', 'v_proj']"
}

@test "methods without thin factors are compared with the base: dora, a full model; the folder says the same as the run" {
    inspect "$(run_of dora)" --json >dora.json
    is "$(of 'v["directions_of"], len(v["sites"])' dora.json)" "delta_W 4"
    inspect "$(run_of full)" --json >full.json
    is "$(of 'len(v["sites"]), min(s["ratio"] for s in v["sites"]) > 1e-4' full.json)" "14 True"
    folder=$(q "SELECT checkpoint_path FROM runs WHERE method = 'full'" "$BATS_FILE_TMPDIR/results/bench.db")
    run "$BENCH" inspect "$folder"
    is "$status" 2
    has "$output" "is a whole model: say with --model what it was trained from"
    "$BENCH" inspect "$folder" --model smoke --json >again.json
    is "$(of 'v["sites"]' again.json)" "$(of 'v["sites"]' full.json)"
}

@test "as text: a line per layer, the means of each kind" {
    run inspect "$(run_of vera)"
    is "$status" 0
    has "$output" "(vera r=2 seed 0), base smoke: 4 layers"
    has "$output" "layers.1.v_proj"
    has "$output" "mean over layers of"
    run inspect "$(run_of vera)" --csv
    has "${lines[0]}" "site,kind,d_out,d_in,r,tolerance,rank,sigma_1"
    is "${#lines[@]}" 5
}

@test "two runs: similarity beside random, the picture per kind" {
    a=$(run_of lora r 2) b=$(run_of lora r 4)
    run inspect "$a" "$b" -o figures
    is "$status" 0
    has "$output" "(lora r=2 seed 0) and run"
    has "$output" "right-singular directions of A"
    has "$output" "Both began with seed 0"
    has "$output" "q_proj"
    [ -s figures/phi-q_proj.csv ] && [ -s figures/phi-v_proj.gp ]
    ! command -v gnuplot >/dev/null || { [ -s figures/phi-q_proj.png ] && [ -s figures/phi-q_proj.svg ]; }
    inspect "$a" "$b" --json >x.json
    is "$(of 'len(v["runs"]), len(v["sites"]), len(v["sites"][0]["phi"]), len(v["sites"][0]["phi"][0])' x.json)" "2 4 2 4"
    is "$(of 'v["sites"][0]["random"][1]' x.json)" "[0.03125, 0.03125, 0.046875, 0.0625]"
    is "$(of 'all(0 <= p <= 1 + 1e-12 for s in v["sites"] for r in s["phi"] for p in r)' x.json)" True
    inspect "$a" "$a" --json >same.json
    is "$(of 'all(abs(s["phi"][1][1] - 1) < 1e-9 for s in v["sites"])' same.json)" True
    run inspect "$a" "$b" --top 1 --csv
    has "$output" "q_proj,2,"
}

@test "kinds that a model calls alike are told apart by their place: GPT-2's two c_proj" {
    python3 "$BATS_TEST_DIRNAME/gpt2_folder.py" "$BATS_TEST_DIRNAME/../../build/share/models/smoke" gpt2
    sed 's/model: smoke/model: gpt2/; s/target_modules: .*/target_modules: all-linear/; /^variants/,$d' "$BATS_FILE_TMPDIR/i.yaml" >g.yaml
    printf 'variants: [{method: lora, r: 2}]\n' >>g.yaml
    "$BENCH" run g.yaml >/dev/null
    "$BENCH" inspect "$(q "SELECT run_id FROM runs WHERE method = 'lora'")" --json >g.json
    is "$(of '[k["kind"] for k in v["kinds"]]' g.json)" "['c_attn', 'attn.c_proj', 'c_fc', 'mlp.c_proj']"
    is "$(of '{s["rank"] for s in v["sites"]}' g.json)" "{2}"
}

@test "an adapter with a task's head is taken apart like any other" {
    for i in 1 2 3 4 5 6; do printf 'a red stone %s\tstone\na blue horse %s\tanimal\n' $i $i; done >rows.tsv
    sed 's/task: lm/task: classify/; s/data: .*/data: {train: rows.tsv, eval: rows.tsv, header: false, text: "{1}", label: "{2}"}/; /^variants/,$d' \
        "$BATS_FILE_TMPDIR/i.yaml" >c.yaml
    printf 'variants: [{method: lora, r: 2}]\n' >>c.yaml
    "$BENCH" run c.yaml >/dev/null
    run "$BENCH" inspect "$(q "SELECT run_id FROM runs WHERE method = 'lora'")"
    is "$status" 0
    has "$output" "layers.1.v_proj"
}

@test "what cannot be taken apart is refused with the reason" {
    run inspect "$(run_of norms)"
    is "$status" 2
    has "$output" "method norms changes the matrix of no layer"
    run inspect 99
    is "$status" 2
    has "$output" "there is no run 99"
    run inspect "$(run_of lora r 2)" -o figures
    is "$status" 2
    has "$output" "name a second one"
    run "$BENCH" inspect
    is "$status" 2
    run "$BENCH" inspect 1 2 3
    is "$status" 2
    run inspect 2 --top 0
    is "$status" 2
    run inspect "$(run_of lora r 2)" --model no-such-model
    [ "$status" -ne 0 ]
    has "$output" "no-such-model"
}
