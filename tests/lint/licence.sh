#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every source file says its licence in its first five lines, and LICENSE is the text that they name.
cd "$(dirname "$0")/../.." || exit 2
bad=0
say() { echo "$*"; bad=1; }
line='SPDX-License-Identifier: Apache-2.0'
files=$(find harness methods experiments tests -type f \( -name '*.[ch]' -o -name '*.def' -o -name '*.py' -o -name '*.sh' -o -name '*.bats' \) | sort)
[ -n "$files" ] || say "there are no source files here"
for f in $files; do
    head -n 5 "$f" | grep -qF "$line" || say "$f: its first five lines lack: $line"
done
grep -q 'Apache License' LICENSE && grep -q 'Version 2.0, January 2004' LICENSE || say "LICENSE is not the Apache License 2.0"
exit $bad
