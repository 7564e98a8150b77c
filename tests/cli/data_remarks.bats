#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# data_remarks.bats - templates that say something else than is meant, and rows that are where they should not be: refused or told.

load ../run_helper

rows() { # FILE FROM TO
    for i in $(seq "$2" "$3"); do printf '{"query": "what is word %s", "answer": "it is number %s", "wrong": "no %s", "score": %s}\n' "$i" "$i" "$i" "$i"; done >"$1"
}

score() { "$BENCH" eval --model smoke --data d.jsonl --max-length 48 "$@"; }

# refused WHAT ARGS...: eval with these is refused with exit code 2 and these words.
refused() {
    local what=$1
    shift
    run score "$@"
    is "$status" 2
    has "$output" "$what"
}

pairs=(--task pairs --set 'data.anchor="{query}"' --set 'data.positive="{answer}"')
scored=(--task pairs --set 'data.sentence1="{query}"' --set 'data.sentence2="{answer}"' --set 'data.score="{score}"')
classes=(--task classify --set 'data.text="{query}"' --set 'data.label="{answer}"' --set 'data.labels=[a, b]')

@test "a template without a column is refused, and the column of that name is suggested: all but the prompt" {
    rows d.jsonl 1 9
    suggest='is the same text for every row: write "{query}" for the column'
    refused "data.completion: 'query' $suggest" --completion query
    for key in anchor positive; do refused "data.$key: 'query' $suggest" "${pairs[@]}" --set "data.$key=query"; done
    refused "data.negative: 'query' $suggest" "${pairs[@]}" --set 'data.negative=["{wrong}", query]'
    for key in sentence1 sentence2 score; do refused "data.$key: 'query' $suggest" "${scored[@]}" --set "data.$key=query"; done
    for key in text text2 label; do refused "data.$key: 'query' $suggest" "${classes[@]}" --set "data.$key=query"; done
    refused "'say it' is the same text for every row: name a column, as {query}: the columns are 'query', 'answer'" --completion 'say it'
    refused "'{{x}}' is the same text" --completion '{{x}}'
    run "$BENCH" embed --model smoke -i d.jsonl --text query -o x.npy
    is "$status" 2
    has "$output" "--text: 'query' $suggest"
}

@test "a sweep with such a template names its line, and nothing runs" {
    rows d.jsonl 1 9
    sed -i 's|data: {name: smoke}|data: {train: d.jsonl, eval: d.jsonl, prompt: "{query}", completion: answer}|' t.yaml
    run "$BENCH" run t.yaml
    is "$status" 2
    has "$output" "t.yaml:5: data.completion: 'answer' is the same text for every row: write \"{answer}\" for the column"
    [ ! -e results ]
}

@test "a prompt without a column is told: some models want none" {
    rows d.jsonl 1 9
    run score --prompt query --completion '{answer}'
    is "$status" 0
    has "$output" "note: data: data.prompt names no {column}: every row asks the same (for the column write \"{query}\")"
    run score --prompt 'Say it: ' --completion '{answer}'
    has "$output" "data.prompt names no {column}: every row asks the same"
    lacks "$output" "for the column"
    for args in "--prompt {query}" "" "--prompt="; do
        # shellcheck disable=SC2086
        run score $args --completion '{answer}'
        is "$status" 0
        lacks "$output" "note: data"
    done
}

@test "an answer that stands in the question is told" {
    rows d.jsonl 1 9
    run score --prompt '{query} {answer}' --completion ' {answer}'
    has "$output" "data: data.prompt and data.completion both hold {answer}: the answer stands in the question"
    run score "${pairs[@]}" --set 'data.anchor="{answer}"'
    has "$output" "data: data.anchor and data.positive both hold {answer}"
    has "$output" "data: 9 of 9 eval rows have one text as data.anchor and data.positive"
    run score "${scored[@]}" --set 'data.sentence1="{query} {score}"'
    has "$output" "data: data.sentence1 and data.score both hold {score}"
}

@test "equal texts on both sides are told; of a similarity only where all are" {
    rows d.jsonl 1 7
    printf '{"query": "same", "answer": "same", "score": 1}\n{"query": "", "answer": "", "score": 2}\n' >>d.jsonl
    run score --prompt '{query}' --completion '{answer}'
    has "$output" "data: 1 of 9 eval rows have one text as data.prompt and data.completion"
    run score "${scored[@]}"
    lacks "$output" "data: "
    run score "${scored[@]}" --set 'data.sentence2="{query}"'
    has "$output" "data: data.sentence1 and data.sentence2 both hold {query}"
}

@test "rows of one split in another are told: in the record, in show, by eval" {
    rows train.jsonl 1 10
    rows eval.jsonl 9 14
    rows test.jsonl 14 18
    sed -i 's|data: {name: smoke}|data: {train: train.jsonl, eval: eval.jsonl, test: test.jsonl, prompt: "{query}", completion: "{answer}"}|' t.yaml
    run "$BENCH" run t.yaml
    is "$status" 0
    is "$(grep -c 'data: 2 of 6 eval rows are train rows too' <<<"$output")" 1
    has "$output" "data: 1 of 5 test rows are eval rows too"
    lacks "$output" "test rows are train rows"
    is "$(q "SELECT count(*) FROM event WHERE text LIKE '2 of 6 eval rows%'")" 5
    run "$BENCH" show t
    has "$output" "data: 2 of 6 eval rows are train rows too (5 runs)"
    cp eval.jsonl d.jsonl
    run score --prompt '{query}' --completion '{answer}' --set data.train=train.jsonl
    has "$output" "note: data: 2 of 6 eval rows are train rows too"
    # another answer to the same question is another row
    sed -i 's/it is number/it is not/' eval.jsonl
    run "$BENCH" run t.yaml
    is "$status" 0
    lacks "$output" "eval rows are train"
}
