/* panel.h - activations with tokens in the SIMD lanes, and every operation on them.
 *
 * An activation of n tokens and d features is stored in panels of 32 tokens, feature-major:
 *     X[p][f][lane],   token t = 32 p + lane,   address  x + ((size_t)p * ld + f) * 32 + lane
 * where ld (features per panel) may exceed d when X is a slice of a wider buffer. np = panels(n). Buffers are
 * 64-byte aligned. Lanes beyond n ("padding") hold zeros in every gradient; in activations they hold finite
 * values that nothing reads across lanes (attention masks them by segment), so they add exact zeros to weight
 * gradients.
 *
 * Weights are the broadcast operand, so one row-major copy serves y = W x and dx = W^T dy, and nothing is
 * ever packed.
 *
 * Determinism: each output element is one fixed-order sum, whatever the number of threads; results are
 * bit-identical for any `nthreads`, and do not depend on whether a weight is expanded from a quantised type
 * or is that same float32 matrix. Work is split over panels and output rows, never over the summed index
 * (except by fixed, shape-only chunks).
 *
 * One source (kernels.inc.c or similar) is compiled for AVX-512, AVX2+FMA and baseline x86-64 (or the
 * portable vector width elsewhere) and chosen at run time; BENCH_CPU=avx2|baseline|avx512 forces a path.
 * Row-major reference twins of every function, slow and plain, are in ref.h for the tests. */
#ifndef BENCH_NN_PANEL_H
#define BENCH_NN_PANEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/mem.h"
#include "harness/nn/kernels/weight.h"

#define PANEL 32
static inline int panels(int n) { return (n + PANEL - 1) / PANEL; }
static inline size_t panel_floats(int np, int d) { return (size_t)np * (size_t)d * PANEL; }

/* The threads of a run and their scratch. Created once; every function below takes it first. Not
 * reentrant. */
struct team;
/* Scratch passes through the gate as MEM_SCRATCH (the same bytes for a given nthreads). Sets flush-to-zero
 * nowhere. nthreads >= 1 and <= 64. */
struct team *team_new(struct mem *m, int nthreads);
void team_free(struct team *t);
int team_threads(const struct team *t);
size_t team_thread_bytes(void); /* of its scratch, what each thread adds */
/* While on: of a product with np = 1 only lane 0 (the first token) counts, and panel_mm may take the way for
 * one token: up to 1e-6 of the largest output away from the other, the other lanes 0. For passes that extend
 * a sequence by a token. */
void team_one_token(struct team *t, bool on);
const char *panel_cpu(void); /* "avx512", "avx2", "baseline": the path in use */

/* ---- matrix products ----------------------------------------------------------------------------------- */

/* One term of a sum of products: op(W) x. !trans: W [m,k], reads x features 0..cols-1. trans: W [k,m], y =
 * W^T x. */
struct term {
    const struct weight *w;
    bool trans;
    const float *x; /* panels, k features used */
    int ldx;        /* features per panel of x */
};

/* y[p][i][:] = (accumulate ? y : 0) + bias[i] + sum over terms of (op(W) x)[p][i][:],   i < m, p < np. The
 * terms are added in order inside one pass over y: low-rank terms (k = r) cost no extra pass. bias may be
 * NULL. m = rows of op(W) of every term. x may not overlap y. */
void panel_mm(struct team *t, float *y, int ldy, int m, int np, const struct term *terms, int nterms,
              const float *bias, bool accumulate);

/* dW[i*ld + j] += sum over tokens of dy[i] x[j],  i < m, j < k: the weight gradient (d_out x d_in). */
void panel_outer(struct team *t, float *dw, int ld, const float *dy, int ldy, int m, const float *x, int ldx,
                 int k, int np);
/* db[i] += sum over tokens of dy[i]. */
void panel_row_sum(struct team *t, float *db, const float *dy, int ldy, int m, int np);
/* d[i] += sum over tokens of a[i] b[i]. */
void panel_row_dot(struct team *t, float *d, const float *a, int lda, const float *b, int ldb, int m, int np);
/* y[p][i][:] = (accumulate ? y : 0) + s * v[i] * x[p][i][:]; v NULL means ones. x may equal y. */
void panel_row_scale(struct team *t, float *y, int ldy, const float *x, int ldx, const float *v, float s,
                     int m, int np, bool accumulate);
/* y += x over d features. */
void panel_add(struct team *t, float *y, int ldy, const float *x, int ldx, int d, int np);
void panel_zero(struct team *t, float *y, int ldy, int d, int np);
void panel_copy(struct team *t, float *y, int ldy, const float *x, int ldx, int d, int np);

/* ---- layout -------------------------------------------------------------------------------------------- */

/* x panels <-> rows [n, d] row-major; padding lanes are set to zero by panel_from_rows. */
void panel_from_rows(struct team *t, float *x, int ldx, const float *rows, int d, int n);
void panel_to_rows(struct team *t, float *rows, const float *x, int ldx, int d, int n);
/* Column (token) gather: y token j = x token idx[j], j < n; lanes up to 32*panels(n) are zero. */
void panel_gather(struct team *t, float *y, int ldy, const float *x, int ldx, int d, const int32_t *idx,
                  int n);
/* Inverse: y is zeroed over np_y panels, then y token idx[j] = x token j (idx distinct). */
void panel_scatter(struct team *t, float *y, int ldy, int np_y, const float *x, int ldx, int d,
                   const int32_t *idx, int n);

/* ---- layers -------------------------------------------------------------------------------------------- */

/* x token t = row ids[t] of the embedding matrix E [V, d]; padding lanes zero. ids in 0..V-1 (checked by the
 * caller). */
void embed_forward(struct team *t, float *x, int ldx, const struct weight *E, const int32_t *ids, int n);
/* dE[ids[t]] += dx token t (row-major, ld = d), tokens in order. */
void embed_backward(struct team *t, float *dE, int d, const float *dx, int ldx, const int32_t *ids, int n);

/* RMSNorm: y = gamma * x / sqrt(mean(x^2) + eps). y may not equal x. */
void rmsnorm_forward(struct team *t, float *y, int ldy, const float *x, int ldx, const float *gamma, int d,
                     int np, float eps);
/* dx += its gradient; dgamma += (NULL: not trained). x as in forward. */
void rmsnorm_backward(struct team *t, float *dx, int lddx, float *dgamma, const float *x, int ldx,
                      const float *gamma, const float *dy, int lddy, int d, int np, float eps);

/* LayerNorm (Ba et al., 1607.06450): y = gamma * (x - mean) / sqrt(var + eps) + beta, var the mean square
 * around the mean. y may not equal x. */
void layernorm_forward(struct team *t, float *y, int ldy, const float *x, int ldx, const float *gamma,
                       const float *beta, int d, int np, float eps);
/* dx += its gradient; dgamma += and dbeta += (NULL: not trained). x as in forward. */
void layernorm_backward(struct team *t, float *dx, int lddx, float *dgamma, float *dbeta, const float *x,
                        int ldx, const float *gamma, const float *dy, int lddy, int d, int np, float eps);

/* Rotary positions on `heads` heads of `hd` features in place, Hugging Face's half-split form: with i < hd/2,
 *   x_i' = x_i cos - x_{i+hd/2} sin,  x_{i+hd/2}' = x_{i+hd/2} cos + x_i sin,  angle = pos * theta^(-2i/hd).
 * `inverse` rotates back (the gradient). cos/sin: tables [max_pos][hd/2]. pos[t] for t < 32 np (padding:
 * 0). The table: as transformers computes it, in float32; angles are divided by `factor` (linear scaling). */
void rope_table(float *cos_out, float *sin_out, int max_pos, int hd, float theta, float factor);
void rope_apply(struct team *t, float *x, int ldx, int heads, int hd, const int32_t *pos, const float *cos_t,
                const float *sin_t, int np, bool inverse);

/* h = silu(g) * u, silu(g) = g / (1 + exp(-g)). Backward: dg and du are overwritten (they may be the buffers
 * of g and u). */
void silu_mul_forward(struct team *t, float *h, int ldh, const float *g, int ldg, const float *u, int ldu,
                      int d, int np);
void silu_mul_backward(struct team *t, float *dg, int lddg, float *du, int lddu, const float *dh, int lddh,
                       const float *g, int ldg, const float *u, int ldu, int d, int np);

/* h = gelu(g) in its tanh form ("gelu_new"): 0.5 g (1 + tanh(sqrt(2/pi) (g + 0.044715 g^3))). Backward: dg is
 * overwritten (it may be g's buffer). */
void gelu_forward(struct team *t, float *h, int ldh, const float *g, int ldg, int d, int np);
void gelu_backward(struct team *t, float *dg, int lddg, const float *dh, int lddh, const float *g, int ldg,
                   int d, int np);

/* The same in the form of the normal distribution ("gelu"): 0.5 g (1 + erf(g / sqrt(2))). */
void gelu_erf_forward(struct team *t, float *h, int ldh, const float *g, int ldg, int d, int np);
void gelu_erf_backward(struct team *t, float *dg, int lddg, const float *dh, int lddh, const float *g,
                       int ldg, int d, int np);

/* Attention over packed sequences, never T x T in memory. start[t], end[t]: token t may attend to keys in
 * [start[t], end[t]); causal adds key <= t. Both arrays have 32 np entries; for padding tokens start = end =
 * 0 (they attend to nothing and produce zeros). Query head h uses key/value head h / (heads/kv_heads). q, o:
 * heads*hd features; k, v: kv_heads*hd. lse: `heads` features (log-sum-exp of the scaled scores, kept for
 * backward). */
struct attention {
    int heads, kv_heads, hd;
    float scale; /* usually 1/sqrt(hd) */
    bool causal;
    const int32_t *start, *end; /* [np * 32] */
    int np;
};
void attention_forward(struct team *t, const struct attention *a, float *o, int ldo, float *lse,
                       const float *q, int ldq, const float *k, int ldk, const float *v, int ldv);
/* dq, dk, dv are overwritten. o is not needed: D = sum_j P_j dP_j is taken in the first pass. `delta` is
 * scratch for D: `heads` features x np panels. */
void attention_backward(struct team *t, const struct attention *a, float *dq, int lddq, float *dk, int lddk,
                        float *dv, int lddv, float *delta, const float *d_o, int lddo, const float *lse,
                        const float *q, int ldq, const float *k, int ldk, const float *v, int ldv);

/* ---- cross-entropy over the vocabulary, logits never held whole ---------------------------------------- */

/* h: panels of the n labelled tokens only (panel_gather), d features. E [V, d], bias [V] or NULL. target[j]
 * in 0..V-1, j < n. nll[j] = log sum exp(logits) - logit[target] (float32), top1[j] = arg max (lowest index
 * on ties; top1 may be NULL). With dh: dh[j] = scale * (softmax - onehot) E (overwritten; padding lanes
 * zero). With dE / dbias (row-major [V, d], += ): also the head's gradient; this takes one more pass over the
 * vocabulary. dE needs dh. */
void xent(struct team *t, float *nll, int32_t *top1, float *dh, int lddh, float *dE, float *dbias,
          const struct weight *E, const float *bias, const float *h, int ldh, int n, const int32_t *target,
          float scale);
/* Rows of logits [n, V] row-major, for `bench logits` and sampling. One token (n = 1) is summed in another
 * order than many: 1e-6 apart. */
void logits_rows(struct team *t, float *rows, const struct weight *E, const float *bias, const float *h,
                 int ldh, int n);

/* ---- vectors (optimizers, norms), parallel over fixed chunks: bit-identical for any number of threads -- */

double vec_sum_squares(struct team *t, const float *x, size_t n); /* double accumulation */
void vec_scale(struct team *t, float *x, size_t n, float s);
/* AdamW, decoupled decay (Loshchilov & Hutter, 1711.05101), PyTorch's order of operations:
 *   p *= 1 - lr*wd;  m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;  p -= (lr/bc1) * m / (sqrt(v)/sqrt(bc2) +
 *     eps),
 * bc1 = 1 - b1^t, bc2 = 1 - b2^t, t from 1. g is multiplied by gscale first (clipping). */
struct adamw {
    double lr, beta1, beta2, eps, weight_decay, gscale;
    long step; /* t, from 1 */
};
void vec_adamw(struct team *t, float *p, float *m, float *v, const float *g, size_t n, const struct adamw *h);
/* SGD with momentum as torch.optim.SGD: g' = g*gscale + wd*p; buf = first ? g' : mu*buf + g'; p -= lr*buf.
 * buf NULL if mu = 0. */
void vec_sgd(struct team *t, float *p, float *buf, const float *g, size_t n, double lr, double momentum,
             double weight_decay, double gscale, bool first);

#endif
