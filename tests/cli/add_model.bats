#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# add_model.bats - an architecture is added by a file and a line: the template of experiments/models passes the batteries as it is.

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export BUILD=${BUILD:-build}
    export T=$BATS_FILE_TMPDIR
    [ "$BUILD" = build ] || return 0
    mkdir -p "$T/experiments/models"
    sed 's/template/mine/g' experiments/models/_template.c >"$T/experiments/models/mine.c"
    { cat experiments/models/models.def; echo 'MODEL(mine)'; } >"$T/experiments/models/models.def"
    # as the build compiles and links, with the folder's models.def in front
    read -r cc cflags <<<"$(make -s --no-print-directory --eval 'show:;@echo $(CC) $(ALL_CFLAGS)' show)"
    [ "$cc" != ccache ] || read -r cc cflags <<<"$cflags"
    libs=$(make -s --no-print-directory --eval 'show:;@echo $(ALL_LDFLAGS) $(ALL_LIBS)' show)
    for f in "$T/experiments/models/mine" experiments/models/models; do
        # shellcheck disable=SC2086
        "$cc" -I"$T" $cflags -MF /dev/null -Werror -c "$f.c" -o "$T/$(basename "$f").o" || return 1
    done
    for t in tests/methods/test_battery tests/methods/test_merge tests/methods/test_gradients; do
        # shellcheck disable=SC2086
        "$cc" "$BUILD/obj/$t.o" "$T"/*.o "$BUILD/libbench.a" -o "$T/$(basename $t)" $libs -lcmocka || return 1
    done
}

setup() { [ "$BUILD" = build ] || skip "for the ordinary build"; }

@test "the template passes the batteries with every method" {
    for t in test_battery test_merge; do BATTERY_MODEL=mine "$T/$t"; done
}

@test "an architecture without a reference in double precision is told where to add one" {
    BATTERY_MODEL=mine run "$T/test_gradients"
    [ "$status" -ne 0 ]
    [[ "$output" == *"mine has no reference in double precision yet"*"tests/reference.h"* ]]
}
