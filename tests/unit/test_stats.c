/* SPDX-License-Identifier: Apache-2.0 */
/* test_stats.c - the distributions against scipy (tests/golden/stats.json, made by make_stats.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "harness/base/stats.h"

static json_t *golden;

static int setup(void **state) {
    (void)state;
    json_error_t je;
    golden = json_load_file("tests/golden/stats.json", 0, &je);
    return golden ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    json_decref(golden);
    return 0;
}

static double num(const json_t *c, const char *key) {
    const json_t *v = json_object_get(c, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

/* Caller frees. */
static double *nums(const json_t *c, const char *key, int *n) {
    const json_t *v = json_object_get(c, key);
    *n = (int)json_array_size(v);
    double *out = malloc(sizeof *out * (size_t)(*n + 1));
    assert_non_null(out);
    for (int i = 0; i < *n; i++) out[i] = json_number_value(json_array_get(v, (size_t)i));
    return out;
}

/* To `digits` of the larger of both, NaN where scipy has none. */
static void near(double got, double want, double rel, const char *what, size_t i) {
    if (isnan(want) ? !isnan(got) : !(fabs(got - want) <= rel * fmax(fabs(got), fabs(want)) + 1e-300))
        fail_msg("%s, case %zu: %.17g, should be %.17g", what, i, got, want);
}

static void students_t_agrees_with_scipy(void **state) {
    (void)state;
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(golden, "t"), i, c) {
        near(stats_t_cdf(num(c, "t"), num(c, "df")), num(c, "cdf"), 2e-11, "cdf", i);
        near(stats_t_p(num(c, "t"), num(c, "df")), num(c, "p"), 2e-11, "p", i);
    }
    json_array_foreach(json_object_get(golden, "quantile"), i, c)
        near(stats_t_quantile(num(c, "q"), num(c, "df")), num(c, "t"), 1e-10, "quantile", i);
}

static void means_and_sds_agree_with_scipy(void **state) {
    (void)state;
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(golden, "mean"), i, c) {
        int n;
        double *v = nums(c, "v", &n);
        struct stats_mean m = stats_mean(v, n);
        assert_int_equal(m.n, n);
        near(m.mean, num(c, "mean"), 1e-14, "mean", i);
        near(m.sd, num(c, "sd"), 1e-12, "sd", i);
        free(v);
    }
    assert_true(isnan(stats_mean(NULL, 0).mean));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(students_t_agrees_with_scipy),
        cmocka_unit_test(means_and_sds_agree_with_scipy),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
