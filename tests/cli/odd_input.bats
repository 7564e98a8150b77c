#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# odd_input.bats - byte order marks, pipes, and characters that a terminal would obey: read, waited for, or shown as what they are.

load ../run_helper

rows() { for i in 1 2 3; do printf '{"q": "what is %s", "a": "it is %s"}\n' "$i" "$i"; done >d.jsonl; }

@test "a byte order mark in front of YAML and of texts is no part of them" {
    printf '\xef\xbb\xbf' | cat - t.yaml >bom.yaml
    is "$("$BENCH" run bom.yaml --dry-run)" "$("$BENCH" run t.yaml --dry-run)"
    printf 'red stone\n' >r.txt
    printf '\xef\xbb\xbfred stone\n' >t.txt
    is "$("$BENCH" score t.txt --refs r.txt --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["rouge_l"])')" "1.0"
    is "$("$BENCH" score r.txt --refs t.txt --csv)" "$("$BENCH" score r.txt --refs r.txt --csv)"
    printf '\xef\xbb\xbf{"text": "a", "refs": ["a"]}\n' >t.jsonl
    "$BENCH" score t.jsonl
}

@test "a pipe is read where a user names it, also a named one whose writer comes late" {
    rows
    is "$("$BENCH" run <(cat t.yaml) --dry-run | tail -1)" "t: 5 runs, 0 done, 5 to run"
    printf 'red stone\n' >r.txt
    "$BENCH" score <(cat r.txt) --refs <(cat r.txt)
    mkfifo late
    (
        sleep 1.5
        cat r.txt >late
    ) &
    run timeout 20 "$BENCH" score late --refs r.txt
    is "$status" 0
    has "$output" "bench: late: waiting for somebody to write into it"
    has "$output" "rouge_l          1.0000"
}

@test "data and files of a model are read more than once: a pipe in their place is refused, not waited for" {
    rows
    mkfifo pipe.jsonl
    for data in pipe.jsonl <(cat d.jsonl); do
        run timeout 20 "$BENCH" eval --model smoke --data "$data" --set data.format=jsonl --prompt '{q}' --completion '{a}'
        is "$status" 2
        has "$output" "is not a regular file: give the name of one (a pipe can be saved to one first)"
    done
    model=$("$BENCH" ls models --json | python3 -c 'import json, sys; print(next(m["path"] for m in json.load(sys.stdin) if m["name"] == "smoke"))')
    cp -r "$model" M
    rm M/config.json
    mkfifo M/config.json
    run timeout 20 "$BENCH" eval --model M --data d.jsonl --prompt '{q}' --completion '{a}'
    is "$status" 2
    has "$output" "M/config.json: is not a regular file"
}

@test "names from files do not move the terminal: control characters and directional overrides" {
    # ESC, C1's CSI, right-to-left override, isolate, line separator
    odd=$(printf 'x\\u001b[31m\\u009b2J\\u202egnp\\u2066\\u2028')
    shown='x [31m 2J?gnp? '
    printf '{"%s": "a", "b": "b"}\n{"%s": "a", "b": "b"}\n' "$odd" "$odd" >d.jsonl
    run "$BENCH" eval --model smoke --data d.jsonl --prompt '{nothing}' --completion '{b}'
    is "$status" 2
    has "$output" "the columns are '$shown', 'b'"
    column=$(python3 -c 'import json; print(list(json.loads(open("d.jsonl").readline()))[0])')
    run "$BENCH" eval --model smoke --data d.jsonl --prompt "{$column}" --completion "{$column}"
    has "$output" "both hold {$shown}"
    is "$(python3 -c 'import re, sys; print(re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202a-\u202e\u2066-\u2069]", sys.argv[1]))' "$output")" "[]"
    printf 'name: "a\\u202eb"\n' | cat - <(tail -n +2 t.yaml) >odd.yaml
    run "$BENCH" run odd.yaml
    is "$status" 2
    has "$output" "name: 'a?b' must have 1 to 100 characters, no slash, line break or control character"
}

@test "special tokens that stand in data are plain text, and told" {
    special=$("$BENCH" ls models --json | python3 -c 'import json, sys; print(next(m["path"] for m in json.load(sys.stdin) if m["name"] == "smoke"))')
    token=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1] + "/tokenizer.json"))["added_tokens"][0]["content"])' "$special")
    printf '{"q": "what", "a": "this %s that"}\n{"q": "what", "a": "this"}\n' "$token" >d.jsonl
    score() { "$BENCH" eval --model smoke --data d.jsonl --prompt '{q}' --completion ' {a}' "$@"; }
    told="special: 1 eval rows have special tokens in a field: there they are plain text (data.special_tokens: true recognises them)"
    has "$(score 2>&1)" "note: $told"
    lacks "$(score --set data.special_tokens=true 2>&1)" "special: "
    lacks "$("$BENCH" eval --model smoke --data d.jsonl --prompt "$token{q}" --completion '{q}' 2>&1)" "special: " # of the template
    run "$BENCH" eval --model smoke --task pairs --data d.jsonl --set 'data.anchor={q}' --set 'data.positive={a}'
    has "$output" "note: special: 1 eval texts have special tokens in a field"
    cp d.jsonl train.jsonl
    sed -i 's|data: {name: smoke}|data: {train: train.jsonl, eval: d.jsonl, prompt: "{q}", completion: "{a}"}|' t.yaml
    "$BENCH" run t.yaml
    run "$BENCH" show t
    has "$output" "$told (5 runs)"
}
