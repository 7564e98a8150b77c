#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# similarity.bats - scores by the similarity function of a sentence-transformers folder, computed once more from the vectors of `bench embed`.

load ../run_helper

# model FUNCTION: the folder M, whose vectors are not of length 1.
model() {
    rm -rf M
    python3 "$BATS_TEST_DIRNAME/encoder_folder.py" M
    python3 - "$1" <<'PY'
import json, sys
modules = json.load(open("M/modules.json"))
json.dump(modules[:2], open("M/modules.json", "w"))
json.dump({"similarity_fn_name": sys.argv[1]}, open("M/config_sentence_transformers.json", "w"))
PY
}

rows() {
    python3 - <<'PY'
import random
rng = random.Random(1)
text = lambda: " ".join(rng.choice("the cat sat on dog red blue a b c d e f".split()) for _ in range(rng.randint(1, 8)))
texts = list(dict.fromkeys(text() for _ in range(200)))[:80]
with open("pairs.tsv", "w") as f:
    f.write("a\tb\ts\n")
    for i in range(40):
        f.write(f"{texts[2 * i]}\t{texts[2 * i + 1]}\t{rng.random():.6f}\n")
open("texts.txt", "w").writelines(t + "\n" for t in texts)
PY
}

# expected FUNCTION: pearson of the similarities with the scores, then MRR@10 of a searching for b.
expected() {
    "$BENCH" embed --model M -i texts.txt -o x.npy >/dev/null
    python3 - "$1" <<'PY'
import ast, math, struct, sys
raw = open("x.npy", "rb").read()
size = struct.unpack("<H", raw[8:10])[0]
n, d = ast.literal_eval(raw[10:10 + size].decode())["shape"]
v = struct.unpack(f"<{n * d}f", raw[10 + size:])
v = [v[i * d:i * d + d] for i in range(n)]
dot = lambda a, b: sum(x * y for x, y in zip(a, b))
near = {"cosine": lambda a, b: dot(a, b) / math.sqrt(dot(a, a) * dot(b, b)), "dot": dot,
        "euclidean": lambda a, b: -math.dist(a, b), "manhattan": lambda a, b: -sum(abs(x - y) for x, y in zip(a, b))}[sys.argv[1]]
gold = [float(line.split("\t")[2]) for line in open("pairs.tsv").read().splitlines()[1:]]
texts = open("texts.txt").read().splitlines()
a, b = v[::2], v[1::2]
s = [near(x, y) for x, y in zip(a, b)]
m, g = sum(s) / len(s), sum(gold) / len(gold)
pearson = sum((x - m) * (y - g) for x, y in zip(s, gold)) / math.sqrt(sum((x - m) ** 2 for x in s) * sum((y - g) ** 2 for y in gold))
rank = [1 + sum(near(x, z) > near(x, b[i]) + 1e-7 for z in b) for i, x in enumerate(a)]
print("%.4f %.4f" % (pearson, sum(1 / r for r in rank if r <= 10) / len(rank)))
PY
}

told() { # ARGS...: the same from eval
    local pairs search
    pairs=$("$BENCH" eval --model M --task pairs --data pairs.tsv --set data.sentence1='{a}' --set data.sentence2='{b}' --set data.score='{s}' --max-length 16 --json "$@")
    search=$("$BENCH" eval --model M --task pairs --data pairs.tsv --set data.anchor='{a}' --set data.positive='{b}' --max-length 16 --json "$@")
    python3 -c 'import json, sys; print("%.4f %.4f" % (json.loads(sys.argv[1])["eval/pearson"], json.loads(sys.argv[2])["eval/mrr@10"]))' "$pairs" "$search"
}

@test "the folder's similarity_fn_name holds in similarity and search" {
    rows
    for f in cosine dot euclidean manhattan; do
        model "$f"
        is "$(told)" "$(expected "$f")"
        expected "$f" >>all
    done
    is "$(sort -u all | wc -l)" 4
}

@test "embedding.similarity overrides it" {
    rows
    model dot
    for f in cosine euclidean; do is "$(told --set embedding.similarity=$f)" "$(expected "$f")"; done
    run "$BENCH" eval --model M --task pairs --data pairs.tsv --set data.anchor='{a}' --set data.positive='{b}' --max-length 16 --set embedding.similarity=dice
    is "$status" 2
    has "$output" "embedding.similarity: must be one of cosine|dot|euclidean|manhattan"
}

@test "a similarity function that is not implemented is refused by name" {
    rows
    model maxsim
    run "$BENCH" eval --model M --task pairs --data pairs.tsv --set data.anchor='{a}' --set data.positive='{b}' --max-length 16
    is "$status" 2
    has "$output" "config_sentence_transformers.json: the similarity function 'maxsim' is not implemented"
}
