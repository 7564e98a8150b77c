/* SPDX-License-Identifier: Apache-2.0 */
/* test_kernels_layers.c - norms, rotations, gates, embeddings and optimizer vectors against their twins and
 * central differences. */
#include "tests/unit/nn_util.h"
#include "harness/nn/kernels/layers.h"
#include "harness/nn/kernels/vec.h"

enum { N = 75, D = 83, LD = 90, NP = 3 };

static void rmsnorm_and_its_gradient_agree_with_the_twin(void **state) {
    (void)state;
    float *xr = nn_floats(N * D, 2), *dyr = nn_floats(N * D, 1), *gamma = nn_floats(D, 1),
          *dx0 = nn_floats(N * D, 1);
    float *x = nn_panels(xr, N, D, LD, NAN), *dy = nn_panels(dyr, N, D, LD, NAN);
    double *xd = nn_widen(xr, N * D), *dyd = nn_widen(dyr, N * D), *gd = nn_widen(gamma, D);
    double *want_y = nn_doubles(N * D), *want_dx = nn_widen(dx0, N * D), *want_dg = nn_doubles(D);
    ref_rmsnorm(want_y, xd, gd, N, D, 1e-5);
    ref_rmsnorm_grad(want_dx, want_dg, xd, gd, dyd, N, D, 1e-5);
    FOR_CPUS(cpu) {
        float *one[3] = {0};
        for (int threads = 1; threads <= 4; threads++) {
            struct mem mem;
            struct team *t = nn_team(&mem, threads);
            float *y = nn_zeros(panel_floats(NP, LD)), *dx = nn_panels(dx0, N, D, LD, 0), *dg = nn_zeros(D);
            rmsnorm_forward(t, y, LD, x, LD, gamma, D, NP, 1e-5f);
            rmsnorm_backward(t, dx, LD, dg, x, LD, gamma, dy, LD, D, NP, 1e-5f);
            team_free(t);
            if (threads == 1) {
                double *gy = nn_rows(y, N, D, LD), *gdx = nn_rows(dx, N, D, LD), *gdg = nn_widen(dg, D);
                NN_CLOSE(gy, want_y, N * D, 1e-6);
                NN_CLOSE(gdx, want_dx, N * D, 1e-6);
                NN_CLOSE(gdg, want_dg, D, 1e-6);
                free(gy), free(gdx), free(gdg);
                one[0] = y, one[1] = dx, one[2] = dg;
                continue;
            }
            assert_memory_equal(y, one[0], sizeof(float) * panel_floats(NP, LD));
            assert_memory_equal(dx, one[1], sizeof(float) * panel_floats(NP, LD));
            assert_memory_equal(dg, one[2], sizeof(float) * D);
            free(y), free(dx), free(dg);
        }
        free(one[0]), free(one[1]), free(one[2]);
    }
    free(xr), free(dyr), free(gamma), free(dx0), free(x), free(dy), free(xd), free(dyd), free(gd);
    free(want_y), free(want_dx), free(want_dg);
}

/* x has a mean of 3 to lose digits on. */
static void layernorm_and_its_gradient_agree_with_the_twin(void **state) {
    (void)state;
    float *xr = nn_floats(N * D, 2), *dyr = nn_floats(N * D, 1), *gamma = nn_floats(D, 1),
          *beta = nn_floats(D, 1), *dx0 = nn_floats(N * D, 1);
    for (int i = 0; i < N * D; i++) xr[i] += 3;
    float *x = nn_panels(xr, N, D, LD, NAN), *dy = nn_panels(dyr, N, D, LD, NAN);
    double *xd = nn_widen(xr, N * D), *dyd = nn_widen(dyr, N * D), *gd = nn_widen(gamma, D),
           *bd = nn_widen(beta, D);
    double *want_y = nn_doubles(N * D), *want_dx = nn_widen(dx0, N * D), *want_dg = nn_doubles(D),
           *want_db = nn_doubles(D);
    ref_layernorm(want_y, xd, gd, bd, N, D, 1e-5);
    ref_layernorm_grad(want_dx, want_dg, want_db, xd, gd, dyd, N, D, 1e-5);
    FOR_CPUS(cpu) {
        float *one[4] = {0};
        for (int threads = 1; threads <= 4; threads++) {
            struct mem mem;
            struct team *t = nn_team(&mem, threads);
            float *now[4] = {nn_zeros(panel_floats(NP, LD)), nn_panels(dx0, N, D, LD, 0), nn_zeros(D),
                             nn_zeros(D)};
            size_t sizes[4] = {panel_floats(NP, LD), panel_floats(NP, LD), D, D};
            layernorm_forward(t, now[0], LD, x, LD, gamma, beta, D, NP, 1e-5f);
            layernorm_backward(t, now[1], LD, now[2], now[3], x, LD, gamma, dy, LD, D, NP, 1e-5f);
            team_free(t);
            if (threads == 1) {
                double *gy = nn_rows(now[0], N, D, LD), *gdx = nn_rows(now[1], N, D, LD),
                       *gdg = nn_widen(now[2], D), *gdb = nn_widen(now[3], D);
                NN_CLOSE(gy, want_y, N * D, 1e-6);
                NN_CLOSE(gdx, want_dx, N * D, 1e-6);
                NN_CLOSE(gdg, want_dg, D, 1e-6);
                NN_CLOSE(gdb, want_db, D, 1e-6);
                free(gy), free(gdx), free(gdg), free(gdb);
                memcpy(one, now, sizeof one);
                continue;
            }
            for (int i = 0; i < 4; i++) {
                assert_memory_equal(now[i], one[i], sizeof(float) * sizes[i]);
                free(now[i]);
            }
        }
        for (int i = 0; i < 4; i++) free(one[i]);
    }
    free(xr), free(dyr), free(gamma), free(beta), free(dx0), free(x), free(dy), free(xd), free(dyd), free(gd),
        free(bd);
    free(want_y), free(want_dx), free(want_dg), free(want_db);
}

static void gelu_and_its_gradient_agree_with_the_twin_also_in_place(void **state) {
    (void)state;
    float *gr = nn_floats(N * D, 12), *dhr = nn_floats(N * D, 1);
    double *gd = nn_widen(gr, N * D), *dhd = nn_widen(dhr, N * D), *h = nn_doubles(N * D),
           *dg = nn_doubles(N * D);
    ref_gelu(h, gd, N * D);
    ref_gelu_grad(dg, dhd, gd, N * D);
    FOR_CPUS(cpu) {
        struct mem mem;
        struct team *t = nn_team(&mem, 3);
        float *g = nn_panels(gr, N, D, LD, 0), *dh = nn_panels(dhr, N, D, D, 0),
              *hp = nn_zeros(panel_floats(NP, LD));
        gelu_forward(t, hp, LD, g, LD, D, NP);
        gelu_backward(t, g, LD, dh, D, g, LD, D, NP);
        double *gh = nn_rows(hp, N, D, LD), *gdg = nn_rows(g, N, D, LD);
        NN_CLOSE(gh, h, N * D, 1e-6);
        NN_CLOSE(gdg, dg, N * D, 1e-6);
        free(g), free(dh), free(hp), free(gh), free(gdg);
        team_free(t);
    }
    free(gr), free(dhr), free(gd), free(dhd), free(h), free(dg);
}

/* Every magnitude keeps its digits: relative to the twin's own value, far into the tail too. */
static void gelu_by_erf_agrees_with_the_twin_value_by_value(void **state) {
    (void)state;
    enum { M = 4096 };
    float *g = nn_zeros(M), *one = nn_zeros(M), *h = nn_zeros(M), *dg = nn_zeros(M);
    for (int i = 0; i < M; i++) g[i] = (float)(i - M / 2) * 12 / (M / 2), one[i] = 1;
    double *gd = nn_widen(g, M), *oned = nn_widen(one, M), *hd = nn_doubles(M), *dgd = nn_doubles(M);
    ref_gelu_erf(hd, gd, M);
    ref_gelu_erf_grad(dgd, oned, gd, M);
    FOR_CPUS(cpu) {
        struct mem mem;
        struct team *t = nn_team(&mem, 3);
        gelu_erf_forward(t, h, M / PANEL, g, M / PANEL, M / PANEL, 1);
        gelu_erf_backward(t, dg, M / PANEL, one, M / PANEL, g, M / PANEL, M / PANEL, 1);
        for (int i = 0; i < M; i++) {
            /* a^2/2 is rounded before exp: that many digits go with it */
            double tol = 5e-7 * (1 + gd[i] * gd[i] / 4), size = fmax(fabs(hd[i]), 1e-30);
            if (fabs((double)h[i] - hd[i]) > tol * size)
                fail_msg("gelu(%g) = %g, not %g", gd[i], (double)h[i], hd[i]);
            if (fabs((double)dg[i] - dgd[i]) >
                tol * fmax(fabs(dgd[i]), 0.1 * fabs(hd[i]) + 1e-30) + 1e-7 * (fabs(gd[i]) < 2))
                fail_msg("gelu'(%g) = %g, not %g", gd[i], (double)dg[i], dgd[i]);
        }
        team_free(t);
    }
    free(g), free(one), free(h), free(dg), free(gd), free(oned), free(hd), free(dgd);
}

static void gelu_by_erf_also_works_in_place_and_on_slices(void **state) {
    (void)state;
    float *gr = nn_floats(N * D, 12), *dhr = nn_floats(N * D, 1);
    double *gd = nn_widen(gr, N * D), *dhd = nn_widen(dhr, N * D), *h = nn_doubles(N * D),
           *dg = nn_doubles(N * D);
    ref_gelu_erf(h, gd, N * D);
    ref_gelu_erf_grad(dg, dhd, gd, N * D);
    FOR_CPUS(cpu) {
        struct mem mem;
        struct team *t = nn_team(&mem, 3);
        float *g = nn_panels(gr, N, D, LD, 0), *dh = nn_panels(dhr, N, D, D, 0),
              *hp = nn_zeros(panel_floats(NP, LD));
        gelu_erf_forward(t, hp, LD, g, LD, D, NP);
        gelu_erf_backward(t, g, LD, dh, D, g, LD, D, NP);
        double *gh = nn_rows(hp, N, D, LD), *gdg = nn_rows(g, N, D, LD);
        NN_CLOSE(gh, h, N * D, 1e-6);
        NN_CLOSE(gdg, dg, N * D, 1e-6);
        free(g), free(dh), free(hp), free(gh), free(gdg);
        team_free(t);
    }
    free(gr), free(dhr), free(gd), free(dhd), free(h), free(dg);
}

static void gelu_keeps_nan_and_saturates_at_large_inputs(void **state) {
    (void)state;
    FOR_CPUS(cpu) {
        float g[32] = {NAN, 1e10f, -1e10f, 100, -100, 0}, h[32], one[32], d[32];
        for (int i = 0; i < 32; i++) one[i] = 1;
        kernels_get()->gelu(h, g, 32);
        kernels_get()->gelu_grad(d, one, g, 32);
        assert_true(isnan(h[0]) && h[1] == 1e10f && h[2] == 0 && h[3] == 100 && h[4] == 0 && h[5] == 0);
        assert_true(isnan(d[0]) && d[1] == 1 && d[2] == 0 && d[3] == 1 && d[4] == 0 && d[5] == 0.5f);
        kernels_get()->gelu_erf(h, g, 32);
        kernels_get()->gelu_erf_grad(d, one, g, 32);
        assert_true(isnan(h[0]) && h[1] == 1e10f && h[2] == 0 && h[3] == 100 && h[4] == 0 && h[5] == 0);
        assert_true(isnan(d[0]) && d[1] == 1 && d[2] == 0 && d[3] == 1 && d[4] == 0 &&
                    fabsf(d[5] - 0.5f) < 1e-7f);
    }
}

/* Central difference of sum(dy * twin(x)) at every element of x. */
static void the_twins_of_norm_and_gate_have_the_gradients_of_central_differences(void **state) {
    (void)state;
    enum { n = 3, d = 7 };
    double x[n * d], u[n * d], g[d], dy[n * d], y[n * d], dx[n * d] = {0}, dg[d] = {0}, a[n * d], b[n * d];
    const double h = 1e-6;
    for (int i = 0; i < n * d; i++) x[i] = nn_random(), dy[i] = nn_random(), u[i] = nn_random();
    for (int i = 0; i < d; i++) g[i] = nn_random();
    ref_rmsnorm_grad(dx, dg, x, g, dy, n, d, 1e-2);
    ref_silu_mul_grad(a, b, dy, x, u, n * d);
    for (int i = 0; i < n * d; i++) {
        double s[2], k[2], l[2], keep = x[i], keep_u = u[i];
        for (int side = 0; side < 2; side++) {
            s[side] = k[side] = l[side] = 0;
            x[i] = keep + (side ? -h : h);
            ref_rmsnorm(y, x, g, n, d, 1e-2);
            for (int j = 0; j < n * d; j++) s[side] += y[j] * dy[j];
            ref_silu_mul(y, x, u, n * d);
            for (int j = 0; j < n * d; j++) k[side] += y[j] * dy[j];
            x[i] = keep, u[i] = keep_u + (side ? -h : h);
            ref_silu_mul(y, x, u, n * d);
            for (int j = 0; j < n * d; j++) l[side] += y[j] * dy[j];
            u[i] = keep_u;
        }
        assert_true(fabs((s[0] - s[1]) / (2 * h) - dx[i]) < 1e-7);
        assert_true(fabs((k[0] - k[1]) / (2 * h) - a[i]) < 1e-7);
        assert_true(fabs((l[0] - l[1]) / (2 * h) - b[i]) < 1e-7);
    }
}

static void the_twins_of_layernorm_and_gelu_have_the_gradients_of_central_differences(void **state) {
    (void)state;
    enum { n = 3, d = 7 };
    double x[n * d], g[d], b[d] = {0}, dy[n * d], y[n * d], dx[n * d] = {0}, dg[d] = {0}, db[d] = {0},
                           a[n * d];
    const double h = 1e-6;
    for (int i = 0; i < n * d; i++) x[i] = nn_random(), dy[i] = nn_random();
    for (int i = 0; i < d; i++) g[i] = nn_random();
    ref_layernorm_grad(dx, dg, db, x, g, dy, n, d, 1e-2);
    ref_gelu_grad(a, dy, x, n * d);
    for (int i = 0; i < n * d; i++) {
        double s[2] = {0}, k[2] = {0}, l[2] = {0}, keep = x[i];
        for (int side = 0; side < 2; side++) {
            x[i] = keep + (side ? -h : h);
            ref_layernorm(y, x, g, b, n, d, 1e-2);
            for (int j = 0; j < n * d; j++) s[side] += y[j] * dy[j];
            ref_gelu(y, x, n * d);
            for (int j = 0; j < n * d; j++) k[side] += y[j] * dy[j];
            x[i] = keep;
            g[i % d] += side ? -h : h;
            ref_layernorm(y, x, g, b, n, d, 1e-2);
            for (int j = 0; j < n * d; j++) l[side] += y[j] * dy[j];
            g[i % d] -= side ? -h : h;
        }
        assert_true(fabs((s[0] - s[1]) / (2 * h) - dx[i]) < 1e-7);
        assert_true(fabs((k[0] - k[1]) / (2 * h) - a[i]) < 1e-7);
        assert_true(fabs((l[0] - l[1]) / (2 * h) - dg[i % d]) < 1e-7);
    }
}

static void silu_gate_and_its_gradient_agree_with_the_twin_also_in_place(void **state) {
    (void)state;
    float *gr = nn_floats(N * D, 20), *ur = nn_floats(N * D, 1), *dhr = nn_floats(N * D, 1);
    double *gd = nn_widen(gr, N * D), *ud = nn_widen(ur, N * D), *dhd = nn_widen(dhr, N * D);
    double *h = nn_doubles(N * D), *dg = nn_doubles(N * D), *du = nn_doubles(N * D);
    ref_silu_mul(h, gd, ud, N * D);
    ref_silu_mul_grad(dg, du, dhd, gd, ud, N * D);
    FOR_CPUS(cpu) {
        struct mem mem;
        struct team *t = nn_team(&mem, 3);
        float *g = nn_panels(gr, N, D, LD, 0), *u = nn_panels(ur, N, D, D, 0),
              *dh = nn_panels(dhr, N, D, LD, 0);
        float *hp = nn_zeros(panel_floats(NP, LD));
        silu_mul_forward(t, hp, LD, g, LD, u, D, D, NP);
        silu_mul_backward(t, g, LD, u, D, dh, LD, g, LD, u, D, D, NP);
        double *gh = nn_rows(hp, N, D, LD), *gdg = nn_rows(g, N, D, LD), *gdu = nn_rows(u, N, D, D);
        NN_CLOSE(gh, h, N * D, 1e-6);
        NN_CLOSE(gdg, dg, N * D, 1e-6);
        NN_CLOSE(gdu, du, N * D, 1e-6);
        free(g), free(u), free(dh), free(hp), free(gh), free(gdg), free(gdu);
        team_free(t);
    }
    free(gr), free(ur), free(dhr), free(gd), free(ud), free(dhd), free(h), free(dg), free(du);
}

static void silu_keeps_nan_and_saturates_at_large_inputs(void **state) {
    (void)state;
    FOR_CPUS(cpu) {
        float g[32] = {NAN, 1e30f, -1e30f, 100, -100, -88, 0, INFINITY}, u[32], h[32];
        for (int i = 0; i < 32; i++) u[i] = 1;
        kernels_get()->silu(h, g, u, 32);
        assert_true(isnan(h[0]) && h[1] == 1e30f && h[2] == 0 && h[3] == 100 && fabsf(h[4]) < 1e-40f);
        assert_true(fabsf(h[5] / (-88 * expf(-88)) - 1) < 1e-5f && h[6] == 0 && isinf(h[7]));
    }
}

static void exp_is_accurate_overflows_to_infinity_and_keeps_nan(void **state) {
    (void)state;
    FOR_CPUS(cpu) {
        double worst = 0;
        for (float x = -104; x < 88.7f; x += 0.0137f) {
            float l[32], zero[32] = {0};
            for (int i = 0; i < 32; i++) l[i] = x;
            kernels_get()->softmax_given(l, 1, zero);
            double want = exp((double)x);
            if (want > 1.2e-38)
                worst = fmax(worst, fabs((double)l[3] / want - 1));
            else
                assert_true(fabs((double)l[3] - want) < 3e-45);
        }
        assert_true(worst < 1.2e-7);
        float l[32] = {NAN, 89, 1e38f, INFINITY, -INFINITY, -1e38f, 0}, zero[32] = {0};
        kernels_get()->softmax_given(l, 1, zero);
        assert_true(isnan(l[0]) && isinf(l[1]) && isinf(l[2]) && isinf(l[3]) && l[4] == 0 && l[5] == 0 &&
                    l[6] == 1);
    }
}

static void rope_rotates_as_the_twin_and_back(void **state) {
    (void)state;
    static const int hds[] = {2, 6, 64, 80};
    for (size_t s = 0; s < ARRAY_LEN(hds); s++) {
        int hd = hds[s], heads = 3, d = heads * hd, ld = d + 1;
        int32_t pos[NP * PANEL] = {0};
        for (int i = 0; i < N; i++) pos[i] = (i * 37) % 200;
        float *c = nn_zeros((size_t)200 * hd), *sn = nn_zeros((size_t)200 * hd),
              *xr = nn_floats((size_t)N * d, 1);
        rope_table(c, sn, 200, hd, 10000, 1);
        double *want = nn_widen(xr, (size_t)N * d), *orig = nn_widen(xr, (size_t)N * d);
        ref_rope(want, pos, N, heads, hd, 10000, false);
        FOR_CPUS(cpu) {
            struct mem mem;
            struct team *t = nn_team(&mem, 2);
            float *x = nn_panels(xr, N, d, ld, 5);
            rope_apply(t, x, ld, heads, hd, pos, c, sn, NP, false);
            double *got = nn_rows(x, N, d, ld);
            NN_CLOSE(got, want, (size_t)N * d, 2e-5); /* angles are float32, as in the original models */
            rope_apply(t, x, ld, heads, hd, pos, c, sn, NP, true);
            double *back = nn_rows(x, N, d, ld);
            NN_CLOSE(back, orig, (size_t)N * d, 1e-6);
            free(x), free(got), free(back);
            team_free(t);
        }
        free(c), free(sn), free(xr), free(want), free(orig);
    }
}

/* Position 2 p over a factor of 2 is position p. */
static void linear_scaling_divides_positions(void **state) {
    (void)state;
    enum { HD = 12, HALF = HD / 2 };
    float c[40 * HALF], s[40 * HALF], c2[40 * HALF], s2[40 * HALF];
    rope_table(c, s, 40, HD, 10000, 1);
    rope_table(c2, s2, 40, HD, 10000, 2);
    for (size_t p = 0; p < 20; p++) {
        assert_memory_equal(c2 + 2 * p * HALF, c + p * HALF, HALF * sizeof *c);
        assert_memory_equal(s2 + 2 * p * HALF, s + p * HALF, HALF * sizeof *s);
    }
}

static void embedding_reads_rows_of_every_type_and_adds_gradients_in_token_order(void **state) {
    (void)state;
    static const enum dtype types[] = {DT_F32, DT_F16, DT_BF16, DT_Q8_0, DT_Q4_0, DT_Q4_1};
    enum { V = 40, DE = 550 };
    int32_t ids[N];
    for (int i = 0; i < N; i++) ids[i] = (i * i) % V;
    for (size_t ti = 0; ti < ARRAY_LEN(types); ti++) {
        struct weight E = nn_weight(types[ti], V, DE);
        float *full = nn_zeros((size_t)V * DE);
        ref_expand(&E, full);
        FOR_CPUS(cpu) {
            struct mem mem;
            struct team *t = nn_team(&mem, 2);
            float *x = nn_zeros(panel_floats(NP, DE + 2)), *dE = nn_zeros((size_t)V * DE),
                  *want = nn_zeros((size_t)V * DE);
            for (size_t i = 0; i < panel_floats(NP, DE + 2); i++) x[i] = 3;
            embed_forward(t, x, DE + 2, &E, ids, N);
            for (int i = 0; i < NP * PANEL; i++)
                for (int f = 0; f < DE; f++)
                    assert_true(x[((size_t)(i / PANEL) * (DE + 2) + f) * PANEL + i % PANEL] ==
                                (i < N ? full[(size_t)ids[i] * DE + f] : 0));
            embed_backward(t, dE, DE, x, DE + 2, ids, N);
            for (int i = 0; i < N; i++)
                for (int f = 0; f < DE; f++) want[(size_t)ids[i] * DE + f] += full[(size_t)ids[i] * DE + f];
            assert_memory_equal(dE, want, sizeof(float) * V * DE);
            free(x), free(dE), free(want);
            team_free(t);
        }
        free((void *)E.data), free(full);
    }
}

static void optimizer_vectors_follow_their_formulas_with_the_same_bits_for_any_threads(void **state) {
    (void)state;
    const size_t n = 200003;
    float *p0 = nn_floats(n, 1), *g = nn_floats(n, 1);
    struct adamw h = {1e-3, 0.9, 0.999, 1e-8, 0.1, 0.5, 0};
    FOR_CPUS(cpu) {
        float *one_p = NULL, *one_s = NULL;
        double norm = 0;
        for (int threads = 1; threads <= 4; threads++) {
            struct mem mem;
            struct team *t = nn_team(&mem, threads);
            float *p = nn_zeros(n), *m = nn_zeros(n), *v = nn_zeros(n), *s = nn_zeros(n), *buf = nn_zeros(n);
            memcpy(p, p0, n * sizeof *p), memcpy(s, p0, n * sizeof *s);
            for (int step = 1; step <= 3; step++) {
                h.step = step;
                vec_adamw(t, p, m, v, g, n, &h);
                vec_sgd(t, s, buf, g, n, 0.1, 0.9, 0.01, 0.5, step == 1);
            }
            double ss = vec_sum_squares(t, g, n);
            if (threads == 1) {
                one_p = p, one_s = s, norm = ss;
                double want_ss = 0, err = 0;
                for (size_t i = 0; i < n; i++) {
                    double gi = (double)g[i] * 0.5, pi = (double)p0[i], mi = 0, vi = 0, si = pi, bi = 0;
                    want_ss += (double)g[i] * (double)g[i];
                    for (int step = 1; step <= 3; step++) {
                        double bc1 = 1 - pow(0.9, step), bc2 = 1 - pow(0.999, step);
                        pi *= 1 - 1e-3 * 0.1;
                        mi = 0.9 * mi + 0.1 * gi, vi = 0.999 * vi + 0.001 * gi * gi;
                        pi -= 1e-3 / bc1 * mi / (sqrt(vi) / sqrt(bc2) + 1e-8);
                        double d = gi + 0.01 * si;
                        bi = step == 1 ? d : 0.9 * bi + d;
                        si -= 0.1 * bi;
                    }
                    err = fmax(err, fmax(fabs(pi - (double)p[i]), fabs(si - (double)s[i])));
                }
                assert_true(err < 5e-7);
                assert_true(fabs(ss / want_ss - 1) < 1e-12);
            } else {
                assert_memory_equal(p, one_p, n * sizeof *p);
                assert_memory_equal(s, one_s, n * sizeof *s);
                assert_true(ss == norm);
                free(p), free(s);
            }
            vec_scale(t, m, n, 0);
            for (size_t i = 0; i < n; i++) assert_true(m[i] == 0);
            free(m), free(v), free(buf);
            team_free(t);
        }
        free(one_p), free(one_s);
    }
    free(p0), free(g);
}

static void long_batches_and_long_vectors_take_several_rounds(void **state) {
    (void)state;
    enum { LN = 300 * PANEL - 5, LDIM = 3 };
    const size_t n = (64 << 16) + 70001;
    float *xr = nn_floats(LN * LDIM, 1), *dyr = nn_floats(LN * LDIM, 1), gamma[LDIM] = {1, -2, 0.5f},
          *v = nn_floats(n, 1);
    double *xd = nn_widen(xr, LN * LDIM), *dyd = nn_widen(dyr, LN * LDIM), gd[LDIM] = {1, -2, 0.5},
           want_dg[LDIM] = {0}, want_lg[LDIM] = {0}, want_lb[LDIM] = {0};
    double *want_dx = nn_doubles(LN * LDIM), *want_lx = nn_doubles(LN * LDIM), squares = 0;
    ref_rmsnorm_grad(want_dx, want_dg, xd, gd, dyd, LN, LDIM, 1e-5);
    ref_layernorm_grad(want_lx, want_lg, want_lb, xd, gd, dyd, LN, LDIM, 1e-2);
    for (size_t i = 0; i < n; i++) squares += (double)v[i] * (double)v[i];
    FOR_CPUS(cpu) {
        struct mem mem;
        struct team *t = nn_team(&mem, 2);
        float *x = nn_panels(xr, LN, LDIM, LDIM, 0), *dy = nn_panels(dyr, LN, LDIM, LDIM, 0), dg[LDIM] = {0};
        float *dx = nn_zeros(panel_floats(300, LDIM));
        rmsnorm_backward(t, dx, LDIM, dg, x, LDIM, gamma, dy, LDIM, LDIM, 300, 1e-5f);
        double *gdx = nn_rows(dx, LN, LDIM, LDIM), *gdg = nn_widen(dg, LDIM);
        NN_CLOSE(gdx, want_dx, LN * LDIM, 1e-5);
        NN_CLOSE(gdg, want_dg, LDIM, 1e-5);
        float *lx = nn_zeros(panel_floats(300, LDIM)), lg[LDIM] = {0}, lb[LDIM] = {0};
        layernorm_backward(t, lx, LDIM, lg, lb, x, LDIM, gamma, dy, LDIM, LDIM, 300, 1e-2f);
        double *glx = nn_rows(lx, LN, LDIM, LDIM), *glg = nn_widen(lg, LDIM), *glb = nn_widen(lb, LDIM);
        NN_CLOSE(glx, want_lx, LN * LDIM, 1e-5);
        NN_CLOSE(glg, want_lg, LDIM, 1e-5);
        NN_CLOSE(glb, want_lb, LDIM, 1e-5);
        free(lx), free(glx), free(glg), free(glb);
        assert_true(fabs(vec_sum_squares(t, v, n) / squares - 1) < 1e-11); /* the plain sum rounds too */
        free(x), free(dy), free(dx), free(gdx), free(gdg);
        team_free(t);
    }
    free(xr), free(dyr), free(v), free(xd), free(dyd), free(want_dx), free(want_lx);
}

static void a_nan_gradient_makes_the_norm_and_the_parameter_nan(void **state) {
    (void)state;
    FOR_CPUS(cpu) {
        struct mem mem;
        struct team *t = nn_team(&mem, 1);
        float g[100] = {0}, p[100] = {0}, m[100] = {0}, v[100] = {0};
        g[97] = NAN;
        assert_true(isnan(vec_sum_squares(t, g, 100)));
        vec_adamw(t, p, m, v, g, 100, &(struct adamw){1e-3, 0.9, 0.999, 1e-8, 0, 1, 1});
        assert_true(isnan(p[97]) && !isnan(p[96]));
        team_free(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rmsnorm_and_its_gradient_agree_with_the_twin),
        cmocka_unit_test(the_twins_of_norm_and_gate_have_the_gradients_of_central_differences),
        cmocka_unit_test(silu_gate_and_its_gradient_agree_with_the_twin_also_in_place),
        cmocka_unit_test(layernorm_and_its_gradient_agree_with_the_twin),
        cmocka_unit_test(the_twins_of_layernorm_and_gelu_have_the_gradients_of_central_differences),
        cmocka_unit_test(gelu_and_its_gradient_agree_with_the_twin_also_in_place),
        cmocka_unit_test(gelu_by_erf_agrees_with_the_twin_value_by_value),
        cmocka_unit_test(gelu_by_erf_also_works_in_place_and_on_slices),
        cmocka_unit_test(gelu_keeps_nan_and_saturates_at_large_inputs),
        cmocka_unit_test(silu_keeps_nan_and_saturates_at_large_inputs),
        cmocka_unit_test(exp_is_accurate_overflows_to_infinity_and_keeps_nan),
        cmocka_unit_test(rope_rotates_as_the_twin_and_back),
        cmocka_unit_test(linear_scaling_divides_positions),
        cmocka_unit_test(embedding_reads_rows_of_every_type_and_adds_gradients_in_token_order),
        cmocka_unit_test(optimizer_vectors_follow_their_formulas_with_the_same_bits_for_any_threads),
        cmocka_unit_test(long_batches_and_long_vectors_take_several_rounds),
        cmocka_unit_test(a_nan_gradient_makes_the_norm_and_the_parameter_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
