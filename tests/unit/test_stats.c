/* test_stats.c - the statistics against scipy (tests/golden/stats.json, made by make_stats.py), and what
 * scipy does not say: edges, corrections, that resampling repeats itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "harness/base/rng.h"
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

static void means_sds_and_intervals_agree_with_scipy(void **state) {
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
        near(m.ci, num(c, "ci"), 1e-10, "ci", i);
        free(v);
    }
    assert_true(isnan(stats_mean(NULL, 0).mean));
}

static void differences_agree_with_scipy_paired_and_not(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        size_t i;
        json_t *c;
        json_array_foreach(json_object_get(golden, k ? "unpaired" : "paired"), i, c) {
            int na, nb;
            double *a = nums(c, "a", &na), *b = nums(c, "b", &nb);
            struct stats_diff d = k ? stats_unpaired(a, na, b, nb) : stats_paired(a, b, na);
            near(d.diff, num(c, "diff"), 1e-9, "diff", i);
            near(d.df, num(c, "df"), 1e-10, "df", i);
            near(d.lo, num(c, "lo"), 1e-9, "lo", i);
            near(d.hi, num(c, "hi"), 1e-9, "hi", i);
            near(d.p, num(c, "p"), 1e-9, "p", i);
            free(a), free(b);
        }
    }
}

static void differences_of_equal_or_single_values_are_defined(void **state) {
    (void)state;
    double a[] = {1, 2, 3}, up[] = {2, 3, 4};
    assert_true(stats_paired(a, a, 3).p == 1);
    assert_true(stats_paired(a, up, 3).p == 0);
    assert_true(stats_paired(a, up, 1).diff == 1);
    assert_true(isnan(stats_paired(a, up, 1).p));
    assert_true(isnan(stats_unpaired(a, 1, up, 3).p));
    assert_true(stats_unpaired(a, 1, up, 3).diff == 2);
    assert_true(isnan(stats_paired(a, up, 0).diff));
}

/* One known part of the error gives what it gives alone; two give more than either. */
static void errors_of_two_sources_add_up(void **state) {
    (void)state;
    double a[] = {1, 2, 3, 5}, b[] = {2, 2, 5, 5};
    struct stats_diff one = stats_paired(a, b, 4), same = stats_combine(one.diff, one.se, one.df, NAN, NAN),
                      other = stats_combine(one.diff, NAN, NAN, one.se, one.df),
                      both = stats_combine(one.diff, one.se, one.df, 0.5, 40);
    near(same.p, one.p, 1e-12, "p", 0);
    near(other.hi, one.hi, 1e-12, "hi", 0);
    near(both.se, sqrt(one.se * one.se + 0.25), 1e-12, "se", 0);
    assert_true(both.df > 3 && both.df < 43);
    assert_true(isnan(stats_combine(1, NAN, NAN, NAN, NAN).p));
    assert_true(stats_combine(0, 0, 3, 0, 5).p == 1);
}

static void bootstrap_agrees_with_scipy_and_repeats_itself(void **state) {
    (void)state;
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(golden, "bootstrap"), i, c) {
        int n;
        double *v = nums(c, "v", &n), se = num(c, "se");
        struct stats_boot b = stats_bootstrap(v, n, 20000, 0), again = stats_bootstrap(v, n, 20000, 0),
                          other = stats_bootstrap(v, n, 20000, 1);
        near(b.se, se, 0.02, "se", i);
        assert_true(fabs(b.lo - num(c, "lo")) < 0.05 * se);
        assert_true(fabs(b.hi - num(c, "hi")) < 0.05 * se);
        assert_memory_equal(&b, &again, sizeof b);
        assert_true(b.se != other.se);
        free(v);
    }
    assert_true(isnan(stats_bootstrap((double[]){1}, 1, 100, 0).se));
}

static void holm_and_ranks_and_quantiles_are_as_defined(void **state) {
    (void)state;
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(golden, "holm"), i, c) {
        int n, m;
        double *p = nums(c, "p", &n), *want = nums(c, "adjusted", &m);
        stats_holm(p, n, p);
        for (int k = 0; k < n; k++) near(p[k], want[k], 1e-14, "holm", i);
        free(p), free(want);
    }
    json_array_foreach(json_object_get(golden, "ranks"), i, c) {
        int n, m;
        double *v = nums(c, "v", &n), *want = nums(c, "rank", &m);
        stats_ranks(v, n, v);
        for (int k = 0; k < n; k++) near(v[k], want[k], 0, "rank", i);
        free(v), free(want);
    }
    json_array_foreach(json_object_get(golden, "value_below"), i, c) {
        int n;
        double *v = nums(c, "v", &n);
        near(stats_quantile(v, n, num(c, "q")), num(c, "value"), 1e-13, "quantile", i);
        free(v);
    }
}

static void what_is_not_known_leaves_a_family(void **state) {
    (void)state;
    double p[] = {0.03, NAN, 0.01}, out[3];
    stats_holm(p, 3, out);
    assert_true(out[0] == 0.03 && isnan(out[1]) && out[2] == 0.02);
}

static void the_noise_of_repetitions_is_pooled(void **state) {
    (void)state;
    double a[] = {1, 3}, b[] = {10, 10, 13}, c[] = {7};
    const double *v[] = {a, b, c};
    int n[] = {2, 3, 1}, df;
    near(stats_pooled_sd(v, n, 3, &df), sqrt((2 + 6) / 3.0), 1e-14, "sd", 0);
    assert_int_equal(df, 3);
    assert_true(isnan(stats_pooled_sd(v + 2, n + 2, 1, &df)));
    assert_int_equal(df, 0);
}

/* Of 400 intervals of three values each, about 95 % hold the truth. */
static void intervals_cover_what_they_say(void **state) {
    (void)state;
    struct rng r = rng_make(3, "cover", 0);
    uint64_t k = 0;
    int hit = 0;
    for (int i = 0; i < 400; i++) {
        double v[3];
        for (int j = 0; j < 3; j++) {
            v[j] = -6;
            for (int s = 0; s < 12; s++) v[j] += (double)rng_uniform(r, k++);
        }
        struct stats_mean m = stats_mean(v, 3);
        hit += fabs(m.mean) <= m.ci;
    }
    assert_in_range(hit, 366, 394);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(students_t_agrees_with_scipy),
        cmocka_unit_test(means_sds_and_intervals_agree_with_scipy),
        cmocka_unit_test(differences_agree_with_scipy_paired_and_not),
        cmocka_unit_test(differences_of_equal_or_single_values_are_defined),
        cmocka_unit_test(errors_of_two_sources_add_up),
        cmocka_unit_test(bootstrap_agrees_with_scipy_and_repeats_itself),
        cmocka_unit_test(holm_and_ranks_and_quantiles_are_as_defined),
        cmocka_unit_test(what_is_not_known_leaves_a_family),
        cmocka_unit_test(the_noise_of_repetitions_is_pooled),
        cmocka_unit_test(intervals_cover_what_they_say),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
