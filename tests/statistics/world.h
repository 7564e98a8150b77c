/* SPDX-License-Identifier: Apache-2.0 */
/* world.h - sweeps out of nothing: a world whose truth is known, its runs drawn from the model of verdict.h.
 *
 * The unit is the sd by which seeds move a score over infinitely many rows (g). kappa is that sd over the sd,
 * over rows, of the difference of two single runs; half of that variance is configuration x row (a), half
 * residual (e). */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/verdict.h"
#include "harness/base/util.h"

struct world {
    int arms, seeds, rows;
    double kappa;
    double spread; /* each one's sds (g and e) are multiplied by exp(spread Z): 0.5 spans 4 to 5 among 12 */
    double noisy;  /* arm 0's sds (g and e) by this; 0: like the others */
    double effect; /* arm 0 is better by this */
    int rates, rates_0; /* tried by each arm, by arm 0; 0: one, nothing is chosen */
    double worse;       /* rate i is worse by i x this */
    int single;         /* the last so many arms have one seed */
    double lengths;     /* log-sd of the rows' weights */
};

/* ---- random numbers ------------------------------------------------------------------------------------ */

/* xoshiro256+ (Blackman and Vigna 2018), normal ones by the polar method. */
static uint64_t world_state[4];
static double world_spare;
static bool world_has_spare;

static void world_seed(uint64_t seed) {
    world_has_spare = false;
    for (int i = 0; i < 4; i++) { /* splitmix64 */
        uint64_t z = seed += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        world_state[i] = z ^ z >> 31;
    }
}

static double world_uniform(void) {
    uint64_t *s = world_state, sum = s[0] + s[3], t = s[1] << 17;
    s[2] ^= s[0], s[3] ^= s[1], s[1] ^= s[2], s[0] ^= s[3], s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return (double)(sum >> 11) * 0x1p-53;
}

static double world_normal(void) {
    if (world_has_spare) {
        world_has_spare = false;
        return world_spare;
    }
    double u, v, q;
    do {
        u = 2 * world_uniform() - 1, v = 2 * world_uniform() - 1, q = u * u + v * v;
    } while (q >= 1 || q == 0);
    double scale = sqrt(-2 * log(q) / q);
    world_spare = v * scale, world_has_spare = true;
    return u * scale;
}

/* ---- a sweep ------------------------------------------------------------------------------------------- */

enum { WORLD_CONFIGS = 64, WORLD_SEEDS = 16 };

struct sweep_drawn {
    int n; /* configurations; the first `arms` are those chosen, arm by arm */
    int arms;
    struct verdict_config config[WORLD_CONFIGS];
    double score[WORLD_CONFIGS][WORLD_SEEDS];
    double mean[WORLD_CONFIGS], here[WORLD_CONFIGS]; /* true score; the same on these rows, over all seeds */
    double *row, *weight, *hard;
    struct verdict_setting setting;
};

struct config_drawn { /* one before the choice */
    double mean, sd, sd_row, choice, g[WORLD_SEEDS];
    int seeds;
};

static struct config_drawn world_config(const struct world *w, int arm, int rate) {
    double row_var = 1 / (4 * w->kappa * w->kappa); /* of a, and of e */
    struct config_drawn c = {.seeds = arm >= w->arms - w->single ? 1 : w->seeds};
    double factor = exp(w->spread * world_normal()) * (arm == 0 && w->noisy > 0 ? w->noisy : 1), sum = 0;
    c.mean = (arm == 0 ? w->effect : 0) - rate * w->worse;
    c.sd = factor, c.sd_row = factor * sqrt(row_var);
    for (int s = 0; s < c.seeds; s++) sum += c.g[s] = c.mean + c.sd * world_normal();
    c.choice = sum / c.seeds + sqrt((row_var + c.sd_row * c.sd_row / c.seeds) / w->rows) * world_normal();
    return c;
}

/* Scores of its rows, of each seed; the run scores are their weighted means. */
static void world_score(const struct world *w, struct sweep_drawn *d, int at, const struct config_drawn *c) {
    double a_sd = 1 / (2 * w->kappa), all = 0, shift = 0;
    double *y = d->row + (size_t)at * WORLD_SEEDS * (size_t)w->rows, *a = d->hard + w->rows;
    for (int r = 0; r < w->rows; r++) {
        a[r] = d->hard[r] + a_sd * world_normal();
        shift += d->weight[r] * a[r], all += d->weight[r];
    }
    for (int s = 0; s < c->seeds; s++) {
        double sum = 0, *of = y + (size_t)s * (size_t)w->rows;
        for (int r = 0; r < w->rows; r++) {
            of[r] = c->g[s] + a[r] + c->sd_row * world_normal();
            sum += d->weight[r] * of[r];
        }
        d->score[at][s] = sum / all;
    }
    d->mean[at] = c->mean, d->here[at] = c->mean + shift / all;
    d->config[at] = (struct verdict_config){
        .n = c->seeds, .score = d->score[at], .row = y, .chosen = true, .choice = c->choice};
}

/* Run scores of one that was not chosen: its rows are nobody's business. */
static void world_spread(const struct world *w, struct sweep_drawn *d, int at, const struct config_drawn *c) {
    for (int s = 0; s < c->seeds; s++) d->score[at][s] = c->g[s] + c->sd_row / sqrt(w->rows) * world_normal();
    d->config[at] = (struct verdict_config){.n = c->seeds, .score = d->score[at], .choice = c->choice};
}

static struct sweep_drawn *world_open(const struct world *w) {
    struct sweep_drawn *d = xcalloc(1, sizeof *d);
    d->row = xmalloc((size_t)WORLD_CONFIGS * WORLD_SEEDS * (size_t)w->rows * sizeof(double));
    d->hard = xmalloc(2 * (size_t)w->rows * sizeof(double));
    d->weight = xmalloc((size_t)w->rows * sizeof(double));
    return d;
}

static void world_close(struct sweep_drawn *d) {
    free(d->row), free(d->hard), free(d->weight);
    free(d);
}

/* Draws a sweep of the world. A larger score is better. */
static void world_draw(const struct world *w, struct sweep_drawn *d) {
    d->arms = w->arms, d->n = w->arms;
    for (int r = 0; r < w->rows; r++) {
        d->hard[r] = 3 / w->kappa * world_normal();
        d->weight[r] = w->lengths > 0 ? ceil(12 * exp(w->lengths * world_normal())) : 1;
    }
    for (int arm = 0; arm < w->arms; arm++) {
        int tried = MAX_OF(arm == 0 && w->rates_0 ? w->rates_0 : w->rates, 1);
        struct config_drawn c[8];
        int best = 0;
        for (int i = 0; i < tried; i++) {
            c[i] = world_config(w, arm, i);
            if (c[i].choice > c[best].choice) best = i;
        }
        world_score(w, d, arm, &c[best]);
        d->config[arm].tried = tried;
        for (int i = 0; i < tried; i++)
            if (i != best) world_spread(w, d, d->n++, &c[i]);
    }
    d->setting = (struct verdict_setting){
        .n = d->n, .rows = w->rows, .config = d->config, .weight = d->weight, .sign = 1};
}

#endif
