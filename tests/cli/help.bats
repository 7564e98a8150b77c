#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
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

@test "bench --version names the build and the licence of the file LICENSE" {
    run "$BENCH" --version
    is "$status" 0
    has "${lines[0]}" "bench 0.1"
    is "${lines[1]}" "Licence: Apache-2.0"
    head -n 3 "$BATS_TEST_DIRNAME/../../LICENSE" | tr -s ' \n' ' ' | grep -q 'Apache License Version 2.0'
}

@test "bench help repeats the help of a command" {
    is "$("$BENCH" help plan)" "$("$BENCH" plan --help)"
    is "$("$BENCH" help)" "$("$BENCH" --help)"
    run "$BENCH" help nothing
    is "$status" 2
    run "$BENCH" help worker
    is "$status" 2
    has "$("$BENCH" help sweep)" "target_modules"
    run "$BENCH" help plan --man
    is "$status" 2
}

@test "the man page holds every option of every command, and the keys of a sweep file" {
    "$BENCH" help --man >bench.1
    has "$(head -n 1 bench.1)" '.TH BENCH 1'
    plain=$(sed 's/\\-/-/g; s/\\&//g; s/\\e/\\/g' bench.1)
    for c in $(names); do
        section=$(sed -n "/^.SS \"bench $c\"/,/^.S[SH] /p" <<<"$plain")
        has "$section" "usage: bench $c"
        for o in $(options "$c"); do
            has "$section" "$o"
        done
    done
    has "$plain" "train.early_stop.patience"
    has "$plain" "BENCH_CPU"
    lacks "$plain" "bench complete "
    command -v groff >/dev/null || skip "needs groff to look at warnings"
    run groff -man -Tutf8 -ww -z bench.1
    is "$output" ""
}

# options COMMAND: the long names that its help lists.
options() { "$BENCH" "$1" --help | sed -n 's/^  \(-., \)\?\(--[a-z-]*\).*/\2/p'; }

@test "help is at most 80 columns wide, examples aside" {
    for c in $(names); do
        "$BENCH" "$c" --help | sed '/^examples:/,$d' | awk -v c="$c" 'length > 80 {print c ": " $0; bad = 1} END {exit bad}'
    done
}

@test "docs/commands.md and docs/sweep.md are what the program writes" {
    docs=$BATS_TEST_DIRNAME/../../docs
    "$BENCH" help --markdown | diff - "$docs/commands.md" || { echo "write it anew: make docs"; return 1; }
    "$BENCH" help sweep --markdown | diff - "$docs/sweep.md" || { echo "write it anew: make docs"; return 1; }
    for c in $(names); do
        has "$(cat "$docs/commands.md")" "## bench $c"
        for o in $(options "$c"); do
            has "$("$BENCH" help "$c" --markdown)" "$o"
        done
    done
}

@test "the sweep file of bench help sweep runs as it stands" {
    "$BENCH" help sweep --markdown | sed -n '/^```yaml/,/^```/p' | sed '1d;$d' >mine.yaml
    "$BENCH" help sweep | sed -n 's/^  //p' | grep -qxF 'name: mine'
    echo '{"question": "one and one?", "answer": "two"}' | tee train.jsonl >eval.jsonl
    run "$BENCH" run mine.yaml --dry-run --set model=smoke
    is "$status" 0
    # 2 targets x (2 methods x 2 ranks x 2 rates) + 2 rates of full, 3 seeds each, and the untouched model
    has "${lines[-1]}" "mine: 55 runs"
}

@test "bench ls keys lists what sweep files take, of one task, of one method, by a word" {
    keys() { "$BENCH" ls keys --json "$@" | python3 -c 'import json, sys; print(" ".join(sorted({k["key"] for k in json.load(sys.stdin)})))'; }
    all=$(keys)
    for k in name seeds train.lr eval.rows data.train data.anchor r lora_alpha delta_lambda; do
        has " $all " " $k "
    done
    has " $(keys --method delta_lora) " " delta_lambda "
    lacks " $(keys --method delta_lora) " " data.train "
    lacks " $(keys --method lora) " " delta_lambda "
    has " $(keys --task pairs) " " data.anchor "
    lacks " $(keys --task lm) " " data.anchor "
    lacks " $(keys --task lm) " " r "
    is "$(keys --search WARM)" "train.schedule train.warmup"
    is "$("$BENCH" ls keys --search adam_eps --csv)" "$(printf 'key,type,range,default,min,max,place,help\ntrain.adam_eps,number,0 to 1,1e-8,0,1,base,AdamW: added to the root of the second moment')"
    run "$BENCH" ls keys --search nothing_like_it
    is "$status" 2
    has "$output" "no key has 'nothing_like_it'"
    run "$BENCH" ls keys --method lorra
    is "$status" 2
    has "$output" "there is no method 'lorra'"
    run "$BENCH" ls methods --search x
    is "$status" 2
    has "$output" "--task, --method and --search go with"
    run "$BENCH" ls models --db x.db
    is "$status" 2
}

# offers WORDS...: what may stand for the last of them, without the descriptions.
offers() { "$BENCH" complete -- "$@" | cut -f1; }

@test "what may follow is known: commands, options, choices, names, keys, values" {
    "$BENCH" run t.yaml >/dev/null
    is "$(offers pla)" plan
    has "$(offers '')" doctor
    lacks "$(offers '')" worker
    is "$(offers --ver)" --version
    is "$(offers run --dr)" --dry-run
    is "$(offers plan --no)" --no-calibrate
    is "$(offers plot cu)" curves
    is "$(offers plot curves --format png,sv)" png,svg
    is "$(offers ls met)" methods
    is "$(offers completion '')" "$(printf 'bash\nzsh\nfish')"
    has "$(offers run '')" "t.yaml"
    has "$(offers run sweeps/smo)" "sweeps/smoke.yaml"
    is "$(offers eval --model smok)" "$(printf 'smoke\n:files')"
    is "$(offers eval --model=smok)" "$(printf -- '--model=smoke\n:files')"
    is "$(offers eval -m smok)" "$(printf 'smoke\n:files')"
    is "$(offers run t.yaml --set train.optim)" "train.optimizer="
    is "$(offers run t.yaml --set train.optimizer=)" "$(printf 'train.optimizer=adamw\ntrain.optimizer=sgd')"
    is "$(offers run t.yaml --set method=lora_f)" "method=lora_fa"
    is "$(offers run t.yaml --set train.shuffle=t)" "train.shuffle=true"
    has "$(offers help '')" "doctor"
    has "$(offers help s)" "sweep"
    is "$(offers run -j '')" ""
    is "$(offers run --workers=)" ""
    is "$(offers show t)" t
    is "$(offers compare t)" t
    has "$(offers show '')" 3
    has "$("$BENCH" complete -- export '')" "$(printf '3\tt: lora r=1')"
    is "$(offers show --db none.db '')" ""
    mkdir else && cp -r results else/there
    is "$(cd else && offers show --db there/bench.db t)" t
    is "$(cd else && offers show --db=there/bench.db t)" t
    has "$(offers table vera)" "vera-1"
    has "$(offers plan --arch llama-2-7)" "llama-2-7b"
    is "$(offers plan --method lora_f)" "lora_fa"
    is "$(offers merge -o)" ""
    is "$(offers merge --o)" "--output"
    is "$(offers generate -- --t)" ""
    is "$(offers nothing x)" ""
}

@test "every option of every command is offered" {
    for c in $(names); do
        offered=$(offers "$c" -)
        for o in $(options "$c"); do
            grep -qxe "$o" <<<"$offered" || { echo "bench $c $o is not offered"; return 1; }
        done
    done
}

# complete_words WORDS...: what bash offers for the last of them.
complete_words() {
    bash -c 'cd "$1"; shift; eval "$("$1" completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bench; printf "%s\n" "${COMPREPLY[@]}"' _ "$dir" "$BENCH" "$@"
}

@test "bash completes, also around the '=' where it cuts words" {
    "$BENCH" completion bash >script
    bash -n script
    is "$(complete_words pla)" plan
    is "$(complete_words run --dry)" "--dry-run"
    has "$(complete_words run '')" "t.yaml"
    is "$(complete_words eval --model = smok)" smoke
    is "$(complete_words run t.yaml --set train.optim)" "train.optimizer="
    is "$(complete_words run t.yaml --set method = lora_f)" lora_fa
    has "$(complete_words run t.yaml --set method =)" lora_fa
    touch "an adapter"
    is "$(complete_words export an)" "an adapter"
    "$BENCH" run t.yaml >/dev/null
    python3 -c 'import sqlite3; c = sqlite3.connect("results/bench.db"); c.execute("update sweep set name = ?", ("t $(date)",)); c.commit()'
    is "$(complete_words compare t)" 't\ \$\(date\)'
    python3 -c 'import sqlite3; c = sqlite3.connect("results/bench.db"); c.execute("update sweep set name = ?", ("t\nu",)); c.commit()'
    is "$(complete_words compare t)" ""
    is "$(complete_words run -j '')" ""
}

@test "zsh completes" {
    command -v zsh >/dev/null || skip "needs zsh"
    "$BENCH" completion zsh >_bench
    zsh -n _bench
    zsh_offers() {
        zsh -fc 'compdef() { : }; compset() { : }; _files() { print -l files }
            _describe() { local name=$3; print -l -- ${${(P)name}%%:*} $4$5 }
            source ./_bench; words=("$@"); CURRENT=$#; _bench' _ "$BENCH" "$@" | sed '/^$/d'
    }
    is "$(zsh_offers run --dry)" "--dry-run"
    is "$(zsh_offers eval --model smok)" "$(printf 'smoke\nfiles')"
    is "$(zsh_offers run t.yaml --set train.optim)" "$(printf 'train.optimizer=\n-S')"
    is "$(zsh_offers run t.yaml --set method=lora_f)" "method=lora_fa"
}

@test "fish completes" {
    command -v fish >/dev/null || skip "needs fish"
    "$BENCH" completion fish >bench.fish
    fish -n bench.fish
    fish_offers() { PATH=$(dirname "$BENCH"):$PATH HOME=$dir fish -c "source bench.fish; complete -C '$1'" | cut -f1; }
    is "$(fish_offers 'bench run --dry')" "--dry-run"
    has "$(fish_offers 'bench run ')" "t.yaml"
    is "$(fish_offers 'bench run t.yaml --set method=lora_f')" "method=lora_fa"
}

@test "completion of another shell is an error" {
    run "$BENCH" completion tcsh
    is "$status" 2
    has "$output" "SHELL: 'tcsh' is unknown, it is one of bash, zsh, fish"
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
