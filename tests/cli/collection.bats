#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# collection.bats - a BEIR folder is judged as BEIR judges it. Texts are equal or not, so that the expected scores hold for any model; BEIR's own
# evaluator is asked on random folders by tests/parity/search.py.

load ../run_helper

# collection CORPUS QUERIES QRELS: lines "id|title|text" (title "-": none), "id|text", "query document grade".
collection() {
    mkdir -p set/qrels
    python3 - "$@" <<'PY'
import json, sys
with open("set/corpus.jsonl", "w") as f:
    for line in sys.argv[1].split("\n"):
        i, title, text = line.split("|")
        f.write(json.dumps({"_id": i, "title": title, "text": text} if title != "-" else {"_id": i, "text": text}) + "\n")
with open("set/queries.jsonl", "w") as f:
    for line in sys.argv[2].split("\n"):
        i, text = line.split("|")
        f.write(json.dumps({"_id": i, "text": text}) + "\n")
with open("set/qrels/test.tsv", "w") as f:
    f.write("query-id\tcorpus-id\tscore\n")
    for line in sys.argv[3].split("\n"):
        f.write("\t".join(line.split(" ")) + "\n")
PY
}

# judged METRIC VALUE...: what eval says of the folder.
judged() {
    local out
    out=$("$BENCH" eval --model smoke --task pairs --data set --json "${sets[@]}" 2>err) || { cat err; return 1; }
    while (($#)); do
        is "$(python3 -c 'import json, sys; print("%.4f" % json.loads(sys.argv[1])["test/" + sys.argv[2]])' "$out" "$1")" "$2" || return 1
        shift 2
    done
}

sets=()

@test "a query that is a document of the corpus does not find itself" {
    collection $'1||red stone\n2||red stone\n3||a small river' '1|red stone' '1 2 1'
    judged ndcg@10 1.0000 mrr@10 1.0000 accuracy@1 1.0000
    # relevant to itself it still counts among what is to be found
    collection $'1||red stone\n2||red stone\n3||a small river' '1|red stone' $'1 2 1\n1 1 1'
    judged ndcg@10 0.6131 recall@10 0.5000 map@100 0.5000
}

@test "documents of equal score stand against the order of their ids" {
    collection $'b||red stone\na||red stone\nc||a small river' 'q|red stone' 'q a 1'
    judged ndcg@10 0.6309 mrr@10 0.5000
    collection $'a||red stone\nb||red stone\nab||red stone' 'q|red stone' 'q ab 1'
    judged mrr@10 0.5000
}

@test "all judged queries count, also those without a relevant document and blank ones" {
    collection $'1||red stone\n2||a small river' $'q|red stone\nz|red stone\nb| ' $'q 1 1\nz 1 0\nz 2 -1\nb 1 0'
    judged ndcg@10 0.3333 map@100 0.3333 recall@10 0.3333 accuracy@10 0.3333
    run "$BENCH" eval --model smoke --task pairs --data set
    has "$output" "test/queries         3 scored, 0 left out, 0 cut"
}

@test "a judged document that is not in the corpus is relevant and never found, and told" {
    collection $'1||red stone\n2||a small river' 'q|red stone' $'q 1 1\nq gone 1\nq lost 0'
    judged ndcg@10 0.6131 recall@10 0.5000 map@100 0.5000
    has "$(cat err)" "data: 1 relevant documents of data.qrels.test are not in data.corpus: they count as relevant and never found"
}

@test "grades count in nDCG unless data.relevance is binary" {
    collection $'a||red stone\nb||red stone\nc||a small river' 'q|red stone' $'q a 3\nq b 1'
    judged ndcg@10 0.7967 map@100 1.0000
    sets=(--set data.relevance=binary)
    judged ndcg@10 1.0000
}

@test "average precision divides by all relevant documents" {
    corpus=$(for i in $(seq 150); do echo "$i||red stone"; done)
    qrels=$(for i in $(seq 150); do echo "q $i 1"; done)
    collection "$corpus" 'q|red stone' "$qrels"
    judged map@100 0.6667 recall@100 0.6667 precision@10 1.0000
}

@test "of two judgements of a pair the last counts" {
    collection $'1||red stone\n2||a small river' 'q|red stone' $'q 1 1\nq 2 1\nq 1 0'
    judged mrr@10 0.5000
}

@test "a document is its title and its text, trimmed; it may lack the title" {
    # all four are the query, so that the ids alone decide
    collection $'1||red stone\n2|-|red stone\n3|red|stone\n4|red stone|\n5||a small river' 'q|red stone' $'q 1 1\nq 2 1\nq 3 1\nq 4 1'
    judged precision@10 0.4000 map@100 1.0000
    sets=(--set data.relevance=binary)
    for i in 1 2 3 4; do
        collection $'1||red stone\n2|-|red stone\n3|red|stone\n4|red stone|\n5||a small river' 'q|red stone' "q $i 1"
        judged mrr@10 "$(python3 -c "print('%.4f' % (1 / (5 - $i)))")"
    done
}

@test "a sweep that names the folder judges it the same way, and its runs are not those of an older bench" {
    collection $'1||red stone\n2||red stone\n3||a small river' '1|red stone' '1 2 1'
    cat >one.yaml <<'YAML'
name: one
base: {model: smoke, task: pairs, method: none, data: {corpus: set/corpus.jsonl, queries: set/queries.jsonl, qrels: {train: set/qrels/test.tsv, eval: set/qrels/test.tsv}}}
YAML
    "$BENCH" run one.yaml
    is "$(q "SELECT metric FROM runs")" 1.0
    is "$("$BENCH" run one.yaml | grep -c 'nothing to do')" 1
    # auto is what it says
    is "$("$BENCH" run one.yaml --set data.relevance=graded | grep -c 'nothing to do')" 1
    is "$("$BENCH" run one.yaml --set data.relevance=binary | grep -c 'nothing to do')" 0
}
