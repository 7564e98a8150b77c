/* SPDX-License-Identifier: Apache-2.0 */
/* losses.c - losses of embeddings: Matryoshka's sizes around them, cosines and distances of pairs. See
 * losses.h.
 *
 * Cosine losses work on normalised embeddings x^ = x / max(|x|, 1e-12) and send the gradient back through the
 * norm:
 *
 *   dx = (dx^ - x^ (x^ . dx^)) / |x|
 *
 * Each size of Matryoshka is cut, normalised (for triplet too, as sentence-transformers' MatryoshkaLoss does)
 * and sent back; gradients add up. */
#include "experiments/tasks/losses.h"

#include <math.h>
#include <string.h>

#include "harness/base/util.h"

void loss_layout(struct loss_work *w, struct arena *tape, int rows, int texts, int dim) {
    size_t all = (size_t)rows * (size_t)texts, d = (size_t)dim;
    int np = panels(MIN_OF(rows, LOSS_BLOCK));
    w->hat = arena_alloc(tape, MEM_SCRATCH, all * d * sizeof(float));
    w->dhat = arena_alloc(tape, MEM_SCRATCH, all * d * sizeof(float));
    w->norm = arena_alloc(tape, MEM_SCRATCH, all * sizeof(double));
    w->x = arena_alloc(tape, MEM_SCRATCH, panel_floats(np, dim) * sizeof(float));
    w->dx = arena_alloc(tape, MEM_SCRATCH, panel_floats(np, dim) * sizeof(float));
    w->s = arena_alloc(tape, MEM_SCRATCH, panel_floats(np, (int)all) * sizeof(float));
    w->block = arena_alloc(tape, MEM_SCRATCH, LOSS_BLOCK * d * sizeof(float));
    w->value = arena_alloc(tape, MEM_SCRATCH, 2 * (size_t)rows * sizeof(double));
}

/* ---- one size ------------------------------------------------------------------------------------------ */

/* An input cut to d features: normalised copies in hat, or as they are. */
struct cut {
    const struct loss_input *in;
    const struct loss_spec *spec;
    const struct loss_work *w;
    float *hat, *dhat; /* [texts * rows][d] */
    int d;
    bool back;    /* a gradient is wanted */
    double scale; /* of it */
};

static double dot_product(const float *a, const float *b, int d) {
    double s = 0;
    for (int f = 0; f < d; f++) s += (double)a[f] * (double)b[f];
    return s;
}

static float *row_of(float *x, const struct cut *c, int text, int row) {
    return x + ((size_t)text * (size_t)c->in->rows + (size_t)row) * (size_t)c->d;
}

static void cut_in(const struct cut *c, bool normalise) {
    size_t n = (size_t)c->in->rows * (size_t)c->in->texts;
    for (size_t i = 0; i < n; i++) {
        const float *x = c->in->emb + i * (size_t)c->in->dim;
        double norm = normalise ? fmax(sqrt(dot_product(x, x, c->d)), 1e-12) : 1;
        c->w->norm[i] = norm;
        for (int f = 0; f < c->d; f++) c->hat[i * (size_t)c->d + (size_t)f] = (float)((double)x[f] / norm);
    }
    if (c->back) memset(c->dhat, 0, n * (size_t)c->d * sizeof(float));
}

/* grad (rows of in->dim) += the gradient of what cut_in made. */
static void cut_back(const struct cut *c, bool normalised, float *grad) {
    size_t n = (size_t)c->in->rows * (size_t)c->in->texts;
    for (size_t i = 0; i < n; i++) {
        const float *h = c->hat + i * (size_t)c->d, *dh = c->dhat + i * (size_t)c->d;
        float *g = grad + i * (size_t)c->in->dim;
        double along = normalised ? dot_product(h, dh, c->d) : 0;
        for (int f = 0; f < c->d; f++)
            g[f] += (float)(((double)dh[f] - (double)h[f] * along) / c->w->norm[i]);
    }
}

/* dhat of both texts of a row from the gradient g at their cosine. */
static void cosine_back(const struct cut *c, int row, double g) {
    const float *a = row_of(c->hat, c, 0, row), *b = row_of(c->hat, c, 1, row);
    float *da = row_of(c->dhat, c, 0, row), *db = row_of(c->dhat, c, 1, row);
    for (int f = 0; f < c->d; f++) {
        da[f] += (float)(g * (double)b[f]);
        db[f] += (float)(g * (double)a[f]);
    }
}

static void pair_cosines(const struct cut *c) {
    for (int i = 0; i < c->in->rows; i++)
        c->w->value[i] = dot_product(row_of(c->hat, c, 0, i), row_of(c->hat, c, 1, i), c->d);
}

static double cosine_mse(const struct cut *c) {
    int n = c->in->rows;
    double sum = 0;
    pair_cosines(c);
    for (int i = 0; i < n; i++) {
        double off = c->w->value[i] - (double)c->in->score[i];
        sum += off * off;
        if (c->back) cosine_back(c, i, c->scale * 2 * off / n);
    }
    return sum / n;
}

static double cosent_loss(const struct cut *c) {
    int n = c->in->rows;
    const float *y = c->in->score;
    const double *s = c->w->value;
    double top = 0, sum = 0, k = c->spec->scale, *g = c->w->value + n;
    pair_cosines(c);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            if (y[i] < y[j]) top = fmax(top, k * (s[i] - s[j]));
    for (int i = 0; i < n; i++) g[i] = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            if (!(y[i] < y[j])) continue;
            double p = exp(k * (s[i] - s[j]) - top);
            sum += p;
            g[i] += p;
            g[j] -= p;
        }
    sum += exp(-top);
    for (int i = 0; i < n; i++) {
        if (isnan(s[i])) return NAN; /* comparisons have lost it */
        if (c->back) cosine_back(c, i, c->scale * k * g[i] / sum);
    }
    return top + log(sum);
}

/* ---- triplets ------------------------------------------------------------------------------------------ */

/* PyTorch's pairwise_distance adds 1e-6. */
static double pair_difference(const float *a, const float *b, int f) {
    return (double)a[f] - (double)b[f] + 1e-6;
}

static double pair_distance(const struct cut *c, const float *a, const float *b) {
    double s = 0;
    if (c->spec->distance == LOSS_COSINE) {
        double n = sqrt(dot_product(a, a, c->d)) * sqrt(dot_product(b, b, c->d));
        return 1 - dot_product(a, b, c->d) / fmax(n, 1e-12);
    }
    for (int f = 0; f < c->d; f++) {
        double x = pair_difference(a, b, f);
        s += c->spec->distance == LOSS_MANHATTAN ? fabs(x) : x * x;
    }
    return c->spec->distance == LOSS_MANHATTAN ? s : sqrt(s);
}

/* da, db += g * the gradient of the distance of a and b, which is `dist`. */
static void distance_back(const struct cut *c, const float *a, const float *b, double dist, double g,
                          float *da, float *db) {
    double aa = 1, bb = 1, ab = 0;
    if (c->spec->distance == LOSS_COSINE) {
        aa = fmax(sqrt(dot_product(a, a, c->d)), 1e-12);
        bb = fmax(sqrt(dot_product(b, b, c->d)), 1e-12);
        ab = dot_product(a, b, c->d) / (aa * bb);
    }
    for (int f = 0; f < c->d; f++) {
        double x = pair_difference(a, b, f), ga, gb;
        switch (c->spec->distance) {
        case LOSS_COSINE:
            ga = -((double)b[f] / bb - ab * (double)a[f] / aa) / aa;
            gb = -((double)a[f] / aa - ab * (double)b[f] / bb) / bb;
            break;
        case LOSS_MANHATTAN:
            ga = (x > 0) - (x < 0);
            gb = -ga;
            break;
        default:
            ga = dist > 0 ? x / dist : 0;
            gb = -ga;
        }
        da[f] += (float)(g * ga);
        db[f] += (float)(g * gb);
    }
}

static double triplet_loss(const struct cut *c) {
    int n = c->in->rows, negatives = c->in->texts - 2;
    double sum = 0, share = 1 / ((double)n * negatives), g = c->scale * share;
    for (int i = 0; i < n; i++) {
        const float *a = row_of(c->hat, c, 0, i), *p = row_of(c->hat, c, 1, i);
        double near = pair_distance(c, a, p);
        for (int k = 2; k < c->in->texts; k++) {
            const float *q = row_of(c->hat, c, k, i);
            double far = pair_distance(c, a, q), loss = near - far + c->spec->margin;
            if (loss <= 0) continue;
            sum += loss; /* NaN included */
            if (!c->back) continue;
            float *da = row_of(c->dhat, c, 0, i);
            distance_back(c, a, p, near, g, da, row_of(c->dhat, c, 1, i));
            distance_back(c, a, q, far, -g, da, row_of(c->dhat, c, k, i));
        }
    }
    return sum * share;
}

/* ---- all ----------------------------------------------------------------------------------------------- */

static double run_size(struct team *t, const struct cut *c, float *grad) {
    bool normalise = c->spec->kind != LOSS_TRIPLET || c->spec->ndims > 0;
    double loss = NAN;
    cut_in(c, normalise);
    switch (c->spec->kind) {
    case LOSS_MNR:
        loss = loss_ranking(t, c->w, c->spec, c->in, c->hat, grad ? c->dhat : NULL, c->d, c->scale);
        break;
    case LOSS_COSENT:
        loss = cosent_loss(c);
        break;
    case LOSS_COSINE_MSE:
        loss = cosine_mse(c);
        break;
    case LOSS_TRIPLET:
        loss = triplet_loss(c);
        break;
    }
    if (grad) cut_back(c, normalise, grad);
    return loss;
}

double loss_run(struct team *t, const struct loss_work *w, const struct loss_spec *spec,
                const struct loss_input *in, float *grad, double scale) {
    int texts = spec->kind == LOSS_TRIPLET ? 3 : 2;
    BUG_ON(in->texts < texts || in->rows < 1, "texts=%d rows=%d", in->texts, in->rows);
    struct cut c = {.in = in,
                    .spec = spec,
                    .w = w,
                    .hat = w->hat,
                    .dhat = w->dhat,
                    .d = in->dim,
                    .back = grad,
                    .scale = scale};
    if (grad) memset(grad, 0, (size_t)in->rows * (size_t)in->texts * (size_t)in->dim * sizeof(float));
    if (!spec->ndims) return run_size(t, &c, grad);
    double sum = 0;
    for (int k = 0; k < spec->ndims; k++) {
        BUG_ON(spec->dims[k] < 1 || spec->dims[k] > in->dim, "dims=%d of %d", spec->dims[k], in->dim);
        c.d = spec->dims[k];
        c.scale = scale * spec->weights[k];
        sum += spec->weights[k] * run_size(t, &c, grad);
    }
    return sum;
}
