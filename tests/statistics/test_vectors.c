/* SPDX-License-Identifier: Apache-2.0 */
/* test_vectors.c - verdict.h against an implementation of its own, value by value (vectors.csv, made by
 * make_vectors.py on scipy), and the distributions it stands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/verdict.h"
#include "harness/base/stats.h"
#include "harness/base/util.h"

/* ---- the settings of make_vectors.py ------------------------------------------------------------------- */

static double seeds[4][3] = {
    {3.2750, 3.2791, 3.2718}, {3.3012, 3.2950, 3.3079}, {3.2899, 3.2981, 3.2870}, {3.4010, 3.3921, 3.3968}};
static double mixed[5][3] = {
    {.5534, .5540, .5529}, {.5564, .5591, .5540}, {.5545}, {.5300, .4100, .5750}, {.5525, .5548, .5505}};
static double weights[6] = {4, 9, 3, 12, 7, 5};
static double rows[3][2][6] = {{{2.10, 3.00, 1.50, 4.20, 2.80, 3.30}, {2.05, 3.10, 1.45, 4.25, 2.90, 3.20}},
                               {{2.30, 3.05, 1.70, 4.40, 2.85, 3.50}, {2.25, 3.20, 1.60, 4.30, 3.05, 3.45}},
                               {{2.20, 3.00, 1.80, 4.10, 3.00, 3.40}}};
static double right[2][2][10] = {{{1, 1, 0, 1, 1, 1, 0, 1, 1, 1}, {1, 1, 0, 1, 1, 0, 0, 1, 1, 1}},
                                 {{1, 1, 1, 1, 1, 1, 0, 1, 1, 1}, {1, 1, 0, 1, 1, 1, 1, 1, 1, 1}}};

struct test_case {
    const char *name;
    struct verdict_config config[5];
    double score[5][2]; /* of rows */
    struct verdict_setting setting;
};

/* Run scores are the weighted means of the rows. */
static void score_rows(struct test_case *c, int n, const double *y, int nrow, const double *w,
                       const int *runs) {
    c->setting.n = n, c->setting.rows = nrow, c->setting.weight = w;
    for (int i = 0; i < n; i++) {
        const double *of = y + 2 * i * nrow;
        for (int s = 0; s < runs[i]; s++) {
            double sum = 0, all = 0;
            for (int r = 0; r < nrow; r++) {
                double weight = w ? w[r] : 1;
                sum += weight * of[s * nrow + r], all += weight;
            }
            c->score[i][s] = sum / all;
        }
        c->config[i] = (struct verdict_config){.n = runs[i], .score = c->score[i], .row = of, .chosen = true};
    }
}

static void make_case(struct test_case *c, const char *name) {
    static const int tried[] = {4, 1, 2};
    bool is_mixed = !strcmp(name, "mixed");
    *c =
        (struct test_case){.name = name, .setting = {.sign = is_mixed || !strcmp(name, "zero-one") ? 1 : -1}};
    if (!strcmp(name, "zero-one")) {
        score_rows(c, 2, &right[0][0][0], 10, NULL, (int[]){2, 2});
    } else if (!strncmp(name, "rows", 4)) {
        score_rows(c, 3, &rows[0][0][0], 6, weights, (int[]){2, 2, 1});
        for (int i = 0; i < 3; i++) c->config[i].tried = strcmp(name, "rows") ? tried[i] : 1;
    } else {
        c->setting.n = is_mixed ? 5 : 4;
        for (int i = 0; i < c->setting.n; i++)
            c->config[i] = (struct verdict_config){
                .n = is_mixed && i == 2 ? 1 : 3, .score = is_mixed ? mixed[i] : seeds[i], .chosen = true};
    }
    c->setting.config = c->config;
}

/* ---- what is said of them ------------------------------------------------------------------------------ */

static double config_value(const struct verdict_spread *x, const char *value) {
    if (!strcmp(value, "mean")) return x->mean;
    if (!strcmp(value, "s2_own")) return x->sd * x->sd;
    if (!strcmp(value, "unstable")) return x->unstable;
    if (!strcmp(value, "v_used")) return x->v;
    if (!strcmp(value, "df_used")) return x->df;
    if (!strcmp(value, "half95")) return x->half;
    fail_msg("no configuration has %s", value);
    return NAN;
}

static double pair_value(const struct verdict_pair *p, const char *value) {
    const struct {
        const char *name;
        double value;
    } all[] = {{"v_rows_raw", p->rows_raw},
               {"v_residual", p->rows_residual},
               {"D", p->diff},
               {"seeds", p->seeds},
               {"rows", p->rows},
               {"V", p->seeds + p->rows},
               {"dfs", p->df_seeds},
               {"df", p->df},
               {"allow", p->allow},
               {"t", fmax(0, fabs(p->diff) - p->allow) / sqrt(p->seeds + p->rows)},
               {"p", p->p1},
               {"lo95", p->lo1},
               {"hi95", p->hi1},
               {"lo_all", p->lo},
               {"hi_all", p->hi},
               {"p_all", p->p}};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (!strcmp(all[i].name, value)) return all[i].value;
    fail_msg("no pair has %s", value);
    return NAN;
}

static double value_of(const struct verdict_model *m, char **field) {
    int a = atoi(field[2]), b = atoi(field[3]);
    if (!strcmp(field[1], "config")) return config_value(&m->config[a], field[4]);
    if (!strcmp(field[1], "pair")) {
        struct verdict_pair p = verdict_judge(m, a, b, verdict_family(m->n, false));
        return pair_value(&p, field[4]);
    }
    if (!strcmp(field[4], "s2_pool")) return m->s2;
    if (!strcmp(field[4], "df_pool")) return m->df;
    assert_string_equal(field[4], "ms_residual");
    return m->residual;
}

static void near(double got, double want, const char *what) {
    if (isnan(want) ? !isnan(got) : !(fabs(got - want) <= 1e-9 * fmax(fabs(got), fabs(want))))
        fail_msg("%s: %.17g, should be %.17g", what, got, want);
}

static void every_value_is_that_of_another_implementation(void **state) {
    (void)state;
    FILE *f = fopen("tests/statistics/vectors.csv", "r");
    char line[256], what[256], name[32] = "";
    struct test_case c;
    struct verdict_model m = {0};
    int n = 0;
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f)); /* the head */
    while (fgets(line, sizeof line, f)) {
        char *field[6], *at = line;
        line[strcspn(line, "\r\n")] = 0;
        snprintf(what, sizeof what, "%s", line);
        for (int i = 0; i < 6; i++) assert_non_null(field[i] = strsep(&at, ","));
        if (strcmp(name, field[0]) != 0) {
            snprintf(name, sizeof name, "%s", field[0]);
            verdict_release(&m);
            make_case(&c, name);
            verdict_fit(&m, &c.setting);
        }
        near(value_of(&m, field), strtod(field[5], NULL), what);
        n++;
    }
    fclose(f);
    verdict_release(&m);
    assert_int_equal(n, 451);
}

/* Values of scipy 1.17: f.sf, t.ppf, t.sf x 2, norm.ppf. */
static void distributions_are_those_of_scipy(void **state) {
    (void)state;
    near(stats_f_tail(12.5, 1, 9), 0.00635849185332361, "F(1, 9)");
    near(stats_f_tail(16, 2, 8), 0.0016, "F(2, 8)");
    near(stats_f_tail(7.5, 2, 22), 0.003284207014275547, "F(2, 22)");
    near(stats_f_tail(0.5, 4, 16), 0.7361837592435646, "F(4, 16)");
    near(stats_f_tail(200, 1, 3), 0.0007658843583400374, "F(1, 3)");
    near(stats_f_tail(1.3, 500, 300), 0.006220522457730214, "F(500, 300)");
    near(stats_f_tail(0, 2, 2), 1, "F at 0");
    assert_true(isnan(stats_f_tail(1, 0, 2)));
    near(stats_t_quantile(0.975, 2), 4.302652729749462, "t(2)");
    near(stats_t_quantile(0.975, 3), 3.1824463052837078, "t(3)");
    near(stats_t_quantile(0.975, 8), 2.306004135204166, "t(8)");
    near(stats_t_quantile(1 - 0.025 / 66, 22), 3.9063932755046906, "t(22)");
    near(stats_t_quantile(0.95, 6.4), 1.9216450299104713, "t(6.4)");
    near(stats_t_quantile(0.975, 14.7), 2.1352444376511865, "t(14.7)");
    near(stats_t_p(2.5, 6.4), 0.044088730814488386, "P(6.4)");
    near(stats_t_p(4.3, 2), 0.05005715411709159, "P(2)");
    near(stats_t_p(3.9, 22), 0.0007694515323122815, "P(22)");
    near(stats_normal_quantile(0.975), 1.959963984540054, "z");
    near(stats_normal_quantile(1e-12), -7.034483825301132, "z");
    assert_true(isnan(stats_normal_quantile(1)));
}

/* However far out, and for a few degrees of freedom or millions. */
static void the_t_quantile_is_the_inverse_of_the_tail(void **state) {
    (void)state;
    for (double df = 0.5; df < 1e7; df *= 3.7)
        for (double p = 1e-12; p < 0.49; p *= 9)
            near(stats_t_p(stats_t_quantile(p, df), df), 2 * p, "t_p(t_quantile)");
    assert_true(stats_t_quantile(0.5, 3) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_that_of_another_implementation),
        cmocka_unit_test(distributions_are_those_of_scipy),
        cmocka_unit_test(the_t_quantile_is_the_inverse_of_the_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
