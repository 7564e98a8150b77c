#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# add_method.bats - a method is added by a file and a line: the template, and the example of methods/README.md, pass the batteries as they are.

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export BUILD=${BUILD:-build} BENCH=${BENCH:-$PWD/bench}
    export T=$BATS_FILE_TMPDIR BENCH_SHARE=$PWD/experiments
    [ "$BUILD" = build ] || return 0
    mkdir "$T/methods"
    sed 's/template/mine/g' methods/_template.c >"$T/methods/mine.c"
    sed -n '/^```c/,/^```$/p' methods/README.md | grep -v '^```' >"$T/methods/lora_slow_a.c"
    { cat methods/methods.def; echo 'METHOD(mine)'; echo 'METHOD(lora_slow_a)'; } >"$T/methods/methods.def"
    # as the build compiles and links, with the folder's methods.def in front
    read -r cc cflags <<<"$(make -s --no-print-directory --eval 'show:;@echo $(CC) $(ALL_CFLAGS)' show)"
    [ "$cc" != ccache ] || read -r cc cflags <<<"$cflags"
    libs=$(make -s --no-print-directory --eval 'show:;@echo $(ALL_LDFLAGS) $(ALL_LIBS)' show)
    for f in "$T/methods/mine" "$T/methods/lora_slow_a" methods/methods; do
        # shellcheck disable=SC2086
        "$cc" -I"$T" $cflags -MF /dev/null -Werror -c "$f.c" -o "$T/$(basename "$f").o" || return 1
    done
    for t in tests/methods/test_battery tests/methods/test_gradients tests/methods/test_battery_runs harness/main; do
        # shellcheck disable=SC2086
        "$cc" "$BUILD/obj/$t.o" "$T"/*.o "$BUILD/libbench.a" -o "$T/$(basename $t)" $libs -lcmocka || return 1
    done
}

setup() { [ "$BUILD" = build ] || skip "for the ordinary build"; }

@test "the example of the README takes 20 lines" {
    [ "$(grep -c . "$T/methods/lora_slow_a.c")" -le 20 ]
}

@test "the template passes the batteries" {
    for t in test_battery test_gradients test_battery_runs; do BATTERY_METHOD=mine "$T/$t"; done
}

@test "the example of the README passes the batteries" {
    for t in test_battery test_gradients test_battery_runs; do BATTERY_METHOD=lora_slow_a "$T/$t"; done
}

@test "a method that computes a wrong gradient does not pass them" {
    sed 's|dg = sum_t dy \* v|&|; s|panel_row_dot(net->team, st->g->grad, dy, lddy, st->v|panel_row_dot(net->team, st->g->grad, dy, lddy, dy|; s|st->g->grad, dy, lddy, dy, s->d_out|st->g->grad, dy, lddy, dy, lddy|' "$T/methods/mine.c" >"$T/wrong.c"
    ! cmp -s "$T/wrong.c" "$T/methods/mine.c"
    read -r cc cflags <<<"$(make -s --no-print-directory --eval 'show:;@echo $(CC) $(ALL_CFLAGS)' show)"
    [ "$cc" != ccache ] || read -r cc cflags <<<"$cflags"
    libs=$(make -s --no-print-directory --eval 'show:;@echo $(ALL_LDFLAGS) $(ALL_LIBS)' show)
    # shellcheck disable=SC2086
    "$cc" -I"$T" $cflags -MF /dev/null -c "$T/wrong.c" -o "$T/wrong.obj"
    # shellcheck disable=SC2086
    "$cc" "$BUILD/obj/tests/methods/test_gradients.o" "$T/wrong.obj" "$T/methods.o" "$T/lora_slow_a.o" "$BUILD/libbench.a" -o "$T/wrong" $libs -lcmocka
    BATTERY_METHOD=mine run "$T/wrong"
    [ "$status" -ne 0 ]
    [[ $output == *"gradient of base_model.model"* ]]
}

@test "it is listed and trains in a sweep" {
    "$T/main" ls methods | grep -q '^ *mine '
    cd "$BATS_TEST_TMPDIR"
    cat >t.yaml <<'YAML'
name: t
base: {model: smoke, task: lm, data: {name: smoke}, train: {steps: 4, batch_size: 2, lr: 1.0e-3, max_length: 32}, eval: {rows: 4}}
variants: [{method: mine, parameters: {g_initial: [1, 2]}}]
YAML
    run "$T/main" run t.yaml
    echo "$output"
    [ "$status" -eq 0 ]
}
