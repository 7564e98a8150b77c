#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
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

start_token() { # folder: its tokenizer adds <|im_start|> before a text
    python3 - "$1" <<'PY'
import json, sys
path = sys.argv[1] + "/tokenizer.json"
t = json.load(open(path))
name = "<|im_start|>"
id = next(a["id"] for a in t["added_tokens"] if a["content"] == name)
piece, text = {"SpecialToken": {"id": name, "type_id": 0}}, lambda s: {"Sequence": {"id": s, "type_id": 0}}
t["post_processor"] = {"type": "TemplateProcessing", "single": [piece, text("A")], "pair": [piece, text("A"), piece, text("B")],
                       "special_tokens": {name: {"id": name, "ids": [id], "tokens": [name]}}}
json.dump(t, open(path, "w"))
print(id)
PY
}

@test "tokenize and logits read a text as the model does: with the tokens that its tokenizer adds" {
    folder m
    plain=$(printf 'What is 2 plus 3?' | "$BENCH" tokenize --model m)
    id=$(start_token m)
    is "$(printf 'What is 2 plus 3?' | "$BENCH" tokenize --model m)" "$id $plain"
    is "$(printf 'What is 2 plus 3?' | "$BENCH" tokenize --model m --no-special)" "$plain"
    printf 'What is 2 plus 3?' >text
    echo "$id $plain" >ids
    "$BENCH" logits --model m -i text -o text.npy
    "$BENCH" logits --model m --ids -i ids -o ids.npy
    same text.npy ids.npy
    echo "$plain" >ids
    "$BENCH" logits --model m -i text -o text.npy --no-special
    "$BENCH" logits --model m --ids -i ids -o ids.npy
    same text.npy ids.npy
}

@test "two start tokens deserve a remark, on every way in" {
    folder m
    start_token m
    printf '<|im_start|>What is 2 plus 3?' >text
    run "$BENCH" tokenize --model m <text
    has "$output" "there are two now"
    run "$BENCH" tokenize --model m --plain <text
    lacks "$output" "there are two now"
    run "$BENCH" logits --model m -i text -o x.npy
    has "$output" "there are two now"
    run "$BENCH" generate --model m --max-tokens 2 '<|im_start|>What'
    is "$status" 0
    has "$output" "there are two now"
    printf '{"q": "a", "a": "b"}\n' >d.jsonl
    printf 'name: one\nbase: {model: m, task: lm, method: none, data: {train: d.jsonl, eval: d.jsonl, prompt: "<|im_start|>{q} ", completion: "{a}"}, train: {max_length: 32}}\n' >one.yaml
    run "$BENCH" run one.yaml
    is "$status" 0
    is "$(q "select count(*) from event where text like '%1 eval rows begin with the start token%'")" 1
}

@test "eval reads a model of few positions to its last one" {
    folder m
    config m max_position_embeddings=64
    run "$BENCH" eval --model m --data smoke --rows 4
    is "$status" 0
    run "$BENCH" eval --model m --data smoke --rows 4 --max-length 65
    is "$status" 2
    has "$output" "64 positions"
}

eval_loss() { "$BENCH" eval --model "$1" --data smoke --rows 4 --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["eval/loss"])'; }

@test "a model has several end tokens: any of them ends a text, and rows end with the one that the tokenizer names" {
    folder m
    rm m/tokenizer_config.json
    said() { "$BENCH" generate --model "$1" --max-tokens 5 --json "What is" | python3 -c 'import json, sys; o = json.load(sys.stdin); print(*o["ids"], o["end"])'; }
    config m eos_token_id=0
    first=$(said m)
    is "${first##* }" length
    loss0=$(eval_loss m)
    config m eos_token_id=2
    loss2=$(eval_loss m)
    [ "$loss0" != "$loss2" ]
    config m "eos_token_id=[0, 2, ${first%% *}]"
    is "$(said m)" end
    # generation_config.json goes first, as in transformers
    echo '{"eos_token_id": [0, 2]}' >m/generation_config.json
    is "$(said m)" "$first"
    is "$(eval_loss m)" "$loss0"
    echo '{"eos_token": "<|im_end|>"}' >m/tokenizer_config.json
    is "$(eval_loss m)" "$loss2"
    rm m/tokenizer_config.json
    echo '{"eos_token": {"content": "<|im_end|>"}}' >m/special_tokens_map.json
    is "$(eval_loss m)" "$loss2"
    echo '{"eos_token": "no such token"}' >m/special_tokens_map.json
    is "$(eval_loss m)" "$loss0"
    # and through GGUF
    echo "{\"eos_token_id\": [0, ${first%% *}, 2]}" >m/generation_config.json
    echo '{"eos_token": "<|im_end|>"}' >m/special_tokens_map.json
    "$BENCH" export --model m --gguf m.gguf --type f32
    is "$(said m.gguf)" end
    is "$(eval_loss m.gguf)" "$loss2"
    edit m.gguf one.gguf -tokenizer.ggml.eot_token_id -tokenizer.ggml.eom_token_id
    is "$(said one.gguf)" "$first"
    is "$(eval_loss one.gguf)" "$loss2"
    echo '{"eos_token_id": "two"}' >m/generation_config.json
    run "$BENCH" generate --model m hello
    is "$status" 2
    has "$output" "bad value for 'eos_token_id'"
}

# An adapter of a few steps on folder m, and beside it one with a copy of a module as PEFT saves it: twice what the model has.
copied() { # the module's tensor, as the model has it, and as the adapter calls it
    printf 'name: one\nbase: {model: m, task: lm, data: {name: smoke}, train: {steps: 3, batch_size: 2, max_length: 32}, eval: {rows: 2}}\nvariants: [{method: lora, parameters: {r: [2]}}]\n' >one.yaml
    [ -d adapter ] || { "$BENCH" run one.yaml && cp -r "$(q "SELECT checkpoint_path FROM runs WHERE method = 'lora'")" adapter; }
    rm -rf copied && cp -r adapter copied && rm copied/task.json
    python3 - "$1" "$2" <<'PY'
import json, struct, sys
def read(path):
    b = open(path, "rb").read()
    n = struct.unpack("<Q", b[:8])[0]
    h = json.loads(b[8:8 + n])
    return {k: (v, b[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]]) for k, v in h.items() if k != "__metadata__"}
base, own = read("m/model.safetensors"), read("copied/adapter_model.safetensors")
info, data = base[sys.argv[1]]
values = [2 * x for x in struct.unpack("<%df" % (len(data) // 4), data)]
own["base_model.model." + sys.argv[2] + ".weight"] = ({"dtype": "F32", "shape": info["shape"]}, struct.pack("<%df" % len(values), *values))
head, at = {}, 0
for k, (v, d) in own.items():
    head[k] = {"dtype": v["dtype"], "shape": v["shape"], "data_offsets": [at, at + len(d)]}
    at += len(d)
text = json.dumps(head).encode()
open("copied/adapter_model.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + b"".join(d for _, d in own.values()))
c = json.load(open("copied/adapter_config.json"))
c["modules_to_save"] = [sys.argv[2].split(".")[-1]]
json.dump(c, open("copied/adapter_config.json", "w"))
PY
}

twice() { # x is twice y
    python3 - "$1" "$2" <<'PY'
import struct, sys
def floats(path):
    b = open(path, "rb").read()
    at = 10 + struct.unpack("<H", b[8:10])[0]
    return struct.unpack("<%df" % ((len(b) - at) // 4), b[at:])
a, b = floats(sys.argv[1]), floats(sys.argv[2])
worst = max(abs(x - 2 * y) for x, y in zip(a, b))
sys.exit("off by %g" % worst if worst > 1e-4 else 0)
PY
}

@test "an adapter's own lm_head is the output layer everywhere, also where the model's is the embedding" {
    folder m
    copied model.embed_tokens.weight lm_head
    echo "5 9 12 40 7 33 21 60" >ids
    "$BENCH" logits --model m --adapter adapter --ids -i ids -o plain.npy
    "$BENCH" logits --model m --adapter copied --ids -i ids -o copied.npy
    twice copied.npy plain.npy
    "$BENCH" merge copied --model m -o merged
    logits merged x.npy && twice x.npy plain.npy
    "$BENCH" export copied --model m --gguf merged.gguf --type f32
    logits merged.gguf x.npy && twice x.npy plain.npy
    run "$BENCH" export copied --model m --gguf-lora lora.gguf
    is "$status" 2
    has "$output" "lm_head"
    loss=$(eval_loss merged)
    is "$("$BENCH" eval --model m --adapter copied --data smoke --rows 4 --json | python3 -c 'import json, sys; print("%.4f" % json.load(sys.stdin)["eval/loss"])')" "$(printf %.4f "$loss")"
    # training goes on with it, and saves it
    sed 's/base: {/base: {init: copied, save: adapter, /; s/name: one/name: two/; s/, save: adapter//' one.yaml >two.yaml
    run "$BENCH" run two.yaml
    is "$status" 0
    dir2=$(q "SELECT checkpoint_path FROM runs WHERE sweep = 'two' AND method = 'lora'")
    has "$(cat "$dir2/adapter_config.json")" '"lm_head"'
    "$BENCH" logits --model m --adapter "$dir2" --ids -i ids -o two.npy
    other two.npy copied.npy
    python3 - copied "$dir2" <<'PY'
import json, struct, sys
def head(folder):
    b = open(folder + "/adapter_model.safetensors", "rb").read()
    n = struct.unpack("<Q", b[:8])[0]
    at = json.loads(b[8:8 + n])["base_model.model.lm_head.weight"]["data_offsets"]
    return b[8 + n + at[0]:8 + n + at[1]]
sys.exit("the copy did not train" if head(sys.argv[1]) == head(sys.argv[2]) else 0)
PY
    "$BENCH" merge "$dir2" --model m -o merged2
    logits merged2 x.npy
    [ "$(python3 -c "print($(apart x.npy two.npy) < 1e-4)")" = True ]
}

@test "an adapter's own embedding leaves the tied output layer as it was; a module that the model lacks is named" {
    folder m
    copied model.embed_tokens.weight model.embed_tokens
    echo "5 9 12 40 7 33 21 60" >ids
    "$BENCH" logits --model m --adapter copied --ids -i ids -o copied.npy
    "$BENCH" merge copied --model m -o merged
    logits merged x.npy
    [ "$(python3 -c "print($(apart x.npy copied.npy) < 1e-4)")" = True ]
    has "$(cat merged/config.json)" '"tie_word_embeddings": false'
    copied model.embed_tokens.weight model.embed_positions
    for command in "logits --ids -i ids -o x.npy" "eval --data smoke --rows 2"; do
        # shellcheck disable=SC2086
        run "$BENCH" $command --model m --adapter copied
        is "$status" 2
        has "$output" "model.embed_positions.weight"
    done
}

@test "a GGUF file's keys: each that gguf-py knows is read or refused by its name" {
    folder m
    "$BENCH" export --model m --gguf m.gguf --type f32
    python3 - "$BENCH" "$BATS_TEST_DIRNAME" <<'PY'
import json, subprocess, sys
bench, here = sys.argv[1:]
keys = json.load(open(here + "/../golden/config_fields.json"))["gguf"]
read = """block_count context_length embedding_length feed_forward_length attention.head_count attention.head_count_kv attention.key_length
attention.value_length attention.layer_norm_rms_epsilon rope.dimension_count rope.freq_base rope.scaling.type rope.scaling.factor
rope.scaling.original_context_length rope.scaling.finetuned vocab_size""".split()
assert len(keys) > 80
for key in [k for k in keys if k not in read] + ["some.new_key"]:
    subprocess.run([sys.executable, here + "/gguf_edit.py", "m.gguf", "x.gguf", "llama.%s=u32:3" % key], check=True)
    got = subprocess.run([bench, "tokenize", "--model", "x.gguf"], input="hi", capture_output=True, text=True)
    assert got.returncode == 0, got.stderr  # the tokenizer alone does not care
    got = subprocess.run([bench, "logits", "--model", "x.gguf", "-i", here + "/gguf_edit.py", "--no-special", "-o", "x.npy"], capture_output=True, text=True)
    assert got.returncode == 2 and "'llama.%s'" % key in got.stderr, (key, got.stderr)
PY
    edit m.gguf x.gguf tokenizer.ggml.remove_extra_whitespaces=bool:1
    run "$BENCH" tokenize --model x.gguf <<<hi
    is "$status" 2
    has "$output" "'tokenizer.ggml.remove_extra_whitespaces'"
    ids=$(python3 -c 'print(",".join(map(str, range(100))))')
    edit m.gguf x.gguf "llama.rope.long_list=ids:$ids"
    run logits x.gguf x.npy
    is "$status" 2
    has "$output" "'llama.rope.long_list'"
}

add_tensor() { # folder, name
    python3 - "$@" <<'PY'
import json, struct, sys
path = sys.argv[1] + "/model.safetensors"
b = open(path, "rb").read()
n = struct.unpack("<Q", b[:8])[0]
h = json.loads(b[8:8 + n])
h[sys.argv[2]] = {"dtype": "F32", "shape": [4], "data_offsets": [len(b) - 8 - n, len(b) - 8 - n + 16]}
text = json.dumps(h).encode()
open(path, "wb").write(struct.pack("<Q", len(text)) + text + b[8 + n:] + b"\0" * 16)
PY
}

@test "a tensor that nobody reads is refused by its name, buffers of older files are not" {
    folder m
    add_tensor m model.layers.0.self_attn.rotary_emb.inv_freq
    logits m x.npy
    add_tensor m model.layers.0.self_attn.q_norm.weight
    run logits m x.npy
    is "$status" 2
    has "$output" "'model.layers.0.self_attn.q_norm.weight'"
}

@test "parts of a tokenizer: what its files say is used or refused by name" {
    folder m
    says() { # field, what
        python3 - "$1" <<'PY'
import json, sys
c = json.load(open("plain.json"))
key, value = sys.argv[1].split("=", 1)
c[key] = json.loads(value)
json.dump(c, open("m/tokenizer_config.json", "w"))
PY
        run "$BENCH" tokenize --model m <<<hi
        is "$status" 2
        has "$output" "$2"
        has "$output" "tokenizer_config.json"
    }
    cp m/tokenizer_config.json plain.json
    says 'truncation_side="left"' "truncation_side"
    says 'split_special_tokens=true' "split_special_tokens"
    says 'add_prefix_space=true' "add_prefix_space"
    says 'added_tokens_decoder={"7": {"content": "<new>"}}' "<new>"
    says 'soft_prompt=3' "'soft_prompt'"
    cp plain.json m/tokenizer_config.json
    # add_bos_token and add_eos_token go before the post_processor, as in transformers
    plain=$("$BENCH" tokenize --model m <<<hi)
    sed 's/{/{"add_bos_token": true, "add_eos_token": true,/' plain.json >m/tokenizer_config.json
    is "$("$BENCH" tokenize --model m <<<hi)" "1 $plain 2"
    start_token m
    sed 's/{/{"add_bos_token": false,/' plain.json >m/tokenizer_config.json
    is "$("$BENCH" tokenize --model m <<<hi)" "$plain"
    sed -i 's/"version"/"soft_prompt": 3, "version"/' m/tokenizer.json
    run "$BENCH" tokenize --model m <<<hi
    is "$status" 2
    has "$output" "'soft_prompt'"
}

@test "--chat follows the model's own template, with its default system turn; a user's words are plain text" {
    folder m
    cat >m/chat_template.jinja <<'JINJA'
{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are kind<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
JINJA
    said() { "$BENCH" generate --model "$1" --max-tokens 12 --json "${@:2}"; }
    is "$(said m --chat 'What is 2?')" "$(said m $'<|im_start|>system\nYou are kind<|im_end|>\n<|im_start|>user\nWhat is 2?<|im_end|>\n<|im_start|>assistant\n')"
    [ "$(said m --chat 'a<|im_end|>')" != "$(said m $'<|im_start|>system\nYou are kind<|im_end|>\n<|im_start|>user\na<|im_end|><|im_end|>\n<|im_start|>assistant\n')" ]
    "$BENCH" export --model m --gguf m.gguf --type f32
    is "$(said m.gguf --chat 'What is 2?')" "$(said m --chat 'What is 2?')"
    echo '{{ strftime_now("%d") }}' >m/chat_template.jinja
    run "$BENCH" generate --model m --chat hi
    is "$status" 2
    has "$output" "strftime_now"
}
