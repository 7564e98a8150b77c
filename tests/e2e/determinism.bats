#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# determinism.bats - a configuration and a seed give the same bits, however the machine is shared out: every method through `bench run` with one worker
# and with several, with 1, 2 and 4 threads. Compared: every number told on the way, every score per row, and the saved files by SHA-256.

load ../run_helper

# Every method that the model can train, on the longest way through the code: dropout where the method takes it, accumulation, clipping, decay.
everything() {
    methods=$("$BENCH" ls methods --csv | tail -n +2 | cut -d, -f1 | grep -v '^bitfit$' | paste -sd,)
    has "$methods" "delta_lora"
    cat >d.yaml <<YAML
name: d
base:
  model: smoke
  task: lm
  data: {name: smoke}
  train: {steps: 6, batch_size: 3, grad_accum: 2, lr: 5.0e-3, max_length: 40, warmup: 2, schedule: cosine, weight_decay: 0.1, grad_clip: 0.5}
  eval: {every: 3, rows: 12}
  target_modules: [q_proj, v_proj, down_proj]
  r: 4
  delta_start: 2
save: all
seeds: [3]
variants:
  - {method: [$methods]}
  - {method: [lora, lora_fa], lora_dropout: 0.3}
YAML
}

# All that a run left, in an order that does not depend on when it ran.
record() {
    q "SELECT p.hash, r.seed, r.state, 'metric', m.key, m.step, printf('%!.17g', m.value) FROM run r JOIN point p ON p.id = r.point JOIN metric m ON m.run = r.id
       UNION ALL SELECT p.hash, r.seed, r.state, 'item', i.key, i.item, printf('%!.17g %!.17g', i.value, i.weight) FROM run r JOIN point p ON p.id = r.point JOIN item i ON i.run = r.id
       UNION ALL SELECT p.hash, r.seed, r.state, 'file', '', c.step, c.sha256 FROM run r JOIN point p ON p.id = r.point JOIN checkpoint c ON c.run = r.id
       UNION ALL SELECT p.hash, r.seed, r.state, 'bytes', '', r.tokens, printf('%!.17g %!.17g', r.train_loss, r.eval_loss) FROM run r JOIN point p ON p.id = r.point
       ORDER BY 1, 2, 4, 5, 6" "$1"
}

run_as() { # NAME OPTION...
    name=$1
    shift
    "$BENCH" run d.yaml --db "$name/bench.db" "$@" >"$name.log" 2>&1 || { cat "$name.log"; return 1; }
    record "$name/bench.db" >"$name.txt"
}

@test "the same bits with one worker and with two, with 1, 2 and 4 threads, for every method" {
    everything
    run_as one -j 1 --threads 1
    [ "$(grep -c '|file|' one.txt)" -ge 12 ]
    [ "$(cut -d'|' -f3 one.txt | sort -u)" = complete ]
    run_as two -j 2 --threads 1
    cmp one.txt two.txt
    run_as threads2 -j 1 --threads 2
    cmp one.txt threads2.txt
    run_as threads4 -j 1 --threads 4
    cmp one.txt threads4.txt
    is "$(q 'SELECT group_concat(DISTINCT threads) FROM run' threads4/bench.db)" 4
}

@test "another seed gives other bits, and the order of a sweep does not matter" {
    everything
    sed -i 's/method: \[none,.*\]/method: [lora, vera]/; /lora_dropout/d; /delta_start/d; s/seeds: \[3\]/seeds: [3, 4]/' d.yaml
    run_as there -j 1
    sed -i 's/\[lora, vera\]/[vera, lora]/; s/\[3, 4\]/[4, 3]/' d.yaml
    run_as back -j 1
    cmp there.txt back.txt
    is "$(grep '|3|' there.txt | grep '|file|' | cut -d'|' -f7 | sort | comm -12 - <(grep '|4|' there.txt | grep '|file|' | cut -d'|' -f7 | sort))" ""
}
