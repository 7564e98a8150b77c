/* SPDX-License-Identifier: Apache-2.0 */
/* vec.c - see vec.h. */
#include "harness/nn/kernels/vec.h"

#include <math.h>

#include "harness/nn/kernels/team_private.h"

/* ---- vectors: chunks of VEC_CHUNK floats, whatever the number of threads ------------------------------- */

enum { VEC_CHUNK = 64 << 10 };

#define FOR_CHUNKS(t, n)                                                                                     \
    TEAM_PARALLEL(t, 0.2 * (double)(n))                                                                      \
    for (long c_, hi_, once_ = 1;                                                                            \
         once_ && (team_range((long)(((n) + VEC_CHUNK - 1) / VEC_CHUNK), &c_, &hi_), 1); once_ = 0)          \
        for (size_t o, w; c_ < hi_ && (o = (size_t)c_ * VEC_CHUNK, w = MIN_OF((n)-o, (size_t)VEC_CHUNK), 1); \
             c_++)

double vec_sum_squares(struct team *t, const float *x, size_t n) {
    enum { AT_ONCE = 64 }; /* chunks whose sums fit the shared scratch */
    double *part = (double *)t->shared, sum = 0;
    for (size_t done = 0; done < n; done += (size_t)AT_ONCE * VEC_CHUNK) {
        size_t len = MIN_OF(n - done, (size_t)AT_ONCE * VEC_CHUNK);
        FOR_CHUNKS(t, len)
        part[c_] = kernels_get()->sum_squares(x + done + o, w);
        for (size_t i = 0; i < (len + VEC_CHUNK - 1) / VEC_CHUNK; i++) sum += part[i];
    }
    return sum;
}

void vec_scale(struct team *t, float *x, size_t n, float s) {
    FOR_CHUNKS(t, n)
    kernels_get()->scale(x + o, w, s);
}

void vec_adamw(struct team *t, float *p, float *m, float *v, const float *g, size_t n,
               const struct adamw *h) {
    FOR_CHUNKS(t, n)
    kernels_get()->adamw(p + o, m + o, v + o, g + o, w, h);
}

void vec_sgd(struct team *t, float *p, float *buf, const float *g, size_t n, double lr, double momentum,
             double weight_decay, double gscale, bool first) {
    FOR_CHUNKS(t, n)
    kernels_get()->sgd(p + o, buf ? buf + o : NULL, g + o, w, (float)lr, (float)momentum, (float)weight_decay,
                       (float)gscale, first);
}
