# SPDX-License-Identifier: Apache-2.0
# weights.bats - `weights: native|f32|auto`: the base as its file stores it, or expanded once to float32 for all workers: the same results, and the
# memory that was predicted.

load ../run_helper

# The smoke model with its matrices in bfloat16, in ./half.
half() {
    cp -r "$BATS_TEST_DIRNAME/../../build/share/models/smoke" half
    python3 - <<'PY'
import json, struct
path = "half/model.safetensors"
data = open(path, "rb").read()
n = struct.unpack("<Q", data[:8])[0]
head, body = json.loads(data[8:8 + n]), data[8 + n:]
out, new = b"", {}
for name, t in head.items():
    if name == "__metadata__": continue
    raw = body[t["data_offsets"][0]:t["data_offsets"][1]]
    if len(t["shape"]) == 2:
        raw = b"".join(raw[i + 2:i + 4] for i in range(0, len(raw), 4))
        t["dtype"] = "BF16"
    new[name] = {"dtype": t["dtype"], "shape": t["shape"], "data_offsets": [len(out), len(out) + len(raw)]}
    out += raw
text = json.dumps(new).encode()
text += b" " * (-len(text) % 8)
open(path, "wb").write(struct.pack("<Q", len(text)) + text + out)
PY
}

@test "f32 and native give the same losses, and each takes the memory that was predicted" {
    half
    for w in native f32 auto; do
        run "$BENCH" run t.yaml --set model=./half --set weights=$w --db $w.db -j 2
        [ "$status" -eq 0 ]
        run q "SELECT count(*) FROM runs WHERE peak_bytes <> peak_bytes_predicted OR state <> 'complete'" $w.db
        [ "$output" = 0 ]
        q "SELECT method, r, seed, eval_loss FROM runs ORDER BY 1, 2, 3" $w.db >$w.txt
    done
    [ "$(wc -l <native.txt)" -eq 5 ]
    cmp native.txt f32.txt
    cmp native.txt auto.txt
    [ "$(q "SELECT DISTINCT weights FROM runs" native.db)" = native ]
    [ "$(q "SELECT DISTINCT weights FROM runs" f32.db)" = f32 ]
    [ "$(q "SELECT max(peak) FROM memory WHERE category = 'base'" f32.db)" -gt "$(q "SELECT max(peak) FROM memory WHERE category = 'base'" native.db)" ]
}

@test "weights are no part of a run's identity, and what they are not is refused" {
    run "$BENCH" run t.yaml
    [ "$status" -eq 0 ]
    run "$BENCH" run t.yaml --set weights=f32
    [ "$status" -eq 0 ]
    [[ "$output" == *"5 of 5 runs are done already"* ]]
    run "$BENCH" run t.yaml --set weights=f16
    [ "$status" -eq 2 ]
    [[ "$output" == *"weights"*"native|f32|auto"* ]]
}

@test "auto is f32 for short steps where there are no vector instructions" {
    half
    run env BENCH_CPU=baseline "$BENCH" run t.yaml --set model=./half --set weights=auto --set train.batch_size=1
    [ "$status" -eq 0 ]
    [ "$(q "SELECT DISTINCT weights FROM runs WHERE method = 'lora'")" = f32 ]
    [ "$(q "SELECT count(*) FROM runs WHERE peak_bytes <> peak_bytes_predicted")" = 0 ]
    run env BENCH_CPU=baseline "$BENCH" run t.yaml --set model=./half --set weights=auto --set train.batch_size=8 --db long.db
    [ "$status" -eq 0 ]
    [ "$(q "SELECT DISTINCT weights FROM runs WHERE method = 'lora'" long.db)" = native ]
}
