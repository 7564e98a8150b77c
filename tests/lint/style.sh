#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a reader may rely on: files of a bounded length that open with a comment saying what they are, no method, model or task named in
# the machine, only commands print, nothing unfinished, no machine's paths.
cd "$(dirname "$0")/../.." || exit 2
bad=0
say() { echo "$*"; bad=1; }
sources=$(find harness methods experiments tests -name "*.[ch]")
for f in $sources; do
    n=$(wc -l <"$f")
    ((n <= 600)) || say "$f: $n lines (600 at most)"
    head -c 2 "$f" | grep -q '^/\*' || say "$f: does not open with a comment"
done
marks='\b(TODO|FIXME|XXX|HACK)\b'
grep -nE "$marks" $sources tests -r --include='*.[ch]' && say "unfinished marks"
# "none" means other things as well: it counts where the line speaks of a method.
names=$(sed -nE 's/^METHOD\((.*)\)$/\1/p' methods/methods.def | paste -sd'|')
grep -nE "\"($names)\"|method_($names)\b" harness -r --include='*.[ch]' | grep -vE 'adapter\.type' | # that is llama.cpp's word
    grep -E "\"none\".*method|method.*\"none\"|\"(${names/none|/})\"|method_" && say "the machine names a method"
for f in $(find harness methods experiments -name '*.c' | grep -vE '^harness/(cli/.*|main|base/err|sched/progress|base/blas)\.c'); do
    grep -nE '(^|[;{})] *|  )(printf|puts|putchar) ?\(' "$f" | sed "s|^|$f:|" | grep -q . && say "$f prints; only commands do"
done
git ls-files 2>/dev/null | grep -vE '\.(safetensors|ids|txt|png|svg)$' | xargs -r grep -nIE '(^|[^a-z}])/(home|root|work|Users)/[a-z]' -- | grep -v '^tests/lint/' && say "a machine's path"
formatted=$(find harness methods experiments tests -name '*.[ch]')
command -v clang-format >/dev/null || say "clang-format is missing: apt-get install clang-format"
clang-format --dry-run -Werror $formatted 2>&1 | sed -n 's/^\([^ ]*:[0-9]*\):.*error.*/\1: is not formatted: clang-format -i/p' | sort -u | head -40 | grep . && bad=1
grep -nP '^.{111,}' $formatted && say "lines of more than 110 characters"
exit $bad
