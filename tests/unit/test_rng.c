/* SPDX-License-Identifier: Apache-2.0 */
/* test_rng.c - random numbers: known answers, and values that depend on key and counter alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/base/rng.h"

/* Random123's published vector for Philox4x32-10 with counter 0 and key 0. */
static void philox_gives_the_published_values(void **state) {
    (void)state;
    struct rng r = {{0, 0}};
    assert_int_equal(rng_u32(r, 0), 0x6627e8d5u);
    assert_int_equal(rng_u32(r, 1), 0xe169c58du);
    assert_int_equal(rng_u32(r, 2), 0xbc57ac4cu);
    assert_int_equal(rng_u32(r, 3), 0x9b00dbd8u);
}

/* Matsumoto and Nishimura's generator with seed 5489: its first output and the 10,000th, as the C++ standard
 * demands. */
static void mt19937_gives_the_published_values(void **state) {
    (void)state;
    struct mt19937 m;
    mt19937_seed(&m, 5489);
    uint32_t x = mt19937_next(&m);
    assert_int_equal(x, 3499211612u);
    for (int i = 1; i < 10000; i++) x = mt19937_next(&m);
    assert_int_equal(x, 4123659995u);
}

static void streams_differ_by_seed_name_and_extra(void **state) {
    (void)state;
    uint32_t a = rng_u32(rng_make(1, "x", 0), 0);
    assert_int_equal(a, rng_u32(rng_make(1, "x", 0), 0));
    assert_int_not_equal(a, rng_u32(rng_make(2, "x", 0), 0));
    assert_int_not_equal(a, rng_u32(rng_make(1, "y", 0), 0));
    assert_int_not_equal(a, rng_u32(rng_make(1, "x", 1), 0));
}

static void a_filled_array_is_the_same_numbers_one_by_one(void **state) {
    (void)state;
    struct rng r = rng_make(7, "w", 0);
    float v[11];
    rng_fill_uniform(r, v, 11, 0.5f);
    for (int i = 0; i < 11; i++) {
        float want = ((float)(rng_u32(r, (uint64_t)i) >> 8) * 0x1p-23f - 1.0f) * 0.5f;
        assert_memory_equal(&v[i], &want, sizeof want);
        assert_true(v[i] >= -0.5f && v[i] < 0.5f);
    }
}

static void uniform_numbers_have_the_moments_of_a_uniform(void **state) {
    (void)state;
    struct rng r = rng_make(3, "moments", 0);
    double sum = 0, squares = 0;
    enum { N = 200000 };
    for (int i = 0; i < N; i++) {
        double x = (double)rng_uniform(r, (uint64_t)i);
        sum += x;
        squares += x * x;
    }
    assert_true(fabs(sum / N - 0.5) < 5 * 0.2887 / sqrt(N));
    assert_true(fabs(squares / N - 1.0 / 3) < 5 * 0.2981 / sqrt(N));
}

static void a_permutation_holds_every_index_once(void **state) {
    (void)state;
    enum { N = 1000 };
    int p[N], q[N], fixed = 0;
    char seen[N] = {0};
    rng_permute(rng_make(5, "shuffle", 0), p, N);
    rng_permute(rng_make(5, "shuffle", 1), q, N);
    for (int i = 0; i < N; i++) {
        assert_true(p[i] >= 0 && p[i] < N && !seen[p[i]]);
        seen[p[i]] = 1;
        fixed += p[i] == q[i];
    }
    assert_true(fixed < 20); /* another epoch is another order: 1 expected in common */
    rng_permute(rng_make(5, "shuffle", 0), p, 1);
    assert_int_equal(p[0], 0);
}

/* Every index may stay where it is, as often as any other place takes it: one in all, on average. */
static void permutations_are_uniform(void **state) {
    (void)state;
    enum { N = 5, TIMES = 20000 };
    int p[N], at[N][N] = {{0}};
    for (uint64_t k = 0; k < TIMES; k++) {
        rng_permute(rng_make(5, "uniform", k), p, N);
        for (int i = 0; i < N; i++) at[i][p[i]]++;
    }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            assert_true(fabs(at[i][j] - (double)TIMES / N) < 5 * sqrt(TIMES * 0.2 * 0.8));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_values),
        cmocka_unit_test(mt19937_gives_the_published_values),
        cmocka_unit_test(streams_differ_by_seed_name_and_extra),
        cmocka_unit_test(a_filled_array_is_the_same_numbers_one_by_one),
        cmocka_unit_test(uniform_numbers_have_the_moments_of_a_uniform),
        cmocka_unit_test(a_permutation_holds_every_index_once),
        cmocka_unit_test(permutations_are_uniform),
    };
    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
