#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# class_heads.bats - classifiers have the form of transformers' class for their architecture, and travel as adapters and as whole folders.

load ../run_helper

encoder() { # into: the tiny BERT, with the pooler that its file has
    python3 "$BATS_TEST_DIRNAME/encoder_folder.py" "$1"
    # as transformers writes a length without end: more than 64 bits
    echo '{"do_lower_case": true, "model_max_length": 1000000000000000019884624838656}' >"$1/tokenizer_config.json"
}

files() {
    for i in $(seq 12); do
        printf '{"a": "the red cat %s", "b": "sat on a dog", "y": "no"}\n' "$i"
        printf '{"a": "blue %s dog !", "b": "on on on", "y": "yes"}\n' "$i"
    done >d.jsonl
    printf '{"a": "the", "b": "red", "y": "yes"}\n{"a": "the", "b": "red", "y": "no"}\n' >>d.jsonl
}

DATA='data: {train: d.jsonl, eval: d.jsonl, text: "{a}", label: "{y}"}'

one() { # name, method, more of the base
    {
        printf 'name: %s\nsave: all\nbase:\n  model: m\n  task: classify\n' "$1"
        printf '  %s\n' 'train: {steps: 4, batch_size: 4, max_length: 16, lr: 1.0e-2}' "$DATA" "${@:3}"
        printf 'variants: [{method: none}, {method: %s}]\n' "$2"
    } >"$1.yaml"
    "$BENCH" run "$1.yaml"
}
saved() { q "SELECT checkpoint_path FROM runs WHERE sweep = '$1' AND method = '$2'"; }
loss_of() { q "SELECT round(eval_loss, 5) FROM runs WHERE sweep = '$1' AND method = '$2'"; }
eval_of() { # model, more...
    "$BENCH" eval --model "$1" --task classify --data d.jsonl --max-length 16 --set 'data.text="{a}"' --set 'data.label="{y}"' --json "${@:2}" |
        python3 -c 'import json, sys; print(round(json.load(sys.stdin)["eval/loss"], 5))'
}

@test "BERT's head is its own pooler, tanh and a new layer: the loss by hand, from the vectors of the first token" {
    encoder m
    files
    one heads lora "target_modules: [query, value]"
    adapter=$(saved heads lora)
    has "$(cat "$adapter/adapter_config.json")" '"classifier"'
    python3 -c 'import json; print(*[json.loads(l)["a"] for l in open("d.jsonl")], sep="\n")' >texts
    "$BENCH" embed --model m --adapter "$adapter" --pooling cls --normalize no -i texts -o y.npy
    python3 - "$adapter" "$(loss_of heads lora)" <<'PY'
import json, math, struct, sys
def tensors(path):
    b = open(path, "rb").read()
    n = struct.unpack("<Q", b[:8])[0]
    h = json.loads(b[8:8 + n])
    f = lambda v: struct.unpack("<%df" % ((v["data_offsets"][1] - v["data_offsets"][0]) // 4), b[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]])
    return {k: f(v) for k, v in h.items() if k != "__metadata__"}
model, own = tensors("m/model.safetensors"), tensors(sys.argv[1] + "/adapter_model.safetensors")
P, b = model["pooler.dense.weight"], model["pooler.dense.bias"]
W, c = own["base_model.model.classifier.weight"], own["base_model.model.classifier.bias"]
raw = open("y.npy", "rb").read()
at, D = 10 + struct.unpack("<H", raw[8:10])[0], 24
rows = [json.loads(l) for l in open("d.jsonl")]
total = 0
for i, row in enumerate(rows):
    y = struct.unpack_from("<%df" % D, raw, at + 4 * D * i)
    t = [math.tanh(b[o] + sum(P[o * D + k] * y[k] for k in range(D))) for o in range(D)]
    z = [c[o] + sum(W[o * D + k] * t[k] for k in range(D)) for o in range(2)]
    total += math.log(sum(map(math.exp, z))) - z[["no", "yes"].index(row["y"])]
worst = abs(total / len(rows) - float(sys.argv[2]))
sys.exit("off by %g" % worst if worst > 2e-5 else 0)
PY
}

@test "a merged classifier is a folder with head, pooler and the names of its classes: scored as it is, and trained on" {
    encoder m
    files
    one heads lora
    "$BENCH" merge "$(saved heads lora)" --model m -o merged
    python3 - <<'PY'
import json
c = json.load(open("merged/config.json"))
assert c["architectures"] == ["BertForSequenceClassification"] and c["id2label"] == {"0": "no", "1": "yes"} and c["label2id"] == {"no": 0, "yes": 1}, c
PY
    is "$(eval_of merged)" "$(loss_of heads lora)"
    # a whole model that `full` leaves has them as well
    one whole full
    is "$(eval_of "$(saved whole full)")" "$(loss_of whole full)"
    # training goes on with the head, where the classes are the same
    sed 's/model: m/model: merged/; s/name: heads/name: on/' heads.yaml >on.yaml
    "$BENCH" run on.yaml
    is "$(loss_of on none)" "$(loss_of heads lora)"
    sed -i 's/"y": "no"/"y": "other"/' d.jsonl
    run "$BENCH" run on.yaml
    is "$status" 0
    is "$(q "SELECT count(*) FROM event WHERE text LIKE '%other classes than the data%'")" 2
}

@test "another pooling is another head, whose adapters no class of transformers takes for its own; a file without pooler is told" {
    encoder m
    files
    one mean lora 'embedding: {pooling: mean}'
    adapter=$(saved mean lora)
    has "$(cat "$adapter/adapter_config.json")" '"pooled_classifier"'
    is "$(eval_of m --adapter "$adapter")" "$(loss_of mean lora)"
    python3 - <<'PY'
import json, struct
b = open("m/model.safetensors", "rb").read()
n = struct.unpack("<Q", b[:8])[0]
h, body, at = json.loads(b[8:8 + n]), b"", 0
out = {}
for k, v in h.items():
    if k == "__metadata__" or k.startswith("pooler."):
        continue
    data = b[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]]
    out[k] = {"dtype": v["dtype"], "shape": v["shape"], "data_offsets": [at, at + len(data)]}
    body += data
    at += len(data)
text = json.dumps(out).encode()
open("m/model.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + body)
PY
    one bare lora
    has "$(cat "$(saved bare lora)/adapter_config.json")" '"pooled_classifier"'
    is "$(q "SELECT count(*) FROM event WHERE text LIKE '%file has no pooler%'")" 2
}

@test "an adapter is not trained on with its classes in another order" {
    encoder m
    files
    one heads lora
    adapter=$(saved heads lora)
    sed -e "s|model: m|model: m\n  init: $adapter|; s/name: heads/name: on/; s/label: \"{y}\"/&, labels: [\"yes\", \"no\"]/; s/{method: none}, //" heads.yaml >on.yaml
    run "$BENCH" run on.yaml
    [ "$status" -ne 0 ]
    has "$output$(q "SELECT error FROM runs WHERE sweep = 'on'")" "other classes, or in another order"
}
