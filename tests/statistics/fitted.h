/* SPDX-License-Identifier: Apache-2.0 */
/* fitted.h - one drawn sweep and the model fitted to it, for tests that change something of it. */
#ifndef BENCH_FITTED_H
#define BENCH_FITTED_H

#include "tests/statistics/world.h"

static const struct world plain = {.arms = 5, .seeds = 3, .rows = 60, .kappa = 0.1};

/* A sweep of `w`; released by teardown. */
static struct sweep_drawn *drawn;
static struct verdict_model m;

static void draw(const struct world *w, uint64_t seed) {
    if (drawn) world_close(drawn);
    drawn = world_open(w);
    world_seed(seed);
    world_draw(w, drawn);
}

static void fit(void) {
    verdict_release(&m);
    verdict_fit(&m, &drawn->setting);
}

static int teardown(void **state) {
    (void)state;
    verdict_release(&m);
    if (drawn) world_close(drawn);
    drawn = NULL;
    return 0;
}

static void near(double a, double b, const char *what) {
    if (!(fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b)))) fail_msg("%s: %.15g is not %.15g", what, a, b);
}

static inline double *row_at(int c, int s, int r) {
    return (double *)&drawn->config[c].row[(size_t)s * (size_t)plain.rows + (size_t)r];
}

#define T(name) cmocka_unit_test_teardown(name, teardown)

#endif
