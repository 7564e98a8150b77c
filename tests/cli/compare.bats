#!/usr/bin/env bats
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
    [[ $output == *"noise floor: equal configurations (the better half) spread by sd 0.00"* ]]
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
assert all(p["p_holm"] >= p["p"] for p in j["pairs"])
assert j["arms"][0]["verdict"] == "untouched base" and j["arms"][1]["rank"] == 1
assert any(f["on_front"] for f in j["pareto"]) and any(f["by_memory"] for f in j["pareto"])
assert 0.005 < j["noise"]["sd"] < 0.01 and j["noise"]["seeds"] == 3
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
