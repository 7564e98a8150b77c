/* SPDX-License-Identifier: Apache-2.0 */
/* inspect_table.c - what inspect.c found, as tables for people and as JSON for programs. See inspect.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/inspect.h"
#include "harness/base/util.h"

static void add_num(struct table *t, double v) {
    if (isfinite(v))
        table_num(t, v);
    else
        table_null(t);
}

/* Three digits, small numbers too. */
static void add_short(struct table *t, double v) {
    add_num(t, v);
    if (isfinite(v)) table_shown(t, "%.3g", v);
}

const char *inspect_kind(const struct inspect *x, int i) {
    int seen = -1;
    for (int k = 0; k < x->n; k++) {
        bool first = true;
        for (int j = 0; j < k && first; j++) first = strcmp(x->site[j].kind, x->site[k].kind) != 0;
        if (first && ++seen == i) return x->site[k].kind;
    }
    return NULL;
}

/* ---- one run ------------------------------------------------------------------------------------------- */

static void add_columns(struct table *t) {
    table_column(t, "rank", "rank", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "sigma_1", "largest \xcf\x83", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "sigma_rank", "smallest \xcf\x83", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "norm", "\xe2\x80\x96\xce\x94W\xe2\x80\x96", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "weight_norm", "\xe2\x80\x96W\xe2\x80\x96", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "ratio", "ratio", TABLE_PERCENT, TABLE_BOTH);
    table_column(t, "projected", "\xe2\x80\x96U\xe1\xb5\x80WV\xe1\xb5\x80\xe2\x80\x96", TABLE_PLAIN,
                 TABLE_BOTH);
    table_column(t, "random_projected", "random", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "amplification", "amplification", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "random_amplification", "random", TABLE_PLAIN, TABLE_BOTH);
}

struct table *inspect_table(const struct inspect *x) {
    struct table *t = table_new();
    table_column(t, "site", "layer", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "kind", "", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "d_out", "", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "d_in", "", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "r", "", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "tolerance", "", TABLE_PLAIN, TABLE_DATA);
    add_columns(t);
    for (int i = 0; i < x->n; i++) {
        const struct inspect_site *s = &x->site[i];
        table_text(t, s->name);
        table_text(t, s->kind);
        table_int(t, s->d_out);
        table_int(t, s->d_in);
        if (s->r)
            table_int(t, s->r);
        else
            table_null(t);
        add_num(t, s->tolerance);
        table_int(t, s->rank);
        add_short(t, s->rank ? s->sigma[0] : 0);
        add_short(t, s->rank ? s->sigma[s->rank - 1] : 0);
        add_short(t, s->norm);
        add_short(t, s->weight_norm);
        add_num(t, s->norm / s->weight_norm);
        add_short(t, s->projected);
        add_short(t, s->random_projected);
        add_short(t, s->amplification);
        add_short(t, s->random_amplification);
    }
    return t;
}

struct sums {
    int n, rank_min, rank_max;
    double v[9];
};

static struct sums sum_kind(const struct inspect *x, const char *kind) {
    struct sums m = {.rank_min = -1};
    for (int i = 0; i < x->n; i++) {
        const struct inspect_site *s = &x->site[i];
        if (strcmp(s->kind, kind) != 0) continue;
        const double v[] = {s->rank ? s->sigma[0] : 0,
                            s->rank ? s->sigma[s->rank - 1] : 0,
                            s->norm,
                            s->weight_norm,
                            s->norm / s->weight_norm,
                            s->projected,
                            s->random_projected,
                            s->amplification,
                            s->random_amplification};
        for (size_t k = 0; k < ARRAY_LEN(v); k++) m.v[k] += v[k];
        m.rank_min = m.n && m.rank_min < s->rank ? m.rank_min : s->rank;
        m.rank_max = MAX_OF(m.rank_max, s->rank);
        m.n++;
    }
    return m;
}

struct table *inspect_kinds(const struct inspect *x) {
    struct table *t = table_new();
    const char *kind;
    table_column(t, "kind", "mean over layers of", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "layers", "layers", TABLE_PLAIN, TABLE_BOTH);
    add_columns(t);
    for (int i = 0; (kind = inspect_kind(x, i)); i++) {
        struct sums m = sum_kind(x, kind);
        table_text(t, kind);
        table_int(t, m.n);
        table_int(t, m.rank_max);
        if (m.rank_min < m.rank_max) table_shown(t, "%d to %d", m.rank_min, m.rank_max);
        for (int k = 0; k < 9; k++) {
            if (k == 4)
                add_num(t, m.v[k] / m.n);
            else
                add_short(t, m.v[k] / m.n);
        }
    }
    return t;
}

/* ---- two runs ------------------------------------------------------------------------------------------ */

int inspect_check_pair(const struct inspect *x, const struct inspect *y, struct err *e) {
    int common = 0;
    for (int i = 0; i < x->n; i++) {
        const struct inspect_site *s = &x->site[i], *o = inspect_find(y, s->name);
        if (!o) continue;
        if (s->d_in != o->d_in)
            return err_set(e, ERR_USER,
                           "%s has %d inputs in %s and %d in %s: these are runs of different models", s->name,
                           s->d_in, x->label, o->d_in, y->label);
        common += s->ndirections && o->ndirections;
    }
    return common ? 0 : err_set(e, ERR_USER, "%s and %s changed no layer in common", x->label, y->label);
}

double *inspect_phi_mean(const struct inspect *x, const struct inspect *y, const char *kind, int *ni, int *nj,
                         int *d, int *layers) {
    *ni = *nj = *d = *layers = 0;
    for (int i = 0; i < x->n; i++) {
        const struct inspect_site *a = &x->site[i], *b = inspect_find(y, a->name);
        if (!b || strcmp(a->kind, kind) != 0 || !a->ndirections || !b->ndirections) continue;
        *ni = *layers ? MIN_OF(*ni, a->ndirections) : a->ndirections;
        *nj = *layers ? MIN_OF(*nj, b->ndirections) : b->ndirections;
        *d = a->d_in;
        ++*layers;
    }
    if (!*layers) return NULL;
    size_t n = (size_t)*ni * (size_t)*nj;
    double *mean = xcalloc(n, sizeof *mean), *phi = xmalloc(n * sizeof *phi);
    for (int i = 0; i < x->n; i++) {
        const struct inspect_site *a = &x->site[i], *b = inspect_find(y, a->name);
        if (!b || strcmp(a->kind, kind) != 0 || !a->ndirections || !b->ndirections) continue;
        inspect_phi(a, b, *ni, *nj, phi);
        for (size_t k = 0; k < n; k++) mean[k] += phi[k] / *layers;
    }
    free(phi);
    return mean;
}

struct table *inspect_phi_table(const struct inspect *x, const struct inspect *y) {
    struct table *t = table_new();
    const char *kind;
    table_column(t, "kind", "mean over layers of", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "layers", "layers", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "phi_1_1", "\xcf\x86(1,1)", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "random_1_1", "random", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "i", "i", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "j", "j", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "phi_i_j", "\xcf\x86(i,j)", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "random_i_j", "random", TABLE_PLAIN, TABLE_BOTH);
    for (int i = 0; (kind = inspect_kind(x, i)); i++) {
        int ni, nj, d, layers;
        double *phi = inspect_phi_mean(x, y, kind, &ni, &nj, &d, &layers);
        if (!phi) continue;
        table_text(t, kind);
        table_int(t, layers);
        add_short(t, phi[0]);
        add_short(t, inspect_phi_random(1, 1, d));
        table_int(t, ni);
        table_int(t, nj);
        add_short(t, phi[ni * nj - 1]);
        add_short(t, inspect_phi_random(ni, nj, d));
        free(phi);
    }
    return t;
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

static json_t *sites_json(const struct inspect *x) {
    struct table *t = inspect_table(x);
    json_t *rows = table_json(t);
    for (int i = 0; i < x->n; i++) {
        json_t *sigma = json_array();
        for (int k = 0; k < x->site[i].n; k++) json_array_append_new(sigma, json_real(x->site[i].sigma[k]));
        json_object_set_new(json_array_get(rows, (size_t)i), "singular_values", sigma);
    }
    table_free(t);
    return rows;
}

static json_t *run_json(const struct inspect *x) {
    struct table *kinds = inspect_kinds(x);
    json_t *v = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "run", x->label, "method", x->method, "model",
                          x->model, "directions_of", x->of_A ? "A" : "delta_W", "kinds", table_json(kinds),
                          "sites", sites_json(x));
    table_free(kinds);
    return v;
}

static json_t *phi_json(const struct inspect_site *a, const struct inspect_site *b) {
    int ni = a->ndirections, nj = b->ndirections;
    double *phi = xmalloc(((size_t)ni * (size_t)nj + 1) * sizeof *phi);
    json_t *rows = json_array(), *random = json_array();
    inspect_phi(a, b, ni, nj, phi);
    for (int i = 0; i < ni; i++) {
        json_t *row = json_array(), *chance = json_array();
        for (int j = 0; j < nj; j++) {
            json_array_append_new(row, json_real(phi[i * nj + j]));
            json_array_append_new(chance, json_real(inspect_phi_random(i + 1, j + 1, a->d_in)));
        }
        json_array_append_new(rows, row);
        json_array_append_new(random, chance);
    }
    free(phi);
    return json_pack("{s:s, s:s, s:o, s:o}", "site", a->name, "kind", a->kind, "phi", rows, "random", random);
}

json_t *inspect_json(const struct inspect *x, const struct inspect *y) {
    json_t *v = run_json(x);
    if (!y) return v;
    struct table *t = inspect_phi_table(x, y);
    json_t *both =
        json_pack("{s:[o, o], s:o, s:[]}", "runs", v, run_json(y), "similarity", table_json(t), "sites");
    for (int i = 0; i < x->n; i++) {
        const struct inspect_site *o = inspect_find(y, x->site[i].name);
        if (o && o->ndirections && x->site[i].ndirections)
            json_array_append_new(json_object_get(both, "sites"), phi_json(&x->site[i], o));
    }
    table_free(t);
    return both;
}
