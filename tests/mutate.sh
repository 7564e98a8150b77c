#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/mutate.sh - do the tests notice? Breaks the code in small ways (tests/mutations.txt), one at a time, in a copy of the built tree, and runs
# the test that must fail then. Called by `make mutate`; by hand, after `make tests-bin`: tests/mutate.sh [a word of the names ...]
#
# A mutation that no longer applies, or does not compile, is an error too. Exit code 1: something was not noticed, 2: cannot be judged.
set -u
cd "$(dirname "$0")/.." || exit 2
export CMOCKA_MESSAGE_OUTPUT=TAP
unset MAKEFLAGS MAKELEVEL MFLAGS
list=tests/mutations.txt
[ -x bench ] && [ -d build/obj ] || { echo "mutate: run it as 'make mutate'" >&2; exit 2; }

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
cp -a Makefile README.md LICENSE harness methods experiments tests docs build bench "$work/" || exit 2
log=$work/log
cd "$work" || exit 2

build() { # test: the program under test
    case $1 in
    *.c) make -s "build/${1%.c}" ;;
    *.bats) make -s bench ;;
    esac >"$log" 2>&1
}
passes() {
    case $1 in
    *.c) timeout 600 "build/${1%.c}" ;;
    *.bats) BENCH=$work/bench timeout 600 bats "$1" ;;
    esac >"$log" 2>&1 </dev/null
}
wanted() { # name
    ((${#words[@]})) || return 0
    for w in "${words[@]}"; do [[ $1 == *"$w"* ]] && return 0; done
    return 1
}
words=("$@")

# As it is, every test that is asked must pass: else its failure says nothing.
asked() {
    local line name=''
    while IFS= read -r line; do
        case $line in
        'name: '*) name=${line#name: } ;;
        'test: '*) wanted "$name" && echo "${line#test: }" ;;
        esac
    done <"$list"
}
for t in $(asked | sort -u); do
    build "$t" && passes "$t" || { tail -30 "$log"; echo "mutate: $t fails as it is" >&2; exit 2; }
done

caught=0 missed=0 broken=0
try() { # name file sed test
    wanted "$1" || return
    cp -p "$2" "$work/original"
    if ! sed -i -E "$3" "$2" 2>"$log" || cmp -s "$2" "$work/original"; then
        printf '%-48s DOES NOT APPLY to %s\n' "$1" "$2"
        broken=$((broken + 1))
    elif touch "$2"; ! build "$4"; then
        printf '%-48s DOES NOT COMPILE\n' "$1"
        tail -5 "$log"
        broken=$((broken + 1))
    elif passes "$4"; then
        printf '%-48s NOT NOTICED by %s\n' "$1" "$4"
        missed=$((missed + 1))
    else
        printf '%-48s noticed by %s\n' "$1" "${4#tests/}"
        caught=$((caught + 1))
    fi
    cp "$work/original" "$2"
}
name='' file='' edit='' test=''
while IFS= read -r line || [ -n "$line" ]; do
    case $line in
    '#'*) continue ;;
    'name: '*) name=${line#name: } ;;
    'file: '*) file=${line#file: } ;;
    'sed: '*) edit=${line#sed: } ;;
    'test: '*)
        test=${line#test: }
        try "$name" "$file" "$edit" "$test"
        ;;
    esac
done <"$list"
echo "$caught noticed, $missed not noticed, $broken cannot be judged"
((missed)) && exit 1
((broken)) && exit 2
exit 0
