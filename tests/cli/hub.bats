#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `bench pull hf:OWNER/NAME` against a hub on loopback (tests/hub_server.py) that serves the smoke model, and misbehaves as the
# repository's name says.

setup_file() {
    export HUB=$(mktemp -d)
    mkfifo "$HUB/life"
    python3 "$BATS_TEST_DIRNAME/../hub_server.py" "$BATS_TEST_DIRNAME/../../build/share/models/smoke" "$HUB/port" "$HUB/log" \
        <"$HUB/life" >"$HUB/out" 2>&1 3>&- &
    exec 9>"$HUB/life"
    for _ in $(seq 100); do [ -s "$HUB/port" ] && break; sleep 0.05; done
    export HF_ENDPOINT=http://127.0.0.1:$(cat "$HUB/port")
}

teardown_file() {
    exec 9>&-
    rm -rf "$HUB"
}

setup() {
    BENCH=${BENCH:-$BATS_TEST_DIRNAME/../../bench}
    SMOKE=$BATS_TEST_DIRNAME/../../build/share/models/smoke
    T=$(mktemp -d)
    export XDG_CACHE_HOME=$T/cache no_proxy='*'
    M=$T/cache/bench/models
    unset HF_TOKEN http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY BENCH_CATALOG
}

teardown() { rm -rf "$T"; }

commit() { printf %s "$1" | sha1sum | cut -d' ' -f1; }
place() { echo "$M/hf--t--$1@$(commit "$1")"; }
part() { echo "$M/.hf-part/hf--t--$1@$(commit "$1")/files"; }
has() { [[ $output == *"$1"* ]] || { echo "lacks '$1': $output"; return 1; }; }
is() { [ "$1" = "$2" ] || { echo "is '$1', should be '$2'"; return 1; }; }
# requests NAME PATTERN: how many so far
requests() { grep -c "^$1 .*$2" "$HUB/log" || true; }
# pull NAME: must succeed and be the smoke model
pull_well() {
    run "$BENCH" pull "hf:t/$1"
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
    for f in "$SMOKE"/*; do cmp "$f" "$(place "$1")/${f##*/}"; done
    [ ! -e "$(part "$1")" ]
}
# pull_badly NAME WORDS...: code 3, the words are said, nothing at the model's place
pull_badly() {
    run "$BENCH" pull "hf:t/$1"
    is "$status" 3
    [ ! -e "$(place "$1")" ]
    shift
    for word in "$@"; do has "$word"; done
}

@test "a model is fetched, checked, and only what is of use" {
    pull_well ok
    has "hf:t/ok: $(place ok)"
    has "hf:t/ok: model.safetensors ("
    is "$(find "$(place ok)" -type f -printf '%P\n' | sort | tr '\n' ' ')" \
        "config.json model.safetensors special_tokens_map.json tokenizer.json tokenizer_config.json vocab.txt "
    is "$(requests ok 'README\|pytorch\|onnx\|\.h5')" 0
}

@test "what is there is not fetched again; a commit asks nobody" {
    pull_well ok
    before=$(wc -l <"$HUB/log")
    run "$BENCH" pull hf:t/ok
    [ "$status" -eq 0 ]
    has "already there: $(place ok)"
    is "$(wc -l <"$HUB/log")" $((before + 1))
    HF_ENDPOINT=http://127.0.0.1:1 run "$BENCH" pull "hf:t/ok@$(commit ok)"
    [ "$status" -eq 0 ]
    has "already there"
}

@test "revisions: a tag, one with slashes, an unknown one" {
    "$BENCH" pull hf:t/ok@v1
    "$BENCH" pull hf:t/ok@refs/pr/1
    run "$BENCH" pull hf:t/ok@v2
    is "$status" 3
    has "hf:t/ok@v2: revision: no such revision of this model (404) (the hub says: Invalid rev id)"
    run "$BENCH" tokenize --model hf:t/ok@refs/pr/1 <<<"x"
    is "$status" 0
    run "$BENCH" tokenize --model hf:t/ok <<<"x"
    is "$status" 3
    has "run \`bench pull hf:t/ok\`"
}

@test "a fetched model is used by its name, and listed" {
    run "$BENCH" logits --model hf:t/ok -i /dev/null -o "$T/x.npy"
    is "$status" 3
    has "model 'hf:t/ok' is not downloaded: run \`bench pull hf:t/ok\`"
    pull_well ok
    echo "a small bird" >"$T/text"
    "$BENCH" logits --model hf:t/ok -i "$T/text" -o "$T/a.npy"
    "$BENCH" logits --model "$SMOKE" -i "$T/text" -o "$T/b.npy"
    cmp "$T/a.npy" "$T/b.npy"
    run "$BENCH" ls models
    has "hf:t/ok "
    "$BENCH" ls models --json | python3 -c '
import json, sys
m = [m for m in json.load(sys.stdin) if m["kind"] == "hf"]
assert len(m) == 1 and m[0]["name"] == "hf:t/ok" and m[0]["present"] and m[0]["path"] == sys.argv[1] and m[0]["bytes"] > 400000, m
' "$(place ok)"
}

@test "a sweep takes it as its model" {
    cat >"$T/s.yaml" <<'YAML'
name: s
base:
  model: hf:t/ok
  task: lm
  data: {name: smoke}
  train: {steps: 2, batch_size: 2, lr: 1.0e-3, max_length: 32}
  eval: {rows: 2}
variants: [{method: lora, parameters: {r: [2]}}]
YAML
    cd "$T"
    run "$BENCH" run s.yaml --dry-run
    is "$status" 3
    has "run \`bench pull hf:t/ok\`"
    pull_well ok
    run "$BENCH" run s.yaml
    is "$status" 0
    is "$(python3 -c 'import json,glob; print(json.load(open(glob.glob("results/checkpoints/*/adapter_config.json")[0]))["base_model_name_or_path"])')" t/ok
}

@test "shards: those of the index, and no others" {
    run "$BENCH" pull hf:t/sharded
    is "$status" 0
    is "$(find "$(place sharded)" -name '*.safetensors' | wc -l)" 2
    is "$(requests sharded model.safetensors.index)" 1
    echo "a small bird" >"$T/text"
    "$BENCH" logits --model hf:t/sharded -i "$T/text" -o "$T/a.npy"
    "$BENCH" logits --model "$SMOKE" -i "$T/text" -o "$T/b.npy"
    cmp "$T/a.npy" "$T/b.npy"
}

@test "GGUF: one file by its name, listed under it" {
    pull_badly gguf "pull one of them: hf:t/gguf/other.gguf, hf:t/gguf/q8/small model.gguf"
    run "$BENCH" pull "hf:t/gguf/q8/small model.gguf"
    is "$status" 0
    is "$(find "$M" -name '*.gguf' -type f | wc -l)" 1
    is "$(stat -c %s "$M/hf--t--gguf--q8%2Fsmall%20model.gguf@$(commit gguf)/q8/small model.gguf")" 2004
    run "$BENCH" ls models
    has "hf:t/gguf/q8/small model.gguf "
    run "$BENCH" pull hf:t/gguf/none.gguf
    is "$status" 3
    has "the model has no file 'none.gguf'"
}

@test "what is not a model for bench is said before anything is fetched" {
    pull_badly pickle "Python pickles"
    is "$(requests pickle resolve)" 0
    pull_badly notjson "is not JSON: is HF_ENDPOINT a hub?"
    pull_badly twice "two files of one name"
}

@test "sentence-transformers modules come along" {
    pull_well bert
    [ -f "$(place bert)/1_Pooling/config.json" ]
    [ -f "$(place bert)/modules.json" ]
    [ ! -e "$(place bert)/extra" ]
}

@test "at most four files at once, all of them in the end" {
    pull_well many
    is "$(find "$(place many)" -name config.json | wc -l)" 31
    most=$(cat "$HUB/log.most")
    [ "$most" -le 4 ] && [ "$most" -ge 2 ] || { echo "$most at once"; return 1; }
}

@test "a list in pages; a renamed model" {
    pull_well pages
    run "$BENCH" pull hf:t/renamed
    is "$status" 0
    cmp "$SMOKE/model.safetensors" "$M/hf--t--renamed@$(commit ok)/model.safetensors"
}

@test "a cut connection is taken up where it ended" {
    pull_well cut
    has "model.safetensors: the connection was cut"
    has "at 100000 of 421144 bytes: continuing"
    is "$(requests cut 'bytes=100000-')" 1
}

@test "a server that ignores Range starts the file again" {
    pull_well norange
    has "the server does not continue files: from the start again"
}

@test "another part than the one asked for is refused" {
    pull_badly wrongrange "another part of the file" "byte 10 of 421144, not 100000 of 421144"
}

@test "endless cuts are given up, and continued by the next pull" {
    pull_badly cutalways "given up after 5 tries" "it continues where this one ended"
    is "$(stat -c %s "$(part cutalways)/model.safetensors")" 5000
    timeout -s INT 0.5 "$BENCH" pull hf:t/cutalways || true
    is "$(requests cutalways 'bytes=5000-')" 1
}

@test "a damaged partial file is noticed and fetched anew" {
    mkdir -p "$(part ok)"
    head -c 5000 /dev/zero >"$(part ok)/model.safetensors"
    head -c 9000000 /dev/zero >"$(part ok)/config.json"
    pull_well ok
    has "what an earlier pull left is damaged"
}

@test "wrong lengths and wrong checksums are refused" {
    pull_badly badlength "model.safetensors: wrong length: the server sends 1000 bytes, the hub lists 421144"
    pull_badly long "wrong length: more than the 421144 bytes"
    pull_badly lies "wrong length"
    pull_badly hash "model.safetensors: wrong checksum: sha256"
    [ ! -e "$(part hash)/model.safetensors" ]
}

@test "redirects: endless, to nowhere, to another protocol" {
    pull_badly loop "redirected more than 10 times"
    is "$(requests loop model.safetensors)" 11
    pull_badly nowhere "without saying where to"
    pull_badly ftp "ftp"
}

@test "a link to the storage server that has expired is asked for anew" {
    pull_well expired
    has "the storage server refuses the hub's link: trying again"
}

@test "the token goes to the hub alone" {
    HF_TOKEN=sesame pull_well other
    grep '^other ' "$HUB/log" | grep ' 127.0.0.1:' | grep -qv 'Bearer_sesame' && { echo "the hub did not get it"; return 1; }
    is "$(requests other ' localhost:.*Bearer')" 0
    is "$(requests other ' localhost:[0-9]* - -')" 1
}

@test "401: without a token, with a wrong one, with the right one" {
    pull_badly private "access refused (401)" "Invalid username or password" "set HF_TOKEN"
    HF_TOKEN=wrong pull_badly private "the token in HF_TOKEN is not valid"
    HF_TOKEN=sesame pull_well private
}

@test "403: terms to accept; 404: the model, a file" {
    pull_badly gated "access refused (403)" "Access to this model is restricted" "accept the model's terms" "$HF_ENDPOINT/t/gated"
    pull_badly missing "no such model (404) (the hub says: Repository not found?[31m)"
    pull_badly gone "model.safetensors: the hub lists this file but does not have it (404)"
}

@test "429 waits as long as it is asked to, within reason" {
    begin=$(date +%s%N)
    pull_well slow429
    has "asked too often (429): trying again in 1 s"
    [ $((($(date +%s%N) - begin) / 1000000)) -ge 1000 ]
    pull_badly never429 "asks to wait 100000 seconds: try again after that"
}

@test "500 twice is tried again, for ever is given up" {
    pull_well err500
    is "$(requests err500 tree)" 3
    pull_badly always500 "not able to answer (503); given up after 5 tries"
}

@test "file names that lead elsewhere refuse the model" {
    for bad in up abs back ctl empty dot deep none nul; do
        pull_badly evil-$bad "the hub lists a file named" "nothing was fetched"
        is "$(requests evil-$bad resolve)" 0
    done
    [ ! -e "$M" ]
}

@test "bad names are refused" {
    for bad in hf: hf:a hf:/b hf:a/ hf:../b hf:a/.. hf:a/b/c.bin hf:a/b/../c.gguf hf:a--b/c hf:a/b@ hf:a/b@../c "hf:a b/c" hf:a/b/x-00001-of-00003.gguf hf:-a/b; do
        run "$BENCH" pull "$bad"
        [ "$status" -eq 2 ] || { echo "$bad: $status $output"; return 1; }
        has "hf:OWNER/NAME"
    done
    run "$BENCH" tokenize --model hf:a </dev/null
    is "$status" 2
    HF_ENDPOINT=nonsense run "$BENCH" pull hf:a/b
    is "$status" 2
    has "HF_ENDPOINT is 'nonsense'"
    HF_TOKEN=$'a\r\nX: y' run "$BENCH" pull hf:a/b
    is "$status" 2
}

@test "no server there is said, with what to check" {
    HF_ENDPOINT=http://127.0.0.1:1 pull_badly ok "no connection" "check HF_ENDPOINT, the network and the proxy"
    HF_ENDPOINT=http://hub.invalid pull_badly ok "check HF_ENDPOINT, the network and the proxy"
}

@test "Ctrl-C keeps what came, and the next pull continues" {
    "$BENCH" pull hf:t/slow-a >"$T/out" 2>&1 3>&- 9>&- &
    pid=$!
    for _ in $(seq 200); do [ -s "$(part slow-a)/model.safetensors" ] && break; sleep 0.02; done
    kill -INT $pid
    rc=0
    wait $pid || rc=$?
    is "$rc" 130
    output=$(cat "$T/out")
    has "what has arrived is kept"
    size=$(stat -c %s "$(part slow-a)/model.safetensors")
    [ "$size" -gt 0 ] && [ "$size" -lt 421144 ]
    [ ! -e "$(place slow-a)" ]
    pull_well slow-a
    is "$(requests slow-a "bytes=$size-")" 1
}

@test "several pulls at once: one fetches, the others wait for it" {
    pids=()
    for i in 1 2 3; do
        "$BENCH" pull hf:t/slow-b >"$T/out$i" 2>&1 3>&- 9>&- &
        pids+=($!)
    done
    for p in "${pids[@]}"; do wait "$p"; done
    cmp "$SMOKE/model.safetensors" "$(place slow-b)/model.safetensors"
    [ -z "$(find "$M/.hf-part" -mindepth 1)" ]
    is "$(requests slow-b 'model.safetensors')" 1
}

@test "an unwritable cache is an error, not a crash" {
    mkdir -p "$T/file" && echo >"$T/file/bench"
    XDG_CACHE_HOME=$T/file pull_badly ok "cannot make the folder"
}
