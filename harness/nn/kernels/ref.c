/* SPDX-License-Identifier: Apache-2.0 */
/* ref.c - the twins of ref.h, written for reading. */
#include "harness/nn/kernels/ref.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/util.h"

/* ---- stored types -------------------------------------------------------------------------------------- */

static float ref_half(const uint8_t *p) {
    unsigned h = (unsigned)p[0] | (unsigned)p[1] << 8, e = h >> 10 & 31, f = h & 1023;
    double v = e == 31 ? (f ? (double)NAN : (double)INFINITY)
               : e     ? ldexp(1024.0 + f, (int)e - 25)
                       : ldexp((double)f, -24);
    return (float)(h >> 15 ? -v : v);
}

static float ref_element(enum dtype t, const uint8_t *row, int j) {
    const uint8_t *b;
    uint32_t u;
    float v;
    int i = j % 32;
    switch (t) {
    case DT_F32:
        memcpy(&v, row + (size_t)j * 4, 4);
        return v;
    case DT_F16:
        return ref_half(row + (size_t)j * 2);
    case DT_BF16:
        u = ((uint32_t)row[j * 2] | (uint32_t)row[j * 2 + 1] << 8) << 16;
        memcpy(&v, &u, 4);
        return v;
    case DT_Q8_0:
        b = row + (size_t)(j / 32) * 34;
        return (float)(int8_t)b[2 + i] * ref_half(b);
    case DT_Q4_0:
        b = row + (size_t)(j / 32) * 18;
        return (float)((i < 16 ? b[2 + i] & 15 : b[2 + i - 16] >> 4) - 8) * ref_half(b);
    case DT_Q4_1: {
        b = row + (size_t)(j / 32) * 20;
        /* rounded: no fma */
        volatile float qd = (float)(i < 16 ? b[4 + i] & 15 : b[4 + i - 16] >> 4) * ref_half(b);
        return qd + ref_half(b + 2);
    }
    default:
        return NAN;
    }
}

void ref_expand(const struct weight *w, float *dst) {
    for (int i = 0; i < w->rows; i++) {
        int at = i;
        if (w->rope_heads) {
            int hd = w->rows / w->rope_heads;
            at = i / hd * hd + i % hd % (hd / 2) * 2 + i % hd / (hd / 2);
        }
        for (int j = 0; j < w->cols; j++)
            dst[(size_t)i * w->cols + j] =
                w->transposed
                    ? ref_element(w->dtype, (const uint8_t *)w->data + (size_t)j * w->row_bytes, i)
                    : ref_element(w->dtype, (const uint8_t *)w->data + (size_t)at * w->row_bytes, j);
    }
}

/* ---- products ------------------------------------------------------------------------------------------ */

void ref_mm(double *y, const double *x, const double *w, bool trans, int n, int m, int k) {
    for (int t = 0; t < n; t++)
        for (int i = 0; i < m; i++)
            for (int j = 0; j < k; j++)
                y[(size_t)t * m + i] +=
                    x[(size_t)t * k + j] * (trans ? w[(size_t)j * m + i] : w[(size_t)i * k + j]);
}

void ref_outer(double *dw, const double *dy, const double *x, int n, int m, int k) {
    for (int t = 0; t < n; t++)
        for (int i = 0; i < m; i++)
            for (int j = 0; j < k; j++) dw[(size_t)i * k + j] += dy[(size_t)t * m + i] * x[(size_t)t * k + j];
}

/* ---- layers -------------------------------------------------------------------------------------------- */

static double ref_inverse_rms(const double *x, int d, double eps) {
    double s = 0;
    for (int f = 0; f < d; f++) s += x[f] * x[f];
    return 1 / sqrt(s / d + eps);
}

void ref_rmsnorm(double *y, const double *x, const double *gamma, int n, int d, double eps) {
    for (int t = 0; t < n; t++, x += d, y += d) {
        double r = ref_inverse_rms(x, d, eps);
        for (int f = 0; f < d; f++) y[f] = gamma[f] * x[f] * r;
    }
}

void ref_rmsnorm_grad(double *dx, double *dgamma, const double *x, const double *gamma, const double *dy,
                      int n, int d, double eps) {
    for (int t = 0; t < n; t++, x += d, dx += d, dy += d) {
        double r = ref_inverse_rms(x, d, eps), s = 0;
        for (int f = 0; f < d; f++) s += gamma[f] * dy[f] * x[f];
        for (int f = 0; f < d; f++) {
            dx[f] += gamma[f] * dy[f] * r - x[f] * r * r * r * s / d;
            dgamma[f] += dy[f] * x[f] * r;
        }
    }
}

static void ref_stats(const double *x, int d, double eps, double *mean, double *inv) {
    double m = 0, q = 0;
    for (int f = 0; f < d; f++) m += x[f] / d;
    for (int f = 0; f < d; f++) q += (x[f] - m) * (x[f] - m) / d;
    *mean = m;
    *inv = 1 / sqrt(q + eps);
}

void ref_layernorm(double *y, const double *x, const double *gamma, const double *beta, int n, int d,
                   double eps) {
    for (int t = 0; t < n; t++, x += d, y += d) {
        double m, r;
        ref_stats(x, d, eps, &m, &r);
        for (int f = 0; f < d; f++) y[f] = gamma[f] * (x[f] - m) * r + beta[f];
    }
}

void ref_layernorm_grad(double *dx, double *dgamma, double *dbeta, const double *x, const double *gamma,
                        const double *dy, int n, int d, double eps) {
    for (int t = 0; t < n; t++, x += d, dx += d, dy += d) {
        double m, r, s = 0, c = 0;
        ref_stats(x, d, eps, &m, &r);
        for (int f = 0; f < d; f++) {
            s += gamma[f] * dy[f] / d;
            c += gamma[f] * dy[f] * (x[f] - m) * r / d;
        }
        for (int f = 0; f < d; f++) {
            double z = (x[f] - m) * r;
            dx[f] += r * (gamma[f] * dy[f] - s - z * c);
            dgamma[f] += dy[f] * z;
            dbeta[f] += dy[f];
        }
    }
}

void ref_gelu(double *h, const double *g, int n) {
    for (int i = 0; i < n; i++)
        h[i] = 0.5 * g[i] * (1 + tanh(sqrt(2 / M_PI) * (g[i] + 0.044715 * pow(g[i], 3))));
}

void ref_gelu_grad(double *dg, const double *dh, const double *g, int n) {
    for (int i = 0; i < n; i++) {
        double x = g[i], t = tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x));
        dg[i] = dh[i] * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * sqrt(2 / M_PI) * (1 + 3 * 0.044715 * x * x));
    }
}

void ref_gelu_erf(double *h, const double *g, int n) {
    for (int i = 0; i < n; i++) h[i] = 0.5 * g[i] * erfc(-g[i] * M_SQRT1_2);
}

void ref_gelu_erf_grad(double *dg, const double *dh, const double *g, int n) {
    for (int i = 0; i < n; i++)
        dg[i] = dh[i] * (0.5 * erfc(-g[i] * M_SQRT1_2) + g[i] * exp(-0.5 * g[i] * g[i]) / sqrt(2 * M_PI));
}

void ref_rope(double *x, const int32_t *pos, int n, int heads, int hd, double theta, bool inverse) {
    for (int t = 0; t < n; t++)
        for (int h = 0; h < heads; h++) {
            double *v = x + ((size_t)t * heads + h) * hd;
            for (int i = 0; i < hd / 2; i++) {
                double angle = pos[t] * pow(theta, -2.0 * i / hd), c = cos(angle),
                       s = inverse ? -sin(angle) : sin(angle);
                double a = v[i], b = v[i + hd / 2];
                v[i] = a * c - b * s;
                v[i + hd / 2] = b * c + a * s;
            }
        }
}

void ref_silu_mul(double *h, const double *g, const double *u, int n) {
    for (int i = 0; i < n; i++) h[i] = g[i] / (1 + exp(-g[i])) * u[i];
}

void ref_silu_mul_grad(double *dg, double *du, const double *dh, const double *g, const double *u, int n) {
    for (int i = 0; i < n; i++) {
        double s = 1 / (1 + exp(-g[i])), d = dh[i], gi = g[i], ui = u[i];
        du[i] = d * gi * s;
        dg[i] = d * ui * s * (1 + gi * (1 - s));
    }
}

/* ---- attention ----------------------------------------------------------------------------------------- */

/* Softmax of token t, head h into p[start..end). Returns the log-sum-exp; *s0, *s1 the range. */
static double ref_softmax(const struct ref_attention *a, double *p, int t, int h, const double *q,
                          const double *k, int *s0, int *s1) {
    int kvh = h / (a->heads / a->kv_heads);
    *s0 = a->start[t];
    *s1 = a->causal && a->end[t] > t + 1 ? t + 1 : a->end[t];
    double max = -INFINITY, sum = 0;
    for (int j = *s0; j < *s1; j++) {
        double s = 0;
        for (int f = 0; f < a->hd; f++)
            s += q[((size_t)t * a->heads + h) * a->hd + f] * k[((size_t)j * a->kv_heads + kvh) * a->hd + f];
        p[j] = s * a->scale;
        if (p[j] > max) max = p[j];
    }
    for (int j = *s0; j < *s1; j++) sum += p[j] = exp(p[j] - max);
    for (int j = *s0; j < *s1; j++) p[j] /= sum;
    return *s0 < *s1 ? max + log(sum) : 0;
}

void ref_attention(const struct ref_attention *a, double *o, double *lse, const double *q, const double *k,
                   const double *v) {
    double *p = xcalloc((size_t)a->n, sizeof *p);
    memset(o, 0, sizeof *o * (size_t)a->n * a->heads * a->hd);
    for (int t = 0; t < a->n; t++)
        for (int h = 0; h < a->heads; h++) {
            int s0, s1, kvh = h / (a->heads / a->kv_heads);
            lse[t * a->heads + h] = ref_softmax(a, p, t, h, q, k, &s0, &s1);
            for (int j = s0; j < s1; j++)
                for (int f = 0; f < a->hd; f++)
                    o[((size_t)t * a->heads + h) * a->hd + f] +=
                        p[j] * v[((size_t)j * a->kv_heads + kvh) * a->hd + f];
        }
    free(p);
}

void ref_attention_grad(const struct ref_attention *a, double *dq, double *dk, double *dv, const double *d_o,
                        const double *q, const double *k, const double *v) {
    size_t nq = (size_t)a->n * a->heads * a->hd, nk = (size_t)a->n * a->kv_heads * a->hd;
    double *p = xcalloc((size_t)a->n, sizeof *p), *dp = xcalloc((size_t)a->n, sizeof *dp);
    memset(dq, 0, sizeof *dq * nq), memset(dk, 0, sizeof *dk * nk), memset(dv, 0, sizeof *dv * nk);
    for (int t = 0; t < a->n; t++)
        for (int h = 0; h < a->heads; h++) {
            int s0, s1, kvh = h / (a->heads / a->kv_heads);
            size_t at = ((size_t)t * a->heads + h) * a->hd;
            double d = 0;
            ref_softmax(a, p, t, h, q, k, &s0, &s1);
            for (int j = s0; j < s1; j++) {
                size_t kv = ((size_t)j * a->kv_heads + kvh) * a->hd;
                dp[j] = 0;
                for (int f = 0; f < a->hd; f++) {
                    dp[j] += d_o[at + f] * v[kv + f];
                    dv[kv + f] += p[j] * d_o[at + f];
                }
                d += p[j] * dp[j];
            }
            for (int j = s0; j < s1; j++) {
                size_t kv = ((size_t)j * a->kv_heads + kvh) * a->hd;
                double ds = p[j] * (dp[j] - d) * a->scale;
                for (int f = 0; f < a->hd; f++) {
                    dq[at + f] += ds * k[kv + f];
                    dk[kv + f] += ds * q[at + f];
                }
            }
        }
    free(p);
    free(dp);
}

/* ---- cross-entropy ------------------------------------------------------------------------------------- */

void ref_xent(double *nll, int32_t *top1, double *dh, double *dE, double *dbias, const double *E,
              const double *bias, const double *h, int n, int d, int V, const int32_t *target, double scale) {
    double *l = xcalloc((size_t)V, sizeof *l);
    if (dh) memset(dh, 0, sizeof *dh * (size_t)n * d);
    for (int t = 0; t < n; t++) {
        double sum = 0;
        int best = 0;
        for (int v = 0; v < V; v++) {
            l[v] = bias ? bias[v] : 0;
            for (int f = 0; f < d; f++) l[v] += E[(size_t)v * d + f] * h[(size_t)t * d + f];
            if (l[v] > l[best]) best = v;
        }
        double max = l[best], of_target = l[target[t]];
        for (int v = 0; v < V; v++) sum += exp(l[v] - max);
        nll[t] = max + log(sum) - of_target;
        if (top1) top1[t] = best;
        for (int v = 0; v < V; v++) {
            double g = scale * (exp(l[v] - max) / sum - (v == target[t]));
            if (dbias) dbias[v] += g;
            for (int f = 0; f < d; f++) {
                if (dh) dh[(size_t)t * d + f] += g * E[(size_t)v * d + f];
                if (dE) dE[(size_t)v * d + f] += g * h[(size_t)t * d + f];
            }
        }
    }
    free(l);
}
