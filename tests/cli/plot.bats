#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bench plot: from a database to files, as a user calls it.

setup() {
    BENCH=${BENCH:-$PWD/bench}
    MAKE=$PWD/${BUILD:-build}/tests/unit/test_plot
    D=$BATS_TEST_TMPDIR
}

@test "plot prints the paths of picture, data and script beside the database" {
    "$MAKE" rank "$D/results/bench.db"
    cd "$D"
    run "$BENCH" plot plane
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 4 ]
    for f in "${lines[@]}"; do [ -s "$f" ]; done
    [ "${lines[0]}" = "$(realpath "$D")/results/plots/rank-plane.png" ]
}

@test "every kind draws, in the folder and format that is asked for" {
    "$MAKE" rates "$D/a.db"
    for kind in plane lr memory curves pareto time ablation forest heatmap; do
        run "$BENCH" plot "$kind" --db "$D/a.db" -o "$D/out" --format svg
        [ "$status" -eq 0 ]
        [ -s "$D/out/rates-$kind.svg" ]
        [ ! -e "$D/out/rates-$kind.png" ]
    done
}

@test "the script that is left draws the same picture again by itself" {
    "$MAKE" smoke "$D/a.db"
    "$BENCH" plot plane --db "$D/a.db" -o "$D/out"
    cp "$D/out/smoke-plane.png" "$D/first.png"
    rm "$D/out/smoke-plane.png" "$D/out/smoke-plane.svg"
    cd "$D/out"
    gnuplot smoke-plane.gp
    cmp smoke-plane.png "$D/first.png"
}

@test "one run that came apart leaves the other cells of a heat-map their colours" {
    "$MAKE" rates "$D/a.db"
    python3 - "$D/a.db" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
run = db.execute("SELECT run_id FROM runs WHERE method = 'lora_plus' AND state = 'complete' ORDER BY lr LIMIT 1").fetchone()[0]
db.execute("UPDATE metric SET value = 90 WHERE run = ? AND key = 'eval/loss'", (run,))
db.execute("UPDATE run SET metric = 90 WHERE id = ?", (run,))
db.commit()
PY
    "$BENCH" plot heatmap --db "$D/a.db" -o "$D/out" --format svg
    grep -q "^1,0,0,46.75" "$D/out/rates-heatmap.csv" # its own number stays
    [ "$(sed -n 's/^hi = \([0-9]*\).*/\1/p' "$D/out/rates-heatmap.gp")" -lt 10 ]
}

@test "wrong usage ends with 2 and says what is right" {
    run "$BENCH" plot
    [ "$status" -eq 2 ]
    [[ $output == *"plane, lr, memory, curves"* ]]
    run "$BENCH" plot plane --format gif
    [ "$status" -eq 2 ]
    [[ $output == *"png"* ]]
    "$MAKE" smoke "$D/a.db"
    run "$BENCH" plot plain --db "$D/a.db"
    [ "$status" -eq 2 ]
    [[ $output == *"did you mean 'plane'"* ]]
    run "$BENCH" plot plane --db "$D/a.db" --where "r >"
    [ "$status" -eq 2 ]
}

@test "a missing database and a sweep without data end with 3" {
    run "$BENCH" plot plane --db "$D/none.db"
    [ "$status" -eq 3 ]
    "$MAKE" empty "$D/a.db"
    run "$BENCH" plot plane --db "$D/a.db"
    [ "$status" -eq 3 ]
    [[ $output == *"empty"* ]]
}

@test "without gnuplot the data is there, the remedy is told, and the exit code is 3" {
    "$MAKE" smoke "$D/a.db"
    mkdir "$D/bin"
    PATH=$D/bin run "$BENCH" plot plane --db "$D/a.db" -o "$D/out"
    [ "$status" -eq 3 ]
    [[ $output == *"apt-get install gnuplot-nox"* ]]
    [ -s "$D/out/smoke-plane.csv" ]
}

@test "a reader does not disturb: the database is not written" {
    "$MAKE" smoke "$D/a.db"
    before=$(sha256sum <"$D/a.db")
    chmod a-w "$D/a.db"
    "$BENCH" plot memory --db "$D/a.db" -o "$D/out" >/dev/null
    [ "$before" = "$(sha256sum <"$D/a.db")" ]
}
