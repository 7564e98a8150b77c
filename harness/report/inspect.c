/* SPDX-License-Identifier: Apache-2.0 */
/* inspect.c - see inspect.h.
 *
 * A change that is a product of thin matrices (method.h, `factors`) is decomposed by them, which takes
 * milliseconds a layer. Any other is the difference between the merged and the base's weight, decomposed
 * whole: about a second for a layer of a thousand features. */
#include "harness/report/inspect.h"

#include "harness/record/run_query.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/record/db.h"
#include "harness/infer/infer.h"
#include "harness/checkpoint/merge.h"
#include "harness/core/method.h"
#include "harness/nn/kernels/svd_whole.h"
#include "harness/base/util.h"

struct work {
    struct infer *with, *base; /* base NULL: the factors say it all */
    bool whole;                /* `with` is a whole model of its own */
    int top;
};

/* ---- one layer ----------------------------------------------------------------------------------------- */

static double *new_doubles(size_t n) { return xmalloc((n ? n : 1) * sizeof(double)); }

static struct site *site_named(const struct net *net, const char *name) {
    for (int i = 0; i < net->nsites; i++)
        if (!strcmp(net->sites[i]->name, name)) return net->sites[i];
    return NULL;
}

/* W of the untouched base. Caller frees. */
static float *base_weight(const struct work *w, const struct site *s) {
    const struct site *b = w->base ? site_named(&w->base->net, s->name) : s;
    if (!b || b->d_in != s->d_in || b->d_out != s->d_out) return NULL;
    float *W = xmalloc(param_size(b->W) * sizeof *W);
    weight_expand(&b->W->w, 0, s->d_out, 0, s->d_in, W, s->d_in);
    return W;
}

static double norm_of(const float *v, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)v[i] * (double)v[i];
    return sqrt(sum);
}

/* The first directions of A that are there at all. */
static int keep_of_A(struct inspect_site *o, const float *A, int r, int top) {
    int k = MIN_OF(r, o->d_in), rc;
    size_t n = (size_t)o->d_in;
    double *M = new_doubles((size_t)r * n), *U = new_doubles((size_t)r * (size_t)k),
           *S = new_doubles((size_t)k), *V = new_doubles((size_t)k * n);
    for (size_t i = 0; i < (size_t)r * n; i++) M[i] = A[i];
    if (!(rc = svd_whole(M, r, o->d_in, U, S, V))) {
        while (o->ndirections < MIN_OF(k, top) &&
               S[o->ndirections] > MAX_OF(r, o->d_in) * (double)FLT_EPSILON * S[0])
            o->ndirections++;
        o->direction = new_doubles((size_t)o->ndirections * n);
        memcpy(o->direction, V, (size_t)o->ndirections * n * sizeof *V);
    }
    free(M);
    free(U);
    free(S);
    free(V);
    return rc;
}

static void keep_of_change(struct inspect_site *o, const double *V, int top) {
    o->ndirections = MIN_OF(o->rank, top);
    o->direction = new_doubles((size_t)o->ndirections * (size_t)o->d_in);
    memcpy(o->direction, V, (size_t)o->ndirections * (size_t)o->d_in * sizeof *V);
}

/* The Frobenius norm of the first k singular directions. */
static double norm_of_first(const struct inspect_site *o, int k) {
    double sum = 0;
    for (int i = 0; i < k; i++) sum += o->sigma[i] * o->sigma[i];
    return sqrt(sum);
}

/* What follows from the decomposition; `noise`: of a difference of rounded numbers. */
static void measure_site(struct inspect_site *o, const double *U, const double *V, const float *W, int top,
                         double noise) {
    o->norm = norm_of_first(o, o->n);
    o->weight_norm = norm_of(W, (size_t)o->d_out * (size_t)o->d_in);
    o->tolerance =
        fmax(MAX_OF(o->d_out, o->d_in) * (double)FLT_EPSILON * o->sigma[0], noise * o->weight_norm);
    while (o->rank < o->n && o->sigma[o->rank] > o->tolerance) o->rank++;
    o->amplification = o->random_amplification = o->projected = o->random_projected = NAN;
    int k = MIN_OF(o->rank, top);
    if (!k) return;
    o->projected = svd_projected(U, o->n, V, k, W, o->d_out, o->d_in);
    o->random_projected = o->weight_norm * k / sqrt((double)o->d_out * (double)o->d_in);
    o->amplification = norm_of_first(o, k) / o->projected;
    o->random_amplification = norm_of_first(o, k) / o->random_projected;
}

static int not_finite(const struct inspect_site *o, struct err *e) {
    return err_set(e, ERR_USER, "%s: its change is not finite: the run diverged", o->name);
}

static int take_product(const struct work *w, struct site *s, struct inspect_site *o, const float *W,
                        struct err *e) {
    float *B, *A;
    o->r = w->with->net.method->factors(&w->with->net, s, &B, &A);
    o->n = MIN_OF(o->r, MIN_OF(o->d_out, o->d_in));
    o->sigma = new_doubles((size_t)o->n);
    double *U = new_doubles((size_t)o->d_out * (size_t)o->n),
           *V = new_doubles((size_t)o->n * (size_t)o->d_in);
    int rc = svd_of_product(B, A, o->d_out, o->d_in, o->r, U, o->sigma, V);
    if (!rc) measure_site(o, U, V, W, w->top, 0);
    if (!rc) rc = keep_of_A(o, A, o->r, w->top);
    free(B);
    free(A);
    free(U);
    free(V);
    return rc ? not_finite(o, e) : 0;
}

static int take_difference(const struct work *w, struct site *s, struct inspect_site *o, const float *W,
                           struct err *e) {
    size_t size = (size_t)o->d_out * (size_t)o->d_in;
    o->n = MIN_OF(o->d_out, o->d_in);
    o->sigma = new_doubles((size_t)o->n);
    float *after = xmalloc(size * sizeof *after);
    double *M = new_doubles(size), *U = new_doubles((size_t)o->d_out * (size_t)o->n),
           *V = new_doubles((size_t)o->n * (size_t)o->d_in);
    if (w->whole)
        weight_expand(&s->W->w, 0, o->d_out, 0, o->d_in, after, o->d_in);
    else
        merge_values(&w->with->net, s->W, after);
    for (size_t i = 0; i < size; i++) M[i] = (double)after[i] - (double)W[i];
    int rc = svd_whole(M, o->d_out, o->d_in, U, o->sigma, V);
    if (!rc) measure_site(o, U, V, W, w->top, (double)FLT_EPSILON);
    if (!rc) keep_of_change(o, V, w->top);
    free(after);
    free(M);
    free(U);
    free(V);
    return rc ? not_finite(o, e) : 0;
}

/* What layers of a kind have in common is their shape: where a model calls two kinds alike (GPT-2's c_proj),
 * the name without its number tells them apart: "attn.c_proj". Caller frees. */
static char *kind_of(const struct net *net, const struct site *s) {
    bool mixed = false;
    for (int i = 0; i < net->nsites; i++) {
        const struct site *o = net->sites[i];
        mixed |= !strcmp(o->kind, s->kind) && (o->d_in != s->d_in || o->d_out != s->d_out);
    }
    const char *dot = mixed ? strchr(s->name, '.') : NULL, *rest = dot ? strchr(dot + 1, '.') : NULL;
    return xstrdup(rest ? rest + 1 : s->kind);
}

static int take_site(const struct work *w, struct site *s, struct inspect_site *o, struct err *e) {
    *o = (struct inspect_site){.name = xstrdup(s->name),
                               .kind = kind_of(&w->with->net, s),
                               .layer = s->layer,
                               .d_out = s->d_out,
                               .d_in = s->d_in};
    float *W = base_weight(w, s);
    if (!W)
        return err_set(e, ERR_USER, "%s is not in the base, or of another shape there: is that its base?",
                       s->name);
    int rc = w->base ? take_difference(w, s, o, W, e) : take_product(w, s, o, W, e);
    free(W);
    return rc;
}

/* ---- a run --------------------------------------------------------------------------------------------- */

static int take_sites(struct inspect *x, const struct work *w, void (*progress)(int done, int all),
                      struct err *e) {
    struct net *net = &w->with->net;
    int all = 0, rc = 0;
    for (int i = 0; i < net->nsites; i++) all += w->whole || net->sites[i]->adapted;
    x->site = xcalloc((size_t)all + 1, sizeof *x->site);
    for (int i = 0; i < net->nsites && !rc; i++) {
        if (!w->whole && !net->sites[i]->adapted) continue;
        if (progress) progress(x->n, all);
        x->n++;
        rc = take_site(w, net->sites[i], &x->site[x->n - 1], e);
    }
    if (progress) progress(all, all);
    return rc;
}

static int open_all(struct work *w, struct inspect *x, const char *path, const char *model, struct err *e) {
    int rc = infer_open(w->with, w->whole ? path : model, w->whole ? NULL : path, 1, 0, e);
    if (rc) return rc;
    const struct method *m = w->with->net.method;
    x->method = w->whole ? NULL : m->name;
    x->of_A = !w->whole && m->factors;
    if (!w->whole && !m->factors && !m->merge)
        return err_set(e, ERR_USER,
                       "%s: method %s changes the matrix of no layer: there is nothing to take apart",
                       x->label, m->name);
    if (x->of_A) {
        w->base = NULL;
        return 0;
    }
    return infer_open(w->base, model, NULL, 1, 0, e);
}

/* "run 12 (lora r=8 seed 0)": the method as trained, where the record knows it. */
static void add_label(struct inspect *x, const json_t *recorded, const struct infer *with, bool whole) {
    const json_t *config = recorded ? recorded : with->config;
    const struct method *trained = method_find(recorded    ? cfg_str(recorded, "method")
                                               : x->method ? x->method
                                                           : "");
    const json_t *r = whole ? NULL : cfg_get(config, "r");
    struct strbuf b = {0};
    x->method = trained ? trained->name : "a whole model";
    strbuf_addf(&b, "%s (%s", x->label, x->method);
    if (json_is_integer(r)) strbuf_addf(&b, " r=%d", (int)json_integer_value(r));
    if (x->seed >= 0) strbuf_addf(&b, " seed %ld", x->seed);
    strbuf_adds(&b, ")");
    free(x->label);
    x->label = strbuf_detach(&b);
}

static int read_seed(struct inspect *x, const char *run, const char *file, struct err *e) {
    struct db *db;
    struct run_checkpoint c;
    int rc = db_open(&db, file ? file : DB_DEFAULT, false, e);
    if (rc) return rc;
    rc = run_checkpoint_read(&c, db, atoll(run), e);
    if (!rc) {
        x->seed = (long)c.seed;
        run_checkpoint_release(&c);
    }
    db_close(db);
    return rc;
}

int inspect_read(struct inspect *x, const char *run_or_dir, const char *db, const char *model, int top,
                 void (*progress)(int done, int all), struct err *e) {
    struct infer with = {0}, base = {0};
    struct work w = {.with = &with, .base = &base, .top = top};
    json_t *recorded = NULL;
    memset(x, 0, sizeof *x);
    bool is_run = !dir_exists(run_or_dir);
    x->label = xasprintf("%s%s", is_run ? "run " : "", run_or_dir);
    char *path = infer_checkpoint(run_or_dir, db, &recorded, &w.whole, e);
    int rc = path ? 0 : e->code;
    x->seed = -1;
    if (!rc && is_run) rc = read_seed(x, run_or_dir, db, e);
    if (!rc && w.whole && !model && !recorded)
        rc = err_set(e, ERR_USER, "%s is a whole model: say with --model what it was trained from",
                     run_or_dir);
    if (!rc) x->model = infer_model(model, recorded, path, e);
    if (!rc && !x->model) rc = e->code;
    if (!rc) rc = open_all(&w, x, path, x->model, e);
    if (!rc) add_label(x, recorded, &with, w.whole);
    if (!rc) rc = take_sites(x, &w, progress, e);
    infer_close(&with);
    infer_close(&base);
    json_decref(recorded);
    free(path);
    if (rc) inspect_release(x);
    return rc;
}

void inspect_release(struct inspect *x) {
    for (int i = 0; i < x->n; i++) {
        free(x->site[i].name);
        free(x->site[i].kind);
        free(x->site[i].sigma);
        free(x->site[i].direction);
    }
    free(x->site);
    free(x->label);
    free(x->model);
    memset(x, 0, sizeof *x);
}

const struct inspect_site *inspect_find(const struct inspect *x, const char *name) {
    for (int i = 0; i < x->n; i++)
        if (!strcmp(x->site[i].name, name)) return &x->site[i];
    return NULL;
}

/* ---- two runs ------------------------------------------------------------------------------------------ */

void inspect_phi(const struct inspect_site *a, const struct inspect_site *b, int ni, int nj, double *phi) {
    size_t d = (size_t)a->d_in;
    BUG_ON(a->d_in != b->d_in || ni > a->ndirections || nj > b->ndirections, "d=%d and %d", a->d_in, b->d_in);
    for (int i = 0; i < ni; i++)
        for (int j = 0; j < nj; j++) {
            const double *u = a->direction + (size_t)i * d, *v = b->direction + (size_t)j * d;
            double dot = 0;
            for (size_t k = 0; k < d; k++) dot += u[k] * v[k];
            /* sums of squares over the upper left corners */
            phi[i * nj + j] = dot * dot + (i ? phi[(i - 1) * nj + j] : 0) + (j ? phi[i * nj + j - 1] : 0) -
                              (i && j ? phi[(i - 1) * nj + j - 1] : 0);
        }
    for (int i = 0; i < ni; i++)
        for (int j = 0; j < nj; j++) phi[i * nj + j] /= MIN_OF(i, j) + 1;
}

double inspect_phi_random(int i, int j, int d) { return (double)MAX_OF(i, j) / d; }
