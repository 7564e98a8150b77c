#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bench compare: what a user sees of a comparison.

setup() {
    BENCH=${BENCH:-$PWD/bench}
    MAKE=$PWD/${BUILD:-build}/tests/unit/test_plot
    D=$BATS_TEST_TMPDIR
    "$MAKE" rank-full "$D/a.db"
}

@test "arms are ranked with intervals, and what must be known stands below" {
    run "$BENCH" compare --db "$D/a.db"
    [ "$status" -eq 0 ]
    [[ $output == *"rank-full, eval/loss (minimize)"* ]]
    [[ $output == *"untouched base"* ]]
    [[ $output == *"worse"* ]]
    [[ $output == *"optimistic"* ]]
    [[ $output == *"15 pairs are judged together, 178 degrees of freedom for seeds"* ]]
    [[ $output == *"this sweep can tell differences of about 0.01"* ]]
    [[ $output != *"noise"* && $output != *"signific"* ]]
    [[ $output == *"Pareto fronts"* ]]
}

@test "JSON holds arms, all pairs and fronts; CSV the arms; Markdown both tables" {
    run "$BENCH" compare rank-full --db "$D/a.db" --json
    [ "$status" -eq 0 ]
    python3 -c '
import json, sys
j = json.loads(sys.argv[1])
assert j["optimistic"] and j["goal"] == "minimize" and j["by"] == ["method"]
n = sum(a["rank"] is not None for a in j["arms"])
assert n == 6 and len(j["pairs"]) == n * (n - 1) // 2, n
assert all(p["p"] >= p["p_alone"] and p["pairs"] == n * (n - 1) // 2 for p in j["pairs"])
assert all((p["p"] <= 0.05) == (p["low"] > 0 or p["high"] < 0) == (p["verdict"] in ("better", "worse")) for p in j["pairs"])
assert j["arms"][0]["verdict"] == "untouched base" and j["arms"][1]["rank"] == 1
assert any(f["on_front"] for f in j["pareto"]) and any(f["by_memory"] for f in j["pareto"])
s = j["settings"][0]
assert 0.001 < s["seed"]["sd"] < 0.01 and s["seed"]["df"] == 178 and s["family"] == 15, s
assert 0.01 < s["resolution"]["difference"] < 0.02 and s["resolution"]["pairs"] == 5, s
assert s["row"]["rows"] == 0
' "$output"
    run "$BENCH" compare --db "$D/a.db" --csv
    [[ ${lines[0]} == rank,arm,configuration,tried,point_id,score,* ]]
    run "$BENCH" compare --db "$D/a.db" --markdown --by method,r
    [[ $output == *"| 1"*"| lora"* ]]
    [[ $output == *"### Pareto fronts"* ]]
}

@test "runs can be filtered; mistakes name what there is and end with 2, nothing to compare with 3" {
    run "$BENCH" compare --db "$D/a.db" --where "method = 'lora'" --by r --csv
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 8 ]
    run "$BENCH" compare nothing --db "$D/a.db"
    [ "$status" -eq 2 ]
    [[ $output == *"its sweeps: rank-full"* ]]
    run "$BENCH" compare --db "$D/a.db" --by rank
    [ "$status" -eq 2 ]
    "$MAKE" empty "$D/b.db"
    run "$BENCH" compare --db "$D/b.db"
    [ "$status" -eq 3 ]
}

@test "--against compares with one arm alone, --margin says as good, --plan what would decide" {
    run "$BENCH" compare --db "$D/a.db" --against lora --margin 0.05 --plan
    [ "$status" -eq 0 ]
    [[ $output == *"to lora"* ]]
    [[ $output == *"reference"* ]]
    [[ $output == *"5 comparisons with lora are judged together"* ]]
    [[ $output == *"within the margin"* || $output == *"as good"* ]]
    [[ $output != *"Pareto"* ]]
    [[ $output == *"nothing is undecided"* || $output == *"what would decide"* ]]
    run "$BENCH" compare --db "$D/a.db" --against nobody
    [ "$status" -eq 2 ]
    [[ $output == *"there are: "*"lora"* ]]
    run "$BENCH" compare --db "$D/a.db" --margin -1
    [ "$status" -eq 2 ]
    "$MAKE" rank "$D/b.db"
    run "$BENCH" compare --db "$D/b.db" --plan
    [ "$status" -eq 0 ]
    [[ $output == *"no verdict, one seed each"* ]]
    [[ $output == *"no plan before two seeds have run"* ]]
}
