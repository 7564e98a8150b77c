#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# controls.bats - control arms from the sweep file to the record: listed, planned, run once, paired; and that two methods are LoRA at another
# alpha where the theory says so.

load ../run_helper

# A sweep of lora_plus and delta_lora (K = 0) with lora's control arms; further lines of base as arguments.
theorem() {
    cat >c.yaml <<YAML
name: c
base:
  model: smoke
  task: lm
  data: {name: smoke}
  train: {steps: 12, batch_size: 4, lr: 2.0e-3, max_length: 48, warmup: 0, weight_decay: ${decay:-0}, grad_clip: ${clip:-0}, adam_eps: ${eps:-1.0e-30}}
  eval: {rows: 16}
  target_modules: [q_proj, v_proj]
  delta_start: ${start:-0}
  lora_alpha: 4
  r: 4
controls: auto
seeds: [0, 1]
variants:
  - {method: lora_plus, loraplus_lr_ratio: 4}
  - {method: delta_lora, delta_lambda: 2}
YAML
}

# The largest difference of evaluation losses between the runs of a method and their controls.
# gap METHOD [DB]
gap() { q "SELECT max(abs(a.eval_loss - b.eval_loss)) FROM control_pairs k JOIN run a ON a.id = k.run_id
           JOIN run b ON b.id = k.control_run_id JOIN point p ON p.id = k.point_id WHERE p.method = '$1'" "${2:-}"; }
below() { awk "BEGIN { exit !($1 < $2) }" || { echo "$1 is not below $2"; return 1; }; }

@test "controls: auto adds the control arms, marked in --dry-run, counted by run_cap" {
    theorem
    run "$BENCH" run c.yaml --dry-run
    is "$status" 0
    has "$output" "lora alpha=16 seed 1  (control: alpha x ratio of lora_plus alpha=4)"
    has "$output" "lora alpha=12 seed 0  (control: alpha x (1+lambda) of delta_lora alpha=4)"
    has "$output" "c: 8 runs, 0 done, 8 to run; 4 of them are control arms"
    run "$BENCH" run c.yaml --dry-run --set run_cap=3
    has "$output" "5 behind run_cap"
    run "$BENCH" run c.yaml --dry-run --set controls=none
    has "$output" "c: 4 runs, 0 done, 4 to run"
    lacks "$output" "control"
}

@test "bench plan tells the trained numbers of both, and whose control a run is" {
    theorem
    "$BENCH" plan c.yaml --no-calibrate --json >plan.json
    run python3 - <<'PY'
import json
rows = [r for r in json.load(open("plan.json"))["runs"]]
for r in rows:
    if r["control"]:
        print(r["method"], r["trainable"], r["control"])
PY
    has "$output" "lora 1792 alpha x ratio of lora_plus alpha=4"
    is "$(grep -c . <<<"$output")" 4
}

@test "a sweep resumes with its controls, and turning them on runs only what is new" {
    theorem
    run "$BENCH" run c.yaml --set controls=none
    is "$status" 0
    is "$(q 'SELECT count(*) FROM run')" 5 # and the untouched base
    is "$(q 'SELECT count(*) FROM runs WHERE control_of IS NOT NULL')" 0
    run "$BENCH" run c.yaml --set run_cap=3
    is "$(q 'SELECT count(*) FROM run')" 6
    run "$BENCH" run c.yaml
    is "$status" 0
    is "$(q 'SELECT count(*) FROM run')" 9
    run "$BENCH" run c.yaml
    has "$output" "8 of 8 runs are done already"
    is "$(q 'SELECT count(*) FROM run')" 9
    is "$(q 'SELECT count(DISTINCT point_id) FROM control_pairs WHERE difference IS NOT NULL')" 2
    is "$(q "SELECT DISTINCT p.method FROM runs r JOIN point p ON p.id = r.control_of WHERE r.lora_alpha = 16")" lora_plus
    is "$(q "SELECT count(*) FROM sweep_runs WHERE control AND sweep = 'c'")" 4
}

@test "a control that is a point of the sweep anyhow runs once and is both" {
    theorem
    printf '  - {method: lora, lora_alpha: 16}\n' >>c.yaml
    run "$BENCH" run c.yaml
    is "$status" 0
    is "$(q "SELECT count(*) FROM run r JOIN point p ON p.id = r.point WHERE p.method = 'lora' AND p.lora_alpha = 16")" 2
    is "$(q "SELECT DISTINCT c.control FROM sweep_runs c JOIN point p ON p.id = c.point_id WHERE p.lora_alpha = 16")" 0
    is "$(q "SELECT count(*) FROM control_pairs k JOIN point p ON p.id = k.control_id WHERE p.lora_alpha = 16")" 2
}

@test "lora_plus is LoRA at alpha x ratio, delta_lora from K = 0 is LoRA at alpha x (1+lambda): to 1e-6 at adam_eps 1e-30" {
    theorem
    run "$BENCH" run c.yaml
    is "$status" 0
    below "$(gap lora_plus)" 1e-6
    below "$(gap delta_lora)" 1e-6
    run "$BENCH" show c
    has "$output" "alpha x ratio       lora_plus r=4 alpha=4"
    has "$output" "lora (control)"
    has "$output" "difference: method less control, each at its best lr, 95 % interval"
    lacks "$output" "better" # it is the same computation
    lacks "$(cat results/plots/c-memory.csv)" ",lora," # plots leave them out, unless they are asked for
    run "$BENCH" plot memory --sweep c -o all --where "control_of IS NOT NULL"
    is "$status" 0
    has "$(cat all/c-memory.csv)" ",lora,"
    "$BENCH" show c --json >show.json
    run python3 -c 'import json; print([(r["kind"], r["pairs"], r["control_lora_alpha"]) for r in json.load(open("show.json"))["controls"]])'
    is "$output" "[('alpha x ratio', 2, 16.0), ('alpha x (1+lambda)', 2, 12.0)]"
    is "$(q "SELECT min(base_eval_loss - eval_loss) > 0.01 FROM runs WHERE method <> 'none'")" 1 # and they learned something
}

# Decay does not part delta_lora from its control: both decay the same A and B, and W follows their product. LoRA+ decays B at B's own rate.
@test "the equalities break where the theory says: decay (lora_plus), clipping, eps (both), K > 0 (delta_lora)" {
    decay=0.5 theorem
    "$BENCH" run c.yaml --db decay.db --set seeds=0 >/dev/null
    clip=1 theorem
    "$BENCH" run c.yaml --db clip.db --set seeds=0 >/dev/null
    eps=1.0e-2 theorem
    "$BENCH" run c.yaml --db eps.db --set seeds=0 >/dev/null
    start=6 theorem
    "$BENCH" run c.yaml --db start.db --set seeds=0 >/dev/null
    for why in decay clip eps start; do
        echo "$why: $(gap lora_plus $why.db) $(gap delta_lora $why.db)"
    done
    for why in decay clip eps; do below 1e-4 "$(gap lora_plus $why.db)"; done
    for why in clip eps start; do below 1e-4 "$(gap delta_lora $why.db)"; done
    below "$(gap lora_plus start.db)" 1e-6
    below "$(gap delta_lora decay.db)" 1e-6
}
