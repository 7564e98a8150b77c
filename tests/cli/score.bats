#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# score.bats - `bench score`: lines and JSON lines give the same scores, those of the published scorers; what is malformed is told with its line.

load ../run_helper

@test "texts in lines and in JSON lines score the same, and as the published scorers say" {
    cases=$BATS_TEST_DIRNAME/../unit/text_cases.json
    python3 - "$cases" <<'PY'
import json, sys
c = next(c for c in json.load(open(sys.argv[1]))["corpora"] if "eight" in c["name"])
open("t.jsonl", "w").write("".join(json.dumps({"text": t, "refs": r}) + "\n" for t, r in zip(c["texts"], c["refs"])))
open("t.txt", "w").write("\n".join(c["texts"]) + "\n")
for k in range(8):
    open("r%d.txt" % k, "w").write("\n".join(r[k] if k < len(r) else "" for r in c["refs"]) + "\n")
json.dump(c["scores"], open("want.json", "w"))
PY
    "$BENCH" score t.jsonl --json >a.json
    "$BENCH" score t.txt $(printf ' --refs r%d.txt' 0 1 2 3 4 5 6 7) --json >b.json
    is "$(cat a.json)" "$(cat b.json)"
    python3 - <<'PY'
import json
a, w = json.load(open("a.json")), json.load(open("want.json"))
assert a["texts"] == 40
for k in ("bleu", "nist", "rouge_l"):
    assert abs(a[k] - w[k]) < 1e-6, (k, a[k], w[k])
assert 0 < a["cider"] < 10
PY
    run "$BENCH" score t.jsonl
    has "$output" "bleu             33.0581"
    has "$("$BENCH" score t.jsonl --lower)" "bleu             33.0581"
    has "$("$BENCH" score t.jsonl --lower)" "bleu_lower       33.0827"
    lacks "$("$BENCH" score t.jsonl)" bleu_lower
    has "$("$BENCH" score t.jsonl --csv)" "nist,5.38"
}

@test "what is malformed is an error with file and line, exit code 2" {
    echo '{"text": "a", "refs": ["b"]}' >t.jsonl
    echo '{"text": "a"}' >>t.jsonl
    run "$BENCH" score t.jsonl
    is "$status" 2
    has "$output" 't.jsonl:2: needs "text"'
    printf 'a\nb\n' >t.txt
    printf 'a\n' >r.txt
    run "$BENCH" score t.txt --refs r.txt
    is "$status" 2
    has "$output" "r.txt has 1 lines, t.txt 2"
    printf 'a\n\377\n' >r.txt
    run "$BENCH" score t.txt --refs r.txt
    is "$status" 2
    has "$output" "r.txt:2: not UTF-8"
    : >empty.txt
    run "$BENCH" score empty.txt --refs empty.txt
    is "$status" 2
    has "$output" "has no texts"
    for bad in "t.txt" "none.txt --refs r.txt" "t.jsonl --refs r.txt" ""; do
        # shellcheck disable=SC2086
        run "$BENCH" score $bad
        is "$status" 2
    done
}
