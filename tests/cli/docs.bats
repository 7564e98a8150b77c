#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# docs.bats - README.md and docs/: links lead somewhere, the first page is short, commands exist and those that are not marked (long) run.

load ../run_helper

top=$BATS_TEST_DIRNAME/../..
pages() { (cd "$top" && tests/cli/doc_pages.py "$@"); }

@test "links in README and docs lead to files and headings that exist" {
    run pages links
    is "$output" ""
    is "$status" 0
}

@test "README has at most 150 lines, and sentences of under 30 words" {
    run pages lengths README.md 150 29
    is "$output" ""
    is "$status" 0
}

@test "every document that README promises is there, and README names each" {
    for d in sweep commands architecture results methods models measurements contributing changelog; do
        [ -s "$top/docs/$d.md" ]
        has "$(cat "$top/README.md")" "docs/$d.md"
    done
}

@test "options and keys of every command in README and docs are known to the program" {
    run pages commands "$BENCH"
    is "$output" ""
    is "$status" 0
}

# The sweep of a page, with the model that is here.
page_sweep() { pages yaml "$1" | sed 's/smollm2-135m/smoke/'; }

@test "the sweeps of README and of the guide are what the program takes" {
    echo '{"question": "one and one?", "answer": "two"}' | tee train.jsonl >eval.jsonl
    # 2 targets x (2 methods x 2 ranks x 2 rates) + 2 rates of full, 3 seeds each; the guide's has the untouched model too
    for page in README.md:54 docs/guide.md:55; do
        page_sweep "${page%:*}" >mine.yaml
        run "$BENCH" run mine.yaml --dry-run
        is "$status" 0
        has "${lines[-1]}" "mine: ${page#*:} runs"
    done
}

@test "every command in README and docs that is not marked (long) runs" {
    echo '{"question": "one and one?", "answer": "two"}' | tee train.jsonl >eval.jsonl
    echo two | tee generated.txt a.txt >b.txt
    page_sweep README.md >mine.yaml
    # A record with the sweeps and the run numbers that the documents name.
    sed 's/^name: t/name: mine/; s/r: \[1, 2\]/r: [1, 2, 4, 8]/; s/method: lora,/method: [lora, lora_fa],/' t.yaml >small.yaml
    "$BENCH" run small.yaml >/dev/null
    sed 's/^name: mine/name: rank/' small.yaml >rank.yaml
    "$BENCH" run rank.yaml >/dev/null
    pages short README.md docs/{architecture,changelog,contributing,guide,measurements,methods,models,results}.md >commands
    [ "$(wc -l <commands)" -ge 20 ]
    PATH=$(dirname "$(realpath "$BENCH")"):$PATH
    while IFS= read -r c; do
        rc=0
        timeout 120 bash -c "$c" >out 2>&1 </dev/null || rc=$?
        # 3: doctor found a problem of this machine
        [ "$rc" = 0 ] || [ "$c$rc" = "bench doctor3" ] || { echo "exit code $rc: $c"; tail -5 out; return 1; }
        [ -s out ] || { echo "says nothing: $c"; return 1; }
    done <commands
}
