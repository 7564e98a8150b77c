#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# pairs.bats - the task `pairs`: training on pairs, triplets and scores, search and similarity, memory, and what is wrong with data.

load ../run_helper

files() {
    printf '{"q":"what barks","a":"a dog","n":"a cat"}\n{"q":"what meows","a":"a cat","n":"a dog"}\n{"q":"what flies","a":"a bird","n":"a fish"}\n{"q":"what swims","a":"a fish","n":"a bird"}\n' >p.jsonl
    printf 'a dog\ta hound\t4.5\na cat\ta stone\t0.5\na bird\ta small bird\t4.0\nred\tblue\t2\n' >s.tsv
    mkdir -p set/qrels
    printf '{"_id":"1","title":"Dog","text":"barks"}\n{"_id":"2","title":"Cat","text":"meows"}\n{"_id":"3","title":"","text":"swims"}\n' >set/corpus.jsonl
    printf '{"_id":"a","text":"what barks"}\n{"_id":"b","text":"what meows"}\n' >set/queries.jsonl
    printf 'query-id\tcorpus-id\tscore\na\t1\t2\nb\t2\t1\nb\t1\t0\n' >set/qrels/test.tsv
    cp set/qrels/test.tsv set/qrels/train.tsv
}

# A sweep of one run: its base from stdin, three steps.
one() {
    { echo "name: one"; echo "base:"; echo "  model: smoke"; echo "  task: pairs"; sed 's/^/  /'; echo "variants: [{method: ${1:-lora}}]"; } >one.yaml
}

PAIRS='{train: p.jsonl, eval: p.jsonl, anchor: "{q}", positive: "{a}"}'
TRIPLES='{train: p.jsonl, eval: p.jsonl, anchor: "{q}", positive: "{a}", negative: "{n}"}'
SCORES='{train: s.tsv, eval: s.tsv, header: false, sentence1: "{1}", sentence2: "{2}", score: "{3}", score_min: 0, score_max: 5}'
TRAIN='train: {steps: 3, batch_size: 4, max_length: 32, lr: 1.0e-3'

metric() { q "SELECT round(value, 6) FROM metric WHERE key = '$1' ORDER BY step DESC LIMIT 1"; }

@test "every loss trains and is recorded; predicted memory is what was measured" {
    files
    for case in "$PAIRS|mnr" "$TRIPLES|mnr, symmetric: true" "$TRIPLES|triplet, distance: cosine, margin: 0.3" "$SCORES|cosent" \
        "$SCORES|cosine_mse" "$TRIPLES|mnr, mini_batch_size: 2"; do
        printf 'data: %s\n%s, loss: %s}\n' "${case%|*}" "$TRAIN" "${case#*|}" | one
        metric=ndcg@10
        [[ $case == *sentence1* ]] && metric=spearman
        run "$BENCH" run one.yaml --new --set metric.name=eval/$metric
        is "$status" 0
        is "$(q "SELECT count(*) FROM runs WHERE state != 'complete' OR peak_bytes != peak_bytes_predicted OR metric IS NULL")" 0
        rm -rf results
    done
}

@test "a batch in mini-batches gives the losses of the batch in one piece, with dropout too" {
    files
    for mini in 0 1 3; do
        printf 'data: %s\n%s, mini_batch_size: %s}\nlora_dropout: 0.2\n' "$TRIPLES" "$TRAIN" $mini | one
        "$BENCH" run one.yaml --db $mini/x.db
        q "SELECT round(value, 5) FROM metric WHERE key = 'train/loss' ORDER BY step" $mini/x.db >$mini.txt
    done
    is "$(wc -l <0.txt)" 3
    cmp 0.txt 1.txt
    cmp 0.txt 3.txt
}

@test "activations of mini-batches do not grow with the batch beyond the embeddings and their gradients" {
    for i in $(seq 64); do echo "{\"q\":\"word$i and word$((i % 7))\",\"a\":\"more of word$i\"}"; done >p.jsonl
    for size in 16 64; do
        printf 'data: %s\ntrain: {steps: 1, batch_size: %s, mini_batch_size: 8, shuffle: false, max_length: 32}\neval: {rows: 2}\n' "$PAIRS" $size | one
        "$BENCH" run one.yaml --db $size/x.db
    done
    hidden=64
    small=$(q "SELECT peak FROM memory WHERE category = 'act' AND run = (SELECT max(run_id) FROM runs WHERE method = 'lora')" 16/x.db)
    large=$(q "SELECT peak FROM memory WHERE category = 'act' AND run = (SELECT max(run_id) FROM runs WHERE method = 'lora')" 64/x.db)
    more=$((48 * 2 * 2 * hidden * 4))
    # what is above the embeddings is the largest mini-batch's: the same within two panels of tokens
    [ $((large - small - more)) -lt $((small / 4)) ]
}

@test "the record has search and similarity scores, single queries, sizes of Matryoshka, and the untouched model" {
    files
    printf 'data: %s\n%s}\nmatryoshka: {dims: [64, 16], weights: [1, 0.5]}\n' "$PAIRS" "$TRAIN" | one
    "$BENCH" run one.yaml
    for key in ndcg@10 mrr@10 map@100 recall@10 accuracy@1 ndcg@10@dim16; do [ -n "$(metric eval/$key)" ]; done
    is "$(metric eval/ndcg@10@dim64)" "" # that is the whole
    is "$(q "SELECT count(*) FROM item WHERE key = 'eval/ndcg@10' AND weight = 1 AND run = (SELECT max(run_id) FROM runs)")" 4
    is "$(q "SELECT count(*) FROM runs WHERE method = 'lora' AND base_metric IS NOT NULL")" 1
}

@test "bench eval scores a collection's folder, similarity, and an adapter" {
    files
    run "$BENCH" eval --model smoke --task pairs --data set --max-length 32 --json
    is "$status" 0
    has "$output" '"test/ndcg@10"'
    has "$output" '"test/accuracy@1"'
    run "$BENCH" eval --model smoke --task pairs --data s.tsv --max-length 32 --set data.header=false --set 'data.sentence1="{1}"' \
        --set 'data.sentence2="{2}"' --set 'data.score="{3}"'
    is "$status" 0
    has "$output" "eval/spearman"
    printf 'data: {corpus: set/corpus.jsonl, queries: set/queries.jsonl, qrels: {train: set/qrels/train.tsv, eval: set/qrels/test.tsv}}\n%s}\n' "$TRAIN" | one
    "$BENCH" run one.yaml
    is "$(q "SELECT DISTINCT data FROM runs")" set
    run "$BENCH" eval --adapter "$(q "SELECT run_id FROM runs WHERE method = 'lora'")"
    is "$status" 0
    has "$output" "$(printf 'eval/ndcg@10         %.6f' "$(metric eval/ndcg@10)")"
    run python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["task_type"])' "$(q "SELECT checkpoint_path FROM runs WHERE method = 'lora'")/adapter_config.json"
    is "$output" FEATURE_EXTRACTION
    run "$BENCH" eval --model smoke --task pairs --data set --set nonsense=1
    is "$status" 2
    has "$output" "knows no such key"
}

@test "equal texts are no negatives of each other: a batch of one pair four times has no loss" {
    for _ in 1 2 3 4; do echo '{"q":"what barks","a":"a dog"}'; done >p.jsonl
    printf 'data: %s\n%s}\n' "$PAIRS" "$TRAIN" | one
    "$BENCH" run one.yaml
    is "$(metric train/loss)" 0.0
}

refused() { # what, command...
    what=$1
    shift
    run "$@"
    is "$status" 2
    has "$output" "$what"
}

@test "what does not fit together is refused before anything runs" {
    files
    printf 'data: %s\ntrain: {steps: 3, batch_size: 1, max_length: 32}\n' "$PAIRS" | one
    refused "negatives come from the other pairs" "$BENCH" run one.yaml
    printf 'data: %s\n%s, loss: triplet}\n' "$PAIRS" "$TRAIN" | one
    refused "needs data.negative" "$BENCH" run one.yaml
    printf 'data: %s\n%s, loss: cosent}\n' "$PAIRS" "$TRAIN" | one
    refused "needs data.sentence1" "$BENCH" run one.yaml
    printf 'data: %s\n%s, loss: mnr}\n' "$SCORES" "$TRAIN" | one
    refused "needs data.anchor" "$BENCH" run one.yaml
    printf 'data: {train: p.jsonl, eval: p.jsonl, anchor: "{q}"}\n%s}\n' "$TRAIN" | one
    refused "needs data.anchor and data.positive" "$BENCH" run one.yaml
    printf 'data: {train: p.jsonl, eval: p.jsonl, anchor: "{q}", positive: "{b}"}\n%s}\n' "$TRAIN" | one
    refused "data.positive: unknown column 'b'" "$BENCH" run one.yaml
    printf 'data: %s\n%s}\nmatryoshka: {dims: [65]}\n' "$PAIRS" "$TRAIN" | one
    refused "matryoshka.dims: sizes are whole numbers from 1 to the model's 64" "$BENCH" run one.yaml
    printf 'data: %s\n%s}\nmatryoshka: {dims: [8], weights: [1, 2]}\n' "$PAIRS" "$TRAIN" | one
    refused "matryoshka.weights: a list of as many numbers" "$BENCH" run one.yaml
    printf 'data: %s\n%s}\n' "$PAIRS" "$TRAIN" | one
    refused "metric.name: 'eval/loss' is unknown" "$BENCH" run one.yaml --set metric.name=eval/loss
    [ ! -e results/bench.db ] || is "$(q "SELECT count(*) FROM run")" 0
}

@test "scores that are no numbers or outside their range are named with file and line" {
    files
    printf 'a\tb\t7\n' >>s.tsv
    printf 'data: %s\n%s}\n' "$SCORES" "$TRAIN" | one
    refused "s.tsv:5: the score 7 is outside 0..5" "$BENCH" run one.yaml --set metric.name=eval/spearman
    refused "s.tsv:5: the score 7 is outside 0..5" "$BENCH" eval --model smoke --task pairs --data s.tsv --set data.header=false \
        --set 'data.sentence1="{1}"' --set 'data.sentence2="{2}"' --set 'data.score="{3}"' --set data.score_min=0 --set data.score_max=5
    files
    printf 'a\tb\tmuch\n' >>s.tsv
    refused "s.tsv:5: the score 'much' is not a number" "$BENCH" run one.yaml --set metric.name=eval/spearman
    files
    printf 'data: {train: s.tsv, eval: s.tsv, header: false, sentence1: "{1}", sentence2: "{2}", score: "{3}"}\n%s, loss: cosine_mse}\n' "$TRAIN" | one
    refused "give data.score_min and data.score_max" "$BENCH" run one.yaml --set metric.name=eval/spearman
}

@test "blank texts are left out and counted, long ones are cut and counted, blank documents stay" {
    files
    printf '{"q":" ","a":"nothing"}\n{"q":"one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen","a":"many"}\n' >>p.jsonl
    printf 'data: %s\ntrain: {steps: 4, batch_size: 6, max_length: 16}\n' "$PAIRS" | one
    run "$BENCH" run one.yaml
    is "$status" 0
    has "$output" "1 train rows have a blank text and were left out"
    has "$output" "1 eval rows have a blank text and were left out"
    has "$output" "longer than 16 tokens and were cut"
    printf '{"_id":"4","title":"","text":""}\n' >>set/corpus.jsonl
    run "$BENCH" eval --model smoke --task pairs --data set --max-length 32
    is "$status" 0
    printf '{"q":" ","a":"nothing"}\n' >p.jsonl
    refused "no eval row has texts in all its columns" "$BENCH" eval --model smoke --task pairs --data p.jsonl --set 'data.anchor="{q}"' --set 'data.positive="{a}"'
}

@test "bad judgements are refused before anything runs" {
    files
    printf 'c\t1\t1\n' >>set/qrels/test.tsv
    refused "test.tsv:5: there is no query 'c'" "$BENCH" eval --model smoke --task pairs --data set
    files
    printf '{"_id":"1","text":"again"}\n' >>set/queries.jsonl
    printf '{"_id":"1","text":"again"}\n' >>set/queries.jsonl
    refused "queries.jsonl:4: the id '1' is there twice" "$BENCH" eval --model smoke --task pairs --data set
}

@test "weights that are no numbers give the state failed, no score and no adapter" {
    files
    python3 "$BATS_TEST_DIRNAME/../../experiments/models/smoke/make_smoke.py" m
    python3 "$BATS_TEST_DIRNAME/damage.py" m/model.safetensors nan
    printf 'data: %s\n%s}\n' "$PAIRS" "$TRAIN" | one
    sed -i 's/model: smoke/model: m/' one.yaml
    run "$BENCH" run one.yaml
    is "$status" 1
    is "$(q "SELECT state, count(*), count(metric), count(checkpoint_path) FROM runs GROUP BY 1")" "failed|2|0|0"
    run "$BENCH" eval --model m --task classify --data p.jsonl --set 'data.text="{q}"' --set 'data.label="{a}"' --set 'data.labels=["a dog", "a cat", "a bird", "a fish"]'
    is "$status" 2
    has "$output" "is not finite at row"
}

@test "threads change no bit of losses and scores" {
    files
    for threads in 1 2 4; do
        printf 'data: %s\n%s, mini_batch_size: 3}\nmatryoshka: {dims: [16]}\nthreads: %s\n' "$TRIPLES" "$TRAIN" $threads | one
        "$BENCH" run one.yaml --db $threads/x.db
        q "SELECT key, step, hex(CAST(value AS BLOB)), value FROM metric WHERE key LIKE 'eval/%' OR key = 'train/loss' ORDER BY run, key, step" $threads/x.db >$threads.txt
    done
    [ "$(wc -l <1.txt)" -gt 20 ]
    cmp 1.txt 2.txt
    cmp 1.txt 4.txt
}

@test "a sweep over scores is judged by their correlation unless it says otherwise, and its pages show that" {
    files
    printf 'data: %s\n%s}\neval: {every: 1}\n' "$SCORES" "$TRAIN" | one
    "$BENCH" run one.yaml
    is "$(q "SELECT DISTINCT metric_name FROM runs WHERE metric IS NOT NULL")" eval/spearman
    run "$BENCH" compare one
    is "$status" 0
    run "$BENCH" show "$(q "SELECT run_id FROM runs WHERE method = 'lora'")"
    has "$output" "step  eval/spearman"
    lacks "$output" "eval loss"
}

@test "the page of a search shows the sweep's metric beside the first of the others" {
    files
    printf 'data: %s\n%s}\n' "$PAIRS" "$TRAIN" | one
    "$BENCH" run one.yaml
    run "$BENCH" show "$(q "SELECT run_id FROM runs WHERE method = 'lora'")"
    has "$output" "step  eval/ndcg@10  eval/accuracy@1"
}

@test "scores that are all the same are refused before anything runs: nothing correlates with them" {
    printf 'a dog\ta hound\t3\na cat\ta stone\t3\n' >s.tsv
    printf 'data: %s\n%s}\n' "$SCORES" "$TRAIN" | one
    refused "the scores of the 2 eval rows are all" "$BENCH" run one.yaml
}

@test "judgements without a header and data.where on a collection are refused: neither is a wrong score" {
    files
    refused "the queries of its judgements" "$BENCH" eval --model smoke --task pairs --data set --set data.where=_id=b
    sed -i 1d set/qrels/test.tsv
    refused "test.tsv:1: a judgement where the header stands" "$BENCH" eval --model smoke --task pairs --data set
}

@test "a training row that is left out counts once, however often the steps come by" {
    files
    echo '{"q":"","a":"a dog","n":"a cat"}' >>p.jsonl
    printf 'data: %s\ntrain: {steps: 12, batch_size: 5, max_length: 32}\n' "$PAIRS" | one
    run "$BENCH" run one.yaml
    has "$output" "skipped: 1 train rows have a blank text"
}

@test "bench eval says that a head without an adapter is untrained" {
    printf 't,l\ncat,A\ndog,B\n' >c.csv
    run "$BENCH" eval --model smoke --task classify --data c.csv --set data.text='{t}' --set data.label='{l}' --set 'data.labels=[A, B]'
    is "$status" 0
    has "$output" "drawn at random"
}

@test "bench embed passes over a byte order mark" {
    printf '\xef\xbb\xbfa dog\r\n' >bom.txt
    printf 'a dog\n' >plain.txt
    for f in bom plain; do "$BENCH" embed --model smoke -i $f.txt -o $f.npy; done
    cmp bom.npy plain.npy
}

@test "a template in --set needs no second quotes" {
    files
    run "$BENCH" eval --model smoke --task pairs --data p.jsonl --set data.anchor='{q}' --set data.positive='{a} {n}'
    is "$status" 0
    printf 'data: %s\n%s}\n' "$PAIRS" "$TRAIN" | one
    run "$BENCH" run one.yaml --set data.negative='{n}' --set eval.rows=2 --dry-run
    is "$status" 0
    run "$BENCH" run one.yaml --set 'data={name: glosses}' --dry-run # a map is one still
    is "$status" 0
}
