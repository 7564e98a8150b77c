/* SPDX-License-Identifier: Apache-2.0 */
/* kernels_ops.inc.c - elementwise operations, norms, rotations, reductions over tokens, optimizers. Part of
 * kernels.inc.c. */

static void add(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i += VL) st(y + i, ld(y + i) + ld(x + i));
}

INLINE vec sigmoid_v(vec g) { return 1.0f / (1.0f + exp_v(-g)); }

static void silu(float *h, const float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i += VL) {
        vec gv = ld(g + i);
        st(h + i, gv * sigmoid_v(gv) * ld(u + i));
    }
}

static void silu_grad(float *dg, float *du, const float *dh, const float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i += VL) {
        vec gv = ld(g + i), uv = ld(u + i), d = ld(dh + i);
        vec s = sigmoid_v(gv), y = gv * s;
        st(du + i, d * y);
        st(dg + i, d * uv * (s + y * (1.0f - s)));
    }
}

/* GELU in its tanh form, 0.5 x (1 + tanh v) = x sigmoid(2v) with v = sqrt(2/pi) (x + 0.044715 x^3). */
#define GELU_A 1.5957691216057308f /* 2 sqrt(2/pi) */
#define GELU_B 0.071354816272600f  /* 0.044715 of it */

static void gelu(float *h, const float *g, size_t n) {
    for (size_t i = 0; i < n; i += VL) {
        vec x = ld(g + i);
        st(h + i, x * sigmoid_v(x * (GELU_A + GELU_B * (x * x))));
    }
}

/* s' = s (1 - s) is taken from exp(-|z|): 1 - s would lose the digits of a small difference. */
static void gelu_grad(float *dg, const float *dh, const float *g, size_t n) {
    for (size_t i = 0; i < n; i += VL) {
        vec x = ld(g + i), x2 = x * x, z = x * (GELU_A + GELU_B * x2);
        vec e = exp_v(select_v(z > 0, -z, z)), p = 1.0f / (1.0f + e), q = e * p;
        st(dg + i, ld(dh + i) * (select_v(z > 0, p, q) + x * (p * q) * (GELU_A + 3.0f * GELU_B * x2)));
    }
}

/* GELU itself, x F(x) with F the normal distribution. F(-a) = e^(-a^2/2) t P(t) with t = 1/(1 + 0.35 a), a >=
 * 0: the polynomial was fitted to that ratio for a up to 14 (least squares, reweighted towards the smallest
 * worst relative error: 3e-8, 1.4e-7 as evaluated here), beyond which the factor before it is zero. So small
 * F keep their digits. *e: the factor, which the gradient wants too. */
INLINE vec normal_v(vec x, vec *e) {
    static const float p[] = {1.396214068e-01f,  1.398618817e-01f,  1.198327765e-01f,
                              1.055083796e-01f,  -2.311073802e-02f, 1.591754854e-01f,
                              -2.557154298e-01f, 1.439722776e-01f,  -2.914604917e-02f};
    vec a = select_v(x > 0, x, -x), t = 1.0f / (1.0f + 0.35f * a), s = splat(p[8]);
    *e = exp_v(x * x * -0.5f);
#pragma GCC unroll 8
    for (int i = 7; i >= 0; i--) s = s * t + p[i];
    vec below = *e * (s * t);
    return select_v(x > 0, 1.0f - below, below);
}

static void gelu_erf(float *h, const float *g, size_t n) {
    for (size_t i = 0; i < n; i += VL) {
        vec x = ld(g + i), e;
        st(h + i, x * normal_v(x, &e));
    }
}

static void gelu_erf_grad(float *dg, const float *dh, const float *g, size_t n) {
    for (size_t i = 0; i < n; i += VL) {
        vec x = ld(g + i), e, f = normal_v(x, &e);
        st(dg + i, ld(dh + i) * (f + x * e * 0.3989422804f)); /* 1/sqrt(2 pi) */
    }
}

static void row_scale(float *y, const float *x, const float *v, float s, int m, bool addto) {
    for (int i = 0; i < m; i++) {
        float c = v ? v[i] * s : s;
#pragma GCC unroll 8
        for (int j = 0; j < PANEL; j += VL) {
            size_t o = (size_t)i * PANEL + j;
            vec r = ld(x + o) * c;
            st(y + o, addto ? ld(y + o) + r : r);
        }
    }
}

static void lane_scale(float *y, const float *f, int m) {
    for (int i = 0; i < m; i++)
#pragma GCC unroll 8
        for (int j = 0; j < PANEL; j += VL)
            st(y + (size_t)i * PANEL + j, ld(y + (size_t)i * PANEL + j) * ld(f + j));
}

static void lane_axpy(float *y, const float *x, const float *f, int m) {
    for (int i = 0; i < m; i++)
#pragma GCC unroll 8
        for (int j = 0; j < PANEL; j += VL) {
            size_t o = (size_t)i * PANEL + j;
            st(y + o, ld(y + o) + ld(x + o) * ld(f + j));
        }
}

/* ---- RMSNorm ------------------------------------------------------------------------------------------- */

/* Sum over features of x*x (or of x*gamma*dy) for VL lanes, four partial sums to hide the latency. */
INLINE vec square_sum(const float *x, int d) {
    vec a[4] = {{0}, {0}, {0}, {0}};
    int f = 0;
    for (; f + 4 <= d; f += 4)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            vec v = ld(x + (size_t)(f + j) * PANEL);
            a[j] += v * v;
        }
    for (; f < d; f++) {
        vec v = ld(x + (size_t)f * PANEL);
        a[0] += v * v;
    }
    return (a[0] + a[1]) + (a[2] + a[3]);
}

/* 1/sqrt(v); NaN where v has overflowed: its true value is not 0, and what is made of 0 would look like a
 * result (all logits equal). Adding v - v changes no bit of any other. */
INLINE vec inverse_root(vec v) { return 1.0f / sqrt_v(v) + (v - v); }

INLINE vec inverse_rms(const float *x, int d, float eps) {
    return inverse_root(square_sum(x, d) / (float)d + eps);
}

static void rmsnorm(float *y, const float *x, const float *gamma, int d, float eps) {
    for (int j = 0; j < PANEL; j += VL, x += VL, y += VL) {
        vec inv = inverse_rms(x, d, eps);
        for (int f = 0; f < d; f++) st(y + (size_t)f * PANEL, ld(x + (size_t)f * PANEL) * inv * gamma[f]);
    }
}

/* dx += inv gamma dy - x inv^3 / d sum(gamma dy x); inv[lane] = 1/rms is returned. */
static void rmsnorm_grad(float *dx, float *inv, const float *x, const float *gamma, const float *dy, int d,
                         float eps) {
    for (int j = 0; j < PANEL; j += VL, x += VL, dy += VL, dx += VL) {
        vec r = inverse_rms(x, d, eps), s[2] = {{0}, {0}};
        st(inv + j, r);
        for (int f = 0; f < d; f++) {
            size_t o = (size_t)f * PANEL;
            s[f & 1] += ld(x + o) * (ld(dy + o) * gamma[f]);
        }
        vec c = (s[0] + s[1]) * r * r * r / (float)d;
        for (int f = 0; f < d; f++) {
            size_t o = (size_t)f * PANEL;
            st(dx + o, ld(dx + o) + (ld(dy + o) * gamma[f] * r - ld(x + o) * c));
        }
    }
}

/* ---- LayerNorm ----------------------------------------------------------------------------------------- */

/* Mean and 1/sigma of VL lanes: the mean first, then the squares around it, so that a large mean costs no
 * digits. */
INLINE void lane_stats(const float *x, int d, float eps, vec *mean, vec *inv) {
    vec a[4] = {{0}, {0}, {0}, {0}}, q[4] = {{0}, {0}, {0}, {0}};
    for (int f = 0; f < d; f++) a[f & 3] += ld(x + (size_t)f * PANEL);
    vec m = ((a[0] + a[1]) + (a[2] + a[3])) / (float)d;
    for (int f = 0; f < d; f++) {
        vec v = ld(x + (size_t)f * PANEL) - m;
        q[f & 3] += v * v;
    }
    *mean = m;
    *inv = inverse_root(((q[0] + q[1]) + (q[2] + q[3])) / (float)d + eps);
}

static void layernorm(float *y, const float *x, const float *gamma, const float *beta, int d, float eps) {
    for (int j = 0; j < PANEL; j += VL, x += VL, y += VL) {
        vec m, r;
        lane_stats(x, d, eps, &m, &r);
        for (int f = 0; f < d; f++)
            st(y + (size_t)f * PANEL, (ld(x + (size_t)f * PANEL) - m) * r * gamma[f] + beta[f]);
    }
}

/* With z = (x - mean) inv and g = gamma dy: dx += inv (g - mean(g) - z mean(g z)). */
static void layernorm_grad(float *dx, float *stats, const float *x, const float *gamma, const float *dy,
                           int d, float eps) {
    for (int j = 0; j < PANEL; j += VL, x += VL, dy += VL, dx += VL) {
        vec m, r, s[2] = {{0}, {0}}, c[2] = {{0}, {0}};
        lane_stats(x, d, eps, &m, &r);
        st(stats + j, m);
        st(stats + PANEL + j, r);
        for (int f = 0; f < d; f++) {
            size_t o = (size_t)f * PANEL;
            vec g = ld(dy + o) * gamma[f];
            s[f & 1] += g;
            c[f & 1] += g * ((ld(x + o) - m) * r);
        }
        vec mg = (s[0] + s[1]) / (float)d, mgz = (c[0] + c[1]) / (float)d;
        for (int f = 0; f < d; f++) {
            size_t o = (size_t)f * PANEL;
            st(dx + o, ld(dx + o) + r * (ld(dy + o) * gamma[f] - mg - (ld(x + o) - m) * r * mgz));
        }
    }
}

static void rope(float *x, const float *c, const float *s, int half, bool inverse) {
    float *hi = x + (size_t)half * PANEL;
    for (size_t i = 0; i < (size_t)half * PANEL; i += VL) {
        vec a = ld(x + i), b = ld(hi + i), cv = ld(c + i), sv = ld(s + i);
        if (inverse) sv = -sv;
        st(x + i, a * cv - b * sv);
        st(hi + i, b * cv + a * sv);
    }
}

/* ---- sums over tokens ---------------------------------------------------------------------------------- */

static float sum(const float *a, ptrdiff_t sa, int np) {
    vec s[NV] = {{0}};
    for (int p = 0; p < np; p++, a += sa)
#pragma GCC unroll 8
        for (int j = 0; j < NV; j++) s[j] += ld(a + j * VL);
    for (int h = NV / 2; h > 0; h /= 2)
        for (int j = 0; j < h; j++) s[j] += s[j + h];
    return hsum(s[0]);
}

static float dot(const float *a, ptrdiff_t sa, const float *b, ptrdiff_t sb, int np) {
    vec s[NV] = {{0}};
    for (int p = 0; p < np; p++, a += sa, b += sb)
#pragma GCC unroll 8
        for (int j = 0; j < NV; j++) s[j] += ld(a + j * VL) * ld(b + j * VL);
    for (int h = NV / 2; h > 0; h /= 2)
        for (int j = 0; j < h; j++) s[j] += s[j + h];
    return hsum(s[0]);
}

static float dot3(const float *a, ptrdiff_t sa, const float *b, ptrdiff_t sb, const float *c, int np) {
    vec s[NV] = {{0}};
    for (int p = 0; p < np; p++, a += sa, b += sb, c += PANEL)
#pragma GCC unroll 8
        for (int j = 0; j < NV; j++) s[j] += ld(a + j * VL) * (ld(b + j * VL) * ld(c + j * VL));
    for (int h = NV / 2; h > 0; h /= 2)
        for (int j = 0; j < h; j++) s[j] += s[j + h];
    return hsum(s[0]);
}

static float dot_normed(const float *a, ptrdiff_t sa, const float *b, ptrdiff_t sb, const float *stats,
                        int np) {
    vec s[NV] = {{0}};
    for (int p = 0; p < np; p++, a += sa, b += sb, stats += 2 * PANEL)
#pragma GCC unroll 8
        for (int j = 0; j < NV; j++)
            s[j] += (ld(a + j * VL) - ld(stats + j * VL)) * ld(stats + PANEL + j * VL) * ld(b + j * VL);
    for (int h = NV / 2; h > 0; h /= 2)
        for (int j = 0; j < h; j++) s[j] += s[j + h];
    return hsum(s[0]);
}

/* ---- vectors ------------------------------------------------------------------------------------------- */

static double sum_squares(const float *x, size_t n) {
    double a[16] = {0}, t = 0;
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int j = 0; j < 16; j++) a[j] += (double)x[i + j] * (double)x[i + j];
    for (; i < n; i++) t += (double)x[i] * (double)x[i];
    for (int h = 8; h > 0; h /= 2)
        for (int j = 0; j < h; j++) a[j] += a[j + h];
    return a[0] + t;
}

static void scale(float *x, size_t n, float s) {
    for (size_t i = 0; i < n; i++) x[i] *= s;
}

struct adamw_f {
    float keep, b1, a1, b2, a2, step, rbc2, eps, gs;
};

INLINE void adamw_v(float *p, float *m, float *v, const float *g, const struct adamw_f *c) {
    vec gv = ld(g) * c->gs, mv = ld(m) * c->b1 + gv * c->a1, vv = ld(v) * c->b2 + gv * gv * c->a2;
    st(m, mv);
    st(v, vv);
    st(p, ld(p) * c->keep - mv / (sqrt_v(vv) / c->rbc2 + c->eps) * c->step);
}

static void adamw(float *p, float *m, float *v, const float *g, size_t n, const struct adamw *h) {
    double bc1 = 1.0 - pow(h->beta1, (double)h->step), bc2 = 1.0 - pow(h->beta2, (double)h->step);
    struct adamw_f c = {
        .keep = (float)(1.0 - h->lr * h->weight_decay),
        .b1 = (float)h->beta1,
        .a1 = (float)(1.0 - h->beta1),
        .b2 = (float)h->beta2,
        .a2 = (float)(1.0 - h->beta2),
        .step = (float)(h->lr / bc1),
        .rbc2 = (float)sqrt(bc2),
        .eps = (float)h->eps,
        .gs = (float)h->gscale,
    };
    size_t i = 0;
    for (; i + VL <= n; i += VL) adamw_v(p + i, m + i, v + i, g + i, &c);
    if (i == n) return;
    float t[4][VL] = {{0}}; /* the tail takes the same path, so its bits do not depend on where it lies */
    size_t b = (n - i) * sizeof(float);
    memcpy(t[0], p + i, b), memcpy(t[1], m + i, b), memcpy(t[2], v + i, b), memcpy(t[3], g + i, b);
    adamw_v(t[0], t[1], t[2], t[3], &c);
    memcpy(p + i, t[0], b), memcpy(m + i, t[1], b), memcpy(v + i, t[2], b);
}

static void sgd(float *p, float *buf, const float *g, size_t n, float lr, float mu, float wd, float gs,
                bool first) {
    for (size_t i = 0; i < n; i++) {
        float d = g[i] * gs + wd * p[i];
        if (buf) d = buf[i] = first ? d : mu * buf[i] + d;
        p[i] -= lr * d;
    }
}
