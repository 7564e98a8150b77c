#!/usr/bin/env bats
# readers.bats - what other people's model folders, GGUF files and adapters say is used or refused by name.

load ../run_helper

edit() { python3 "$BATS_TEST_DIRNAME/gguf_edit.py" "$@"; }

folder() { # into: the smoke model
    rm -rf "$1"
    cp -r "$BATS_TEST_DIRNAME/../../build/share/models/smoke" "$1"
    chmod -R u+w "$1"
}

config() { # folder, field=JSON...: into its config.json
    python3 - "$@" <<'PY'
import json, sys
path = sys.argv[1] + "/config.json"
c = json.load(open(path))
for field in sys.argv[2:]:
    key, value = field.split("=", 1)
    c[key] = json.loads(value)
json.dump(c, open(path, "w"))
PY
}

logits() { # model, out: of eight fixed ids
    echo "5 9 12 40 7 33 21 60" >ids
    "$BENCH" logits --model "$1" --ids -i ids -o "$2"
}

# The largest difference of two .npy files, as 0 or 1e-05.
apart() {
    python3 - "$@" <<'PY'
import struct, sys
def floats(path):
    b = open(path, "rb").read()
    at = 10 + struct.unpack("<H", b[8:10])[0]
    return struct.unpack("<%df" % ((len(b) - at) // 4), b[at:])
a, b = floats(sys.argv[1]), floats(sys.argv[2])
assert len(a) == len(b)
print("%.0e" % max(abs(x - y) for x, y in zip(a, b)))
PY
}

same() { [ "$(apart "$1" "$2")" = 0e+00 ] || { echo "$1 and $2 differ by $(apart "$1" "$2")"; return 1; }; }
other() { python3 -c "import sys; sys.exit($(apart "$1" "$2") < 1e-3)" || { echo "$1 and $2 are the same"; return 1; }; }

@test "linear scaling of rotary positions is read from either config and from every form that GGUF has for it" {
    folder plain
    logits plain plain.npy
    folder old && config old 'rope_scaling={"type": "linear", "factor": 4.0}'
    folder new && config new 'rope_parameters={"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}'
    logits old old.npy && logits new new.npy
    other plain.npy old.npy
    same old.npy new.npy
    "$BENCH" export --model plain --gguf plain.gguf --type f32
    "$BENCH" export --model new --gguf new.gguf --type f32
    logits new.gguf x.npy && same x.npy new.npy
    edit plain.gguf a.gguf llama.rope.scaling.factor=f32:4
    edit plain.gguf b.gguf llama.rope.scale_linear=f32:4
    edit plain.gguf c.gguf llama.rope.scaling.factor=f32:4 llama.rope.scaling.type=str:linear
    for f in a b c; do
        logits $f.gguf x.npy && same x.npy new.npy
    done
    edit plain.gguf a.gguf llama.rope.scaling.factor=f32:4 llama.rope.scaling.type=str:none
    edit plain.gguf b.gguf llama.rope.scaling.factor=f32:0
    for f in a b; do
        logits $f.gguf x.npy && same x.npy plain.npy
    done
    edit plain.gguf a.gguf llama.rope.scaling.factor=f32:4 llama.rope.scaling.type=str:yarn
    run logits a.gguf x.npy
    is "$status" 2
    has "$output" "llama.rope.scaling.type"
}

@test "an empty rope_scaling is none, and what is not implemented there is refused by name" {
    folder plain
    logits plain plain.npy
    folder m
    for v in '{}' null '{"rope_type": "default"}' '{"type": "default"}'; do
        config m "rope_scaling=$v"
        logits m x.npy && same x.npy plain.npy
    done
    for v in '{"type": "dynamic", "factor": 2.0}' '{"rope_type": "llama3", "factor": 8.0}' '"linear"' '{"type": "linear"}'; do
        config m "rope_scaling=$v"
        run logits m x.npy
        is "$status" 2
        has "$output" "'rope_scaling'"
    done
}
