#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run.sh - run the tests and count them. Called by `make test`; by hand: tests/run.sh [tests/unit/test_err.c tests/cli/run.bats ...]
#
# Test programs (cmocka) and bats files speak TAP; a lint script is one test by its exit code. Each file prints one line when it
# ends, with its log in full when something failed; the last line is `N passed, N failed`. A program that dies counts the tests
# that it did not reach (at least one) as failed. Several files run at once; tests keep to folders of their own.
#
# BUILD: where test programs are (build). BENCH: the program under test for bats. TEST_WRAP: put before test programs
# (valgrind). TEST_TIMEOUT: seconds per file. TEST_JOBS: files at once.
set -u
cd "$(dirname "$0")/.." || exit 2
export BUILD=${BUILD:-build} BENCH=${BENCH:-$PWD/bench}
export TEST_TIMEOUT=${TEST_TIMEOUT:-600} TEST_WRAP=${TEST_WRAP:-} CMOCKA_MESSAGE_OUTPUT=TAP
unset MAKEFLAGS MAKELEVEL MFLAGS

# Runs one file, leaves "passed failed" in its .count and prints its line.
run_one() {
    local file=$1 name log rc=0 passed failed skipped=0 planned start end note=
    name=${file#tests/}
    log=$LOGS/${name//\//_}
    start=$(date +%s%N)
    case $file in
    *.c) # shellcheck disable=SC2086
        timeout -k 10 "$TEST_TIMEOUT" $TEST_WRAP "$BUILD/${file%.c}" >"$log" 2>&1 </dev/null || rc=$? ;;
    *.bats) timeout -k 10 "$TEST_TIMEOUT" bats --tap "$file" >"$log" 2>&1 </dev/null || rc=$? ;;
    *.sh | *.py) timeout -k 10 "$TEST_TIMEOUT" "$file" >"$log" 2>&1 </dev/null || rc=$? ;;
    *) echo "cannot run $file" >"$log"; rc=2 ;;
    esac
    end=$(date +%s%N)
    if [[ $file == *.sh || $file == *.py ]]; then
        passed=$((rc == 0)) failed=$((rc != 0))
    else
        # skipped: cmocka says "not ok 3 # SKIP name", bats "ok 3 name # skip why"
        skipped=$(grep -cE '^not ok [0-9]+ # SKIP|^ok .* # skip' "$log")
        passed=$(grep '^ok ' "$log" | grep -vc ' # skip')
        failed=$(grep '^not ok ' "$log" | grep -vcE '^not ok [0-9]+ # SKIP')
        planned=$(sed -n 's/^1\.\.\([0-9][0-9]*\).*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')
        if ((planned > passed + failed + skipped)); then failed=$((planned - passed - skipped)); fi
        if ((rc != 0 && failed == 0)) || ((planned == 0 && failed == 0)); then failed=1; fi
    fi
    ((rc == 124)) && echo "stopped after $TEST_TIMEOUT s" >>"$log"
    echo "$passed $failed" >"$log.count"
    local line
    ((skipped)) && note=", $skipped skipped"
    line=$(printf '%-40s %3d passed, %d failed%s %6d ms' "$name" "$passed" "$failed" "$note" $(((end - start) / 1000000)))
    if ((failed)); then
        line+=$(printf '\n---- %s (exit %d)\n' "$name" "$rc"; tail -n 400 "$log"; echo "----")
    fi
    printf '%s\n' "$line"
}
export -f run_one

if (($#)); then
    files=("$@")
else
    shopt -s nullglob
    # Long ones first, so that the end is not spent waiting for one of them.
    files=(tests/e2e/*.bats tests/cli/*.bats tests/statistics/*.c tests/golden/*.c tests/methods/*.c tests/grad/*.c tests/unit/*.c tests/fuzz/fuzz_*.c tests/lint/*.sh tests/lint/*.py)
fi
LOGS=$BUILD/test-logs
export LOGS
rm -rf "$LOGS" && mkdir -p "$LOGS" || exit 2
# shellcheck disable=SC2016
((${#files[@]})) && printf '%s\0' "${files[@]}" |
    xargs -0 -n 1 -P "${TEST_JOBS:-$(nproc)}" bash -c 'run_one "$1"' run_one

passed=0 failed=0
for f in "$LOGS"/*.count; do
    [ -e "$f" ] || continue
    read -r p n <"$f"
    passed=$((passed + p)) failed=$((failed + n))
done
missing=$((${#files[@]} - $(find "$LOGS" -name '*.count' | wc -l)))
failed=$((failed + missing))
echo "$passed passed, $failed failed"
((failed == 0))
