#!/usr/bin/env bats
# help.bats - what every command says about itself, the man page and the completion made of it, and BENCH_CPU.

load ../run_helper

names() { "$BENCH" --help | sed -n '/^usage:/,/^Start/s/^  \([a-z]*\) .*/\1/p'; }

@test "every command explains itself, with at least two examples" {
    [ "$(names | wc -l)" -ge 12 ]
    for c in $(names); do
        text=$("$BENCH" "$c" --help 2>err)
        [ ! -s err ]
        has "$(head -n 1 <<<"$text")" "usage: bench $c"
        examples=$(sed -n '/^examples:/,$p' <<<"$text" | grep -cE "bench $c( |\$)") || true
        [ "$examples" -ge 2 ] || { echo "bench $c --help has $examples examples"; return 1; }
        is "$("$BENCH" "$c" -h)" "$text"
    done
}

@test "bench help repeats the help of a command" {
    is "$("$BENCH" help plan)" "$("$BENCH" plan --help)"
    is "$("$BENCH" help)" "$("$BENCH" --help)"
    run "$BENCH" help nothing
    is "$status" 2
    run "$BENCH" help worker
    is "$status" 2
}

@test "the man page holds every help text" {
    "$BENCH" help --man >bench.1
    has "$(head -n 1 bench.1)" '.TH BENCH 1'
    for c in $(names); do
        has "$(cat bench.1)" ".SS \"bench $c\""
    done
    plain=$(sed 's/\\-/-/g; s/\\&//g; s/\\e/\\/g' bench.1)
    has "$plain" "$("$BENCH" plan --help)"
    has "$plain" "BENCH_CPU"
    lacks "$plain" "worker:"
    command -v groff >/dev/null || skip "needs groff to look at warnings"
    run groff -man -Tutf8 -ww -z bench.1
    is "$output" ""
}

# complete WORDS...: what is offered for the last of them.
complete_words() {
    bash -c 'cd "$1"; shift; eval "$("$1" completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bench; printf "%s\n" "${COMPREPLY[@]}"' _ "$dir" "$BENCH" "$@"
}

@test "completion offers commands, options, kinds, names and files" {
    "$BENCH" completion bash >script
    bash -n script
    is "$(complete_words pla)" plan
    has "$(complete_words run --)" "--dry-run"
    is "$(complete_words plan --no)" "--no-calibrate"
    is "$(complete_words plot cu)" curves
    is "$(complete_words ls met)" methods
    is "$(complete_words completion '')" bash
    is "$(complete_words run smo)" "sweeps/smoke.yaml" || has "$(complete_words run sweeps/smo)" "sweeps/smoke.yaml"
    has "$(complete_words run '')" "t.yaml"
    is "$(complete_words eval --model smoke)" smoke
    is "$(complete_words run t.yaml --set train.optim)" "train.optimizer="
    is "$(complete_words run t.yaml --set method = lora_f)" lora_fa
    has "$(complete_words help '')" "doctor"
    is "$(complete_words run -j '')" ""
}

@test "completion knows every option of every command" {
    "$BENCH" completion bash >script
    for c in $(names); do
        for o in $("$BENCH" "$c" --help | sed -n 's/^  \(-., \)\?\(--[a-z-]*\).*/\2/p'); do
            complete_words "$c" "$o" | grep -qxe "$o" || { echo "bench $c $o is not offered"; return 1; }
        done
    done
}

@test "completion of another shell is an error" {
    run "$BENCH" completion fish
    is "$status" 2
    has "$output" "usage: bench completion bash"
}

@test "BENCH_CPU with a word that is no instruction set is an error, where something computes" {
    for c in "run t.yaml" "plan t.yaml" "doctor" "eval --model smoke --data smoke"; do
        # shellcheck disable=SC2086
        BENCH_CPU=avx1024 run "$BENCH" $c
        is "$status" 2
        has "$output" "BENCH_CPU=avx1024: no such instruction set; this machine has: "
        has "$output" "baseline"
    done
    [ ! -e results ]
    BENCH_CPU=avx1024 run "$BENCH" ls methods
    is "$status" 0
    BENCH_CPU=baseline run "$BENCH" run t.yaml
    is "$status" 0
    has "$(q 'select cpu from env')" "(baseline)"
    BENCH_CPU='' run "$BENCH" run t.yaml
    is "$status" 0
}

@test "BENCH_CPU with an instruction set that this machine lacks is an error" {
    ! grep -qw avx512dq /proc/cpuinfo || skip "this machine has them all"
    BENCH_CPU=avx512 run "$BENCH" run t.yaml
    is "$status" 2
    has "$output" "not an instruction set of this machine"
}

@test "nothing is coloured, on a terminal or not" {
    script -qec true /dev/null >/dev/null 2>&1 </dev/null || skip "script(1) finds no pseudo-terminal here"
    TERM=xterm NO_COLOR=1 script -qec "$BENCH run t.yaml; $BENCH ls methods; $BENCH doctor; $BENCH show t" typescript >/dev/null </dev/null || true
    grep -q "eval/loss" typescript
    # "\033[...m" sets a colour; lines are moved and cleared with other letters
    ! grep -qP '\033\[[0-9;]*m' typescript
}
