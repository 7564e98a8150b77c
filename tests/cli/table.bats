#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# table.bats - `bench table`: the list, one table in every form, and mistakes.

load ../run_helper

@test "bench table lists every table with its verdicts counted" {
    run "$BENCH" table
    is "$status" 0
    has "$output" "lora-gpt3"
    has "$output" "round differently"
    is "$("$BENCH" table --json | python3 -c 'import json,sys; t=json.load(sys.stdin); print(sum(r["name"] == "vera-1" and r["cells"] == 42 for r in t))')" 1
}

@test "a table shows what is printed, ours, and a verdict for each cell" {
    run "$BENCH" table vera-1
    is "$status" 0
    has "$output" "arXiv 2310.11454"
    grep -qE "large r=16, VeRA +parameters +49.5K +49.92K +does not reproduce: computed 49.92K" <<<"$output"
    has "$output" "  large r=16, VeRA: a slip for 49.9K"
    has "$output" "36.86K  rounds differently"
    has "$(tail -n 1 <<<"$output")" "42 cells: 30 reproduce, 6 round differently, 6 do not reproduce"
    run "$BENCH" table lora-2
    has "$output" "not run"
    run "$BENCH" table vera-counts
    has "$output" "reproduces (printed value from memory)"
}

@test "a table comes as Markdown, CSV, LaTeX, HTML and JSON" {
    has "$("$BENCH" table lora-3 --markdown)" "| GPT-2 L, FT | 774.03M | 774.03M | reproduces |"
    is "$("$BENCH" table lora-3 --csv | python3 -c 'import csv,sys; print([r["computed"] for r in csv.DictReader(sys.stdin) if r["row"] == "GPT-2 L, FT"])')" "['774030080']"
    "$BENCH" table lora-3 --json | python3 -c '
import json, sys
t = json.load(sys.stdin)
assert t["counts"]["reproduces"] == 7 and len(t["cells"]) == 12, t["counts"]
assert t["cells"][0]["verdict"] == "does not reproduce" and t["cells"][0]["computed"] == 354823168
'
    tex=$("$BENCH" table lora-1 --latex)
    has "$tex" '\begin{tabular}'
    has "$tex" '+2.2\% & 2.2\%'
    html=$("$BENCH" table lora-7 --html)
    has "$html" '<th scope="col">row</th>'
    has "$html" '||U^T W_q V||'
    python3 -c 'import sys, xml.dom.minidom as x; x.parseString(sys.argv[1])' "$html"
}

@test "a table of one's own is computed from its file, and hostile text stays text" {
    printf 'title: "<b>&"\ncells:\n  - {row: "<script>&", printed: 3M, formula: 3e6}\n  - {row: "a_b%%$", printed: 1%%, formula: 2}\n' >own.yaml
    has "$("$BENCH" table own.yaml --html)" '&lt;script&gt;&amp;'
    has "$("$BENCH" table own.yaml --latex)" 'a\_b\%\$'
    has "$("$BENCH" table ./own.yaml)" "2 cells: 1 reproduce, 1 do not reproduce"
}

@test "mistakes are told with the remedy, exit code 2" {
    run "$BENCH" table lora-gpt4
    is "$status" 2
    has "$output" "did you mean 'lora-gpt3'"
    run "$BENCH" table lora-2 lora-3
    is "$status" 2
    printf 'cells:\n  - {row: a, printed: 3M, formula: 1 +}\n' >own.yaml
    run "$BENCH" table own.yaml
    is "$status" 2
    has "$output" "own.yaml:2:"
}

# A folder of tables of one's own: a sweep of tiny runs, the table it fills, and claims about it.
own_share() {
    top=$BATS_TEST_DIRNAME/../..
    mkdir -p share/tables share/data
    cp "$top"/experiments/data/architectures.yaml share/data/
    ln -s "$(realpath "$top/experiments/plots")" share/plots
    ln -s "$(realpath "$top/build/share/models")" share/models
    ln -s "$(realpath "$top/build/share/data/smoke")" share/data/smoke
    sed 's/^name: t/name: tiny/; s/- {method: none}/- {method: full}/' t.yaml >share/tables/tiny.sweep.yaml
    cat >share/tables/tiny.yaml <<'YAML'
title: "ranks"
sweep: tiny
column: loss
cells:
  - {row: LoRA r=1, printed: "87.5±.3", arm: {method: lora, r: 1}}
  - {row: LoRA r=2, arm: {method: lora, r: 2}}
YAML
    cat >share/tables/claims.yaml <<'YAML'
claims:
  - {name: more is trained, paper: none, statement: full trains more than lora, control: none, sweep: tiny, value: trainable, rule: better,
     compare: [{a: {method: full}, b: {method: lora, r: 1}}]}
  - {name: all the same, paper: none, statement: ranks do not matter, control: none, sweep: tiny, rule: equal, margin: 100,
     compare: [{a: {method: lora, r: 1}, b: {method: lora, r: 2}}]}
  - {name: open, paper: none, statement: nobody knows, skip: no recipe}
YAML
    export BENCH_SHARE=$dir/share
}

@test "bench table NAME --run runs the table's sweep and fills it; claims are judged by the record" {
    own_share
    run "$BENCH" table tiny
    has "$output" "bench table tiny --run fills it"
    run "$BENCH" table claims
    has "$output" "3 claims, 3 not run"
    run "$BENCH" table tiny --run -j 1
    is "$status" 0
    grep -Eq 'LoRA r=1 +87.5±.3 +[0-9.]+, [0-9.]+ ' <<<"$output" # two seeds of two configurations: their values
    has "$output" "2 cells: 2 measured"
    has "$output" "measured $(date -u +%Y)"
    is "$("$BENCH" table tiny --json | python3 -c 'import json,sys; c=json.load(sys.stdin)["cells"][0]; print(c["seeds"], c["lr"] > 0, len(c["build"]) > 2, len(c["processor"]) > 2)')" "2 True True True"
    run "$BENCH" table claims
    has "$output" "more is trained: supported"
    has "$output" "all the same: supported"
    has "$output" "3 claims, 2 supported, 1 not run"
    is "$("$BENCH" table claims --json | python3 -c 'import json,sys; c=json.load(sys.stdin); print(c[0]["verdict"], c[0]["seeds"], c[0]["gain"] > 0, c[2]["why"])')" "supported 2 True no recipe"
    # what was measured is kept beside the table, and shown where there is no record
    "$BENCH" table tiny --measured >share/tables/tiny.measured.csv
    is "$(head -n 1 share/tables/tiny.measured.csv)" "row,column,mean,sd,seeds,lr,build,processor,date"
    is "$("$BENCH" table tiny --db none.db)" "$("$BENCH" table tiny)"
    spread() { "$BENCH" table tiny --json --db "$1" | python3 -c 'import json,sys; print(["%.9g" % c["sd"] for c in json.load(sys.stdin)["cells"]])'; }
    is "$(spread none.db)" "$(spread results/bench.db)"
    [ ! -e none.db ]
    run "$BENCH" table lora-2 --run
    is "$status" 2
}

@test "claims that were measured once keep their verdicts without a record, by the rule of the file; a bad line is told" {
    own_share
    "$BENCH" table tiny --run -j 1 >/dev/null
    "$BENCH" table claims >before
    "$BENCH" table claims --measured >share/tables/claims.measured.csv
    is "$("$BENCH" table claims)" "$(cat before)" # the record goes first
    run "$BENCH" table claims --db none.db
    has "$output" "all the same: supported"
    has "$output" "3 claims, 2 supported, 1 not run"
    has "$output" "kept from $(date +%Y)"
    is "$(grep gain <<<"$output")" "$(grep gain before)"
    sed -i 's/rule: equal, margin: 100/rule: better, margin: 100/' share/tables/claims.yaml
    run "$BENCH" table claims --db none.db
    has "$output" "all the same: not supported"
    sed -i '2s/,2,0,0,0.1/,two,0,0,0.1/' share/tables/claims.measured.csv
    run "$BENCH" table claims --db none.db
    is "$status" 2
    has "$output" "claims.measured.csv:2: mean_a to counted must be numbers"
    echo "claim,gain" >share/tables/claims.measured.csv
    echo "x,1" >>share/tables/claims.measured.csv
    run "$BENCH" table claims --db none.db
    is "$status" 2
    has "$output" "claims.measured.csv:1: must be claim,a,b,mean_a"
}

@test "bench table --run hands every --set on, however many there are, and refuses a bad -j" {
    own_share
    sets=()
    for i in $(seq 32); do sets+=(--set "train.steps=3"); done
    run "$BENCH" table tiny --run -j 1 "${sets[@]}" --set train.steps=2
    is "$status" 0
    is "$(q "select min(steps), max(steps) from run where steps > 0")" "2|2"
    run "$BENCH" table tiny --run -j many
    is "$status" 2
    has "$output" "--workers: 'many' is not a whole number from 1 to 1024"
}

@test "--run on a computed table and options without --run are refused" {
    run "$BENCH" table vera-1 --run
    is "$status" 2
    has "$output" "is computed, there is nothing to run"
    run "$BENCH" table lora-6 --set train.steps=3
    is "$status" 2
}

@test "every delivered recipe is a sweep that names its table" {
    for s in "$BATS_TEST_DIRNAME"/../../experiments/tables/*.sweep.yaml; do
        name=$(basename "$s" .sweep.yaml)
        is "$(sed -n 's/^name: //p' "$s")" "$name"
        # the methods and axes hold on another model and data as well
        case $name in
            lora-2-* | lora-3-e2e) continue ;;
        esac
        run "$BENCH" run "$s" --set model=smoke --set data.name=smoke --dry-run
        is "$status" 0
        has "$output" " runs, 0 done"
    done
}
