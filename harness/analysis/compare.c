/* compare.c - arms of a sweep: the choice of each one's point, their differences, ranks, the noise
 * floor. See compare.h. */
#include "harness/analysis/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/prefer.h"

#define DRAWS       10000 /* of a bootstrap; fewer where there are many pairs of many rows */
#define DRAWS_LEAST 1000
#define DRAWS_WORK  3e8 /* values drawn in all */

static double score_of(const struct compare *c, const struct compare_run *r) {
    return c->has_test ? r->test : r->eval;
}

/* ---- points -------------------------------------------------------------------------------------------- */

static void point_reduce(struct compare *c, struct compare_point *g) {
    double *v = xmalloc((size_t)(g->nrun + 1) * 3 * sizeof *v), *score = v + g->nrun, *time = score + g->nrun;
    int n = 0, ns = 0, nt = 0;
    for (int i = g->first; i < g->first + g->nrun; i++) {
        const struct compare_run *r = &c->run[i];
        if (!r->complete) continue;
        if (isfinite(r->eval)) v[n++] = r->eval;
        if (isfinite(score_of(c, r))) score[ns++] = score_of(c, r);
        if (isfinite(r->train_s)) time[nt++] = r->train_s;
    }
    g->eval = stats_mean(v, n);
    g->score = stats_mean(score, ns);
    g->train_s = stats_mean(time, nt).mean;
    free(v);
}

/* Is point a, which has a number, to be chosen before b (-1: none)? */
static bool point_preferred(const struct compare *c, int a, int b) {
    struct candidate x = compare_candidate(c, a), y = b < 0 ? (struct candidate){0} : compare_candidate(c, b);
    return x.n && prefer_candidate(c->maximize, &x, &y);
}

/* Test data count only when every arm's choice was scored on them. */
static void split_choose(struct compare *c) {
    c->has_test = true;
    for (int i = 0; i < c->npoint; i++) {
        const struct compare_point *g = &c->point[i];
        for (int k = g->first; k < g->first + g->nrun; k++)
            if (c->run[k].complete && isnan(c->run[k].test)) c->has_test = false;
    }
    if (c->has_test) return;
    free(c->reported);
    c->reported = xstrdup(c->metric);
}

/* ---- scores per row ------------------------------------------------------------------------------------ */

/* Mean over some of a point's runs, of the rows that all of them scored. use[i]: run first + i
 * counts. */
static int rows_mean(const struct compare_point *g, const struct record_rows *run, const bool *use,
                     int64_t **item, double **value) {
    int n = -1, m = 0;
    *item = NULL, *value = NULL;
    for (int i = 0; i < g->nrun; i++) {
        const struct record_rows *s = &run[g->first + i];
        if (!use[i]) continue;
        m++;
        if (n < 0) { /* the first */
            n = s->n;
            *item = xmalloc((size_t)(n + 1) * sizeof **item),
            *value = xmalloc((size_t)(n + 1) * sizeof **value);
            memcpy(*item, s->item ? s->item : (int64_t[]){0}, (size_t)n * sizeof **item);
            memcpy(*value, s->value ? s->value : (double[]){0}, (size_t)n * sizeof **value);
            continue;
        }
        int out = 0;
        for (int k = 0, j = 0; k < n && j < s->n;) {
            if ((*item)[k] == s->item[j])
                (*item)[out] = (*item)[k], (*value)[out++] = (*value)[k++] + s->value[j++];
            else
                *((*item)[k] < s->item[j] ? &k : &j) += 1;
        }
        n = out;
    }
    for (int k = 0; k < n; k++) (*value)[k] /= m;
    return MAX_OF(n, 0);
}

/* b - a of each row that both scored with finite values; n of them. Caller frees. */
static double *rows_difference(const struct compare *c, const struct compare_pair *p,
                               const struct record_rows *run, const bool *use_a, const bool *use_b, int *n) {
    const struct compare_point *a = &c->point[c->arm[p->a].point], *b = &c->point[c->arm[p->b].point];
    int64_t *ia, *ib;
    double *va, *vb;
    int na = rows_mean(a, run, use_a, &ia, &va), nb = rows_mean(b, run, use_b, &ib, &vb);
    double *d = xmalloc((size_t)(MIN_OF(na, nb) + 1) * sizeof *d);
    *n = 0;
    for (int i = 0, j = 0; i < na && j < nb;) {
        if (ia[i] == ib[j]) {
            if (isfinite(vb[j] - va[i])) d[(*n)++] = vb[j] - va[i];
            i++, j++;
        } else
            *(ia[i] < ib[j] ? &i : &j) += 1;
    }
    free(ia), free(ib), free(va), free(vb);
    return d;
}

/* ---- differences --------------------------------------------------------------------------------------- */

static bool counts_rows(const struct compare *c, const struct compare_run *r) {
    return r->complete && isfinite(score_of(c, r));
}

/* Scores of the seeds that both ran, else of all; which runs those are, in use_a and use_b. True: paired. */
static bool seeds_pair(const struct compare *c, const struct compare_point *a, const struct compare_point *b,
                       bool *use_a, bool *use_b, double *va, double *vb, int *na, int *nb) {
    *na = *nb = 0;
    for (int i = 0; i < a->nrun; i++)
        for (int j = 0; j < b->nrun; j++) {
            const struct compare_run *x = &c->run[a->first + i], *y = &c->run[b->first + j];
            if (x->seed != y->seed || !counts_rows(c, x) || !counts_rows(c, y)) continue;
            use_a[i] = use_b[j] = true;
            va[(*na)++] = score_of(c, x), vb[(*nb)++] = score_of(c, y);
        }
    if (*na) return true;
    for (int i = 0; i < a->nrun; i++)
        if ((use_a[i] = counts_rows(c, &c->run[a->first + i])))
            va[(*na)++] = score_of(c, &c->run[a->first + i]);
    for (int j = 0; j < b->nrun; j++)
        if ((use_b[j] = counts_rows(c, &c->run[b->first + j])))
            vb[(*nb)++] = score_of(c, &c->run[b->first + j]);
    return false;
}

static void pair_measure(const struct compare *c, struct compare_pair *p, const struct record_rows *run,
                         int draws) {
    const struct compare_point *a = &c->point[c->arm[p->a].point], *b = &c->point[c->arm[p->b].point];
    int most = MAX_OF(a->nrun, b->nrun) + 1, na, nb, n;
    bool *use_a = xcalloc((size_t)most, 1), *use_b = xcalloc((size_t)most, 1);
    double *va = xmalloc((size_t)most * sizeof *va), *vb = xmalloc((size_t)most * sizeof *vb);
    bool paired = seeds_pair(c, a, b, use_a, use_b, va, vb, &na, &nb);
    struct stats_diff seeds = paired ? stats_paired(va, vb, na) : stats_unpaired(va, na, vb, nb);
    double *d = rows_difference(c, p, run, use_a, use_b, &n);
    p->seeds = paired ? na : 0;
    p->rows = n;
    p->boot = stats_bootstrap(d, n, draws, 0);
    p->noise = isnan(seeds.se) && c->noise_df > 0;
    if (p->noise) seeds.se = c->noise_sd * sqrt(1.0 / na + 1.0 / nb), seeds.df = c->noise_df;
    p->d = stats_combine(seeds.diff, p->boot.se, n - 1, seeds.se, seeds.df);
    free(d), free(use_a), free(use_b), free(va), free(vb);
}

/* Scores per row of the chosen points' runs, indexed as c->run. */
static int arms_rows(struct compare *c, struct db *db, struct record_rows *rows, struct err *e) {
    for (int i = 0; i < c->narm; i++) {
        struct compare_arm *a = &c->arm[i];
        if (a->point < 0) continue;
        const struct compare_point *g = &c->point[a->point];
        a->rows = -1;
        for (int k = g->first; k < g->first + g->nrun; k++) {
            if (!counts_rows(c, &c->run[k])) continue;
            int rc = record_rows_read(&rows[k], db, c->run[k].id, c->reported, e);
            if (rc) return rc;
            a->rows = a->rows < 0 ? rows[k].n : MIN_OF(a->rows, rows[k].n);
        }
        a->rows = MAX_OF(a->rows, 0);
    }
    return 0;
}

static bool same_setting(const struct compare *c, const struct compare_arm *a, const struct compare_arm *b) {
    return !strcmp(c->point[a->any].setting, c->point[b->any].setting);
}

/* Has a number and is no base: takes part in the ranking. */
static bool arm_ranked(const struct compare *c, const struct compare_arm *a) {
    return a->point >= 0 && !c->point[a->point].untouched && c->point[a->point].score.n > 0;
}

/* Does its spread tell of those that one would choose? The chosen ones, and in each setting the better half
 * of those with several seeds: rates that are too high spread by orders of magnitude more. */
static bool is_quiet(const struct compare *c, int i) {
    const struct compare_point *g = &c->point[i];
    int all = 0, better = 0;
    for (int k = 0; k < c->narm; k++)
        if (c->arm[k].point == i) return true;
    for (int k = 0; k < c->npoint; k++) {
        const struct compare_point *o = &c->point[k];
        if (o->untouched || o->diverged || o->eval.n < 2 || strcmp(o->setting, g->setting) != 0) continue;
        all++;
        better += prefer_value(c->maximize, o->eval.mean, g->eval.mean);
    }
    return 2 * better < all;
}

static void noise_measure(struct compare *c) {
    double *all = xmalloc((size_t)(c->nrun + 1) * sizeof *all);
    const double **group = xmalloc((size_t)(c->npoint + 1) * sizeof *group);
    int *n = xcalloc((size_t)c->npoint + 1, sizeof *n), used = 0;
    for (int i = 0; i < c->npoint; i++) {
        const struct compare_point *g = &c->point[i];
        group[i] = all + used;
        if (!is_quiet(c, i)) continue;
        for (int k = g->first; k < g->first + g->nrun; k++)
            if (counts_rows(c, &c->run[k]) && !g->diverged) all[used++] = score_of(c, &c->run[k]), n[i]++;
    }
    c->noise_sd = stats_pooled_sd(group, n, c->npoint, &c->noise_df);
    c->noise_seeds = 0;
    for (int i = 0; i < c->narm; i++)
        if (arm_ranked(c, &c->arm[i])) {
            int seeds = c->point[c->arm[i].point].score.n;
            c->noise_seeds = c->noise_seeds ? MIN_OF(c->noise_seeds, seeds) : seeds;
        }
    c->noise_difference = c->noise_df && c->noise_seeds ? stats_t_quantile(0.975, c->noise_df) * c->noise_sd *
                                                              sqrt(2.0 / c->noise_seeds)
                                                        : NAN;
    free(all), free(group), free(n);
}

static void pairs_collect(struct compare *c) {
    for (int i = 0; i < c->narm; i++)
        for (int j = i + 1; j < c->narm; j++) {
            if (!arm_ranked(c, &c->arm[i]) || !arm_ranked(c, &c->arm[j]) ||
                !same_setting(c, &c->arm[i], &c->arm[j]))
                continue;
            GROW(c->pair, c->npair, c->pair_cap);
            c->pair[c->npair++] = (struct compare_pair){.a = i, .b = j, .holm = NAN};
        }
}

/* Pairs of one setting follow each other: arms are sorted by it. */
static void pairs_correct(struct compare *c) {
    double *p = xmalloc((size_t)(c->npair + 1) * sizeof *p);
    for (int i = 0, j; i < c->npair; i = j) {
        for (j = i; j < c->npair && same_setting(c, &c->arm[c->pair[i].a], &c->arm[c->pair[j].a]); j++)
            p[j] = c->pair[j].d.p;
        stats_holm(p + i, j - i, p + i);
        for (int k = i; k < j; k++) c->pair[k].holm = p[k];
    }
    free(p);
}

static int pairs_measure(struct compare *c, struct db *db, struct err *e) {
    struct record_rows *rows = xcalloc((size_t)c->nrun + 1, sizeof *rows);
    int rc = arms_rows(c, db, rows, e);
    double work = 0;
    for (int i = 0; i < c->npair; i++) work += (double)c->arm[c->pair[i].a].rows;
    int draws = (int)fmax(DRAWS_LEAST, fmin(DRAWS, DRAWS_WORK / fmax(work, 1)));
    for (int i = 0; i < c->npair && !rc; i++) pair_measure(c, &c->pair[i], rows, draws);
    for (int i = 0; i < c->nrun; i++) record_rows_release(&rows[i]);
    free(rows);
    if (!rc) pairs_correct(c);
    return rc;
}

/* ---- arms and ranks ------------------------------------------------------------------------------------ */

static void arms_collect(struct compare *c) {
    for (int i = 0; i < c->npoint; i++) {
        int k = 0;
        for (; k < c->narm; k++) {
            const struct compare_point *g = &c->point[c->arm[k].any];
            if (!strcmp(g->arm, c->point[i].arm) && !strcmp(g->setting, c->point[i].setting) &&
                g->untouched == c->point[i].untouched)
                break;
        }
        if (k == c->narm) {
            GROW(c->arm, c->narm, c->arm_cap);
            c->arm[c->narm++] = (struct compare_arm){.point = -1, .any = i, .pair = -1};
        }
        c->arm[k].tried++;
        if (point_preferred(c, i, c->arm[k].point)) c->arm[k].point = i;
    }
}

static int arm_compare(const void *va, const void *vb, void *arg) {
    const struct compare *sorting = arg;
    const struct compare_arm *a = va, *b = vb;
    const struct compare_point *x = &sorting->point[a->any], *y = &sorting->point[b->any];
    int o = strcmp(x->setting, y->setting);
    if (o) return o;
    if (x->untouched != y->untouched) return x->untouched ? -1 : 1;
    double p = a->point < 0 ? NAN : sorting->point[a->point].score.mean,
           q = b->point < 0 ? NAN : sorting->point[b->point].score.mean;
    if (prefer_value(sorting->maximize, p, q) != prefer_value(sorting->maximize, q, p))
        return prefer_value(sorting->maximize, p, q) ? -1 : 1;
    return a->any - b->any;
}

static void ranks_assign(struct compare *c) {
    for (int i = 0; i < c->narm; i++) c->arm[i].rank = arm_ranked(c, &c->arm[i]);
    for (int k = 0; k < c->npair; k++) {
        struct compare_pair *p = &c->pair[k];
        if (p->holm <= 0.05) c->arm[prefer_value(c->maximize, p->d.diff, 0) ? p->a : p->b].rank++;
        bool best = true; /* is a the first of its setting? */
        for (int i = 0; i < p->a; i++)
            best &= !arm_ranked(c, &c->arm[i]) || !same_setting(c, &c->arm[i], &c->arm[p->a]);
        if (best) c->arm[p->b].pair = k;
    }
    for (int i = 0; i < c->narm; i++)
        for (int j = 0; j < c->narm; j++)
            if (i != j && c->arm[i].rank && c->arm[i].rank == c->arm[j].rank &&
                same_setting(c, &c->arm[i], &c->arm[j]))
                c->arm[i].tied = true;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

int compare_arms(struct compare *c, struct db *db, struct err *e) {
    bool any = false;
    split_choose(c);
    for (int i = 0; i < c->npoint; i++) {
        point_reduce(c, &c->point[i]);
        any |= c->point[i].eval.n > 0;
    }
    if (!any)
        return err_set(e, ERR_RESOURCE,
                       "sweep '%.100s' has no finished run with %s to compare (bench status)", c->sweep,
                       c->metric);
    arms_collect(c);
    qsort_r(c->arm, (size_t)c->narm, sizeof *c->arm, arm_compare, c);
    noise_measure(c);
    pairs_collect(c);
    int rc = pairs_measure(c, db, e);
    if (!rc) ranks_assign(c);
    return rc;
}

int compare_read(struct compare *c, struct db *db, const struct compare_job *job, struct err *e) {
    *c = (struct compare){.noise_sd = NAN, .noise_difference = NAN};
    int rc = compare_cells(c, db, job, e);
    if (!rc) rc = compare_arms(c, db, e);
    if (!rc) compare_fronts(c);
    if (rc) compare_release(c);
    return rc;
}

void compare_release(struct compare *c) {
    for (int i = 0; i < c->npoint; i++) {
        struct compare_point *g = &c->point[i];
        free(g->setting), free(g->arm), free(g->method), free(g->targets), free(g->label);
    }
    for (int i = 0; i < c->nkey; i++) free(c->key[i]);
    free(c->sweep), free(c->metric), free(c->reported), free(c->goal);
    free(c->key), free(c->run), free(c->point), free(c->arm), free(c->pair), free(c->front);
    *c = (struct compare){0};
}
