#!/bin/bash
# The layers hold: includes are written from the root of the repository, and each folder includes only what it may.
#   harness/nn    itself and harness/{mem,rng,err,util,digest}.h
#   methods       harness/{method,cfg,util,err}.h, harness/nn, itself
#   experiments   harness/{model,task,data,embed,generation,text_metrics,cfg,util,err,digest}.h, harness/nn, itself
#   harness       anything of harness; experiments and methods only through their .def lists
cd "$(dirname "$0")/../.." || exit 2
bad=0
check() { # folder, allowed pattern
    while IFS=: read -r file line text; do
        inc=$(sed 's/.*"\(.*\)".*/\1/' <<<"$text")
        if ! grep -qE "^($2)\$" <<<"$inc"; then
            echo "$file:$line: $1 may not include \"$inc\""
            bad=1
        fi
    done < <(grep -rn --include='*.c' --include='*.h' '^#include "' $3)
}
check harness/nn 'harness/nn/.*|harness/(mem|rng|err|util|digest)\.h' harness/nn
check methods 'methods/.*|harness/nn/.*|harness/(method|cfg|util|err)\.h' methods
check experiments 'experiments/.*|harness/nn/.*|harness/(model|task|data|embed|generation|text_metrics|cfg|util|err|digest)\.h' experiments
check harness 'harness/.*|build/(schema\.inc|version\.h)|experiments/[a-z]*/[a-z]*\.def|methods/methods\.def' "$(echo harness/*.c harness/*.h)"
if [ "$(grep -ln '#include <sqlite3.h>' -r harness methods experiments)" != harness/db.c ] &&
    [ "$(grep -ln '#include <sqlite3.h>' -r harness methods experiments | sort | tr '\n' ' ')" != 'harness/db.c harness/db_do.h ' ]; then
    echo "sqlite3.h is for db.c alone:"
    grep -n '#include <sqlite3.h>' -r harness methods experiments
    bad=1
fi
exit $bad
