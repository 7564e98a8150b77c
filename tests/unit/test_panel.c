/* SPDX-License-Identifier: Apache-2.0 */
/* test_panel.c - products, weight gradients, layouts and stored types on panels, against the row-major twins
 * and OpenBLAS. */
#include "tests/unit/nn_util.h"
#include "harness/nn/kernels/attention.h"
#include "harness/nn/kernels/xent.h"
#include "harness/nn/kernels/vec.h"

#include <cblas.h>

static const enum dtype all_types[] = {DT_F32, DT_F16, DT_BF16, DT_Q8_0, DT_Q4_0, DT_Q4_1};

/* ---- stored types -------------------------------------------------------------------------------------- */

static void expansion_equals_the_format_definition_bit_for_bit(void **state) {
    (void)state;
    for (size_t ti = 0; ti < ARRAY_LEN(all_types); ti++)
        for (int rope = 0; rope < 2; rope++) {
            struct weight w = nn_weight(all_types[ti], 24, 150);
            if (rope) w.rope_heads = 3;
            float *want = nn_zeros(24 * 150), *got = nn_zeros(24 * 200);
            ref_expand(&w, want);
            FOR_CPUS(cpu) {
                static const int cols[][2] = {{0, 150},  {0, 1},   {32, 96}, {64, 33},
                                              {128, 22}, {96, 54}, {0, 0}};
                for (size_t c = 0; c < ARRAY_LEN(cols); c++) {
                    memset(got, 0x55, sizeof(float) * 24 * 200);
                    weight_expand(&w, 3, 17, cols[c][0], cols[c][1], got, 200);
                    for (int i = 0; i < 17; i++) {
                        assert_memory_equal(got + i * 200, want + (i + 3) * 150 + cols[c][0],
                                            sizeof(float) * (size_t)cols[c][1]);
                        uint32_t after;
                        memcpy(&after, got + i * 200 + cols[c][1], 4);
                        assert_int_equal(after, 0x55555555); /* nothing beyond the columns asked for */
                    }
                }
            }
            free((void *)w.data);
            free(want);
            free(got);
        }
}

static void every_half_precision_value_expands_as_defined(void **state) {
    (void)state;
    uint16_t *h = nn_alloc(sizeof(uint16_t) * 65536);
    for (int i = 0; i < 65536; i++) h[i] = (uint16_t)i;
    float *got = nn_zeros(65536), *want = nn_zeros(65536);
    for (int bf = 0; bf < 2; bf++) {
        struct weight w = {
            .dtype = bf ? DT_BF16 : DT_F16, .rows = 1, .cols = 65536, .data = h, .row_bytes = 131072};
        ref_expand(&w, want);
        FOR_CPUS(cpu) {
            weight_expand(&w, 0, 1, 0, 65536, got, 65536);
            for (int i = 0; i < 65536; i++) {
                if (isnan(want[i]))
                    assert_true(isnan(got[i]));
                else
                    assert_memory_equal(got + i, want + i, 4);
            }
        }
    }
    free(h), free(got), free(want);
}

/* ---- panel_mm ------------------------------------------------------------------------------------------ */

struct mm_case {
    int n, m, k, r; /* r: rank of a second, low-rank term (0: none) */
    bool trans, bias, accumulate;
    int pad; /* extra features per panel */
};

static const struct mm_case mm_cases[] = {
    {1, 1, 1, 0, false, false, false, 0},       {32, 12, 32, 0, false, false, false, 0},
    {33, 48, 80, 1, false, true, false, 5},     {64, 97, 97, 8, true, true, true, 3},
    {100, 80, 48, 0, true, false, true, 1},     {31, 16, 576, 8, false, false, false, 0},
    {70, 13, 100, 2, false, true, true, 7},     {290, 100, 64, 3, true, false, false, 2},
    {40, 192, 1700, 8, false, true, false, 0},  {40, 1700, 192, 8, true, false, true, 0},
    {600, 8, 96, 0, false, false, false, 0},    {20, 23, 769, 64, true, true, false, 0},
    {65, 11, 800, 40, false, false, true, 4},   {50, 7, 5, 1, true, true, true, 0},
    {160, 105, 833, 16, true, false, false, 0}, {12, 10, 9, 0, false, false, false, 1},
};

struct mm_data {
    struct weight w, b;
    float *x, *u, *bias, *y0;
    double *want;
};

/* Random operands of a case and the twin's result in rows. */
static void mm_make(const struct mm_case *c, enum dtype t, struct mm_data *d) {
    int n = c->n, m = c->m, k = c->k, r = c->r;
    d->w = nn_weight(t, c->trans ? k : m, c->trans ? m : k);
    d->b = nn_weight(DT_F32, c->trans ? r : m, c->trans ? m : r);
    float *xr = nn_floats((size_t)n * k, 1), *ur = nn_floats((size_t)n * r, 1),
          *y = nn_floats((size_t)n * m, 1);
    d->bias = nn_floats((size_t)m, 1);
    d->x = nn_panels(xr, n, k, k + c->pad, NAN);
    d->u = nn_panels(ur, n, r, r + c->pad, NAN);
    d->y0 = nn_panels(y, n, m, m + c->pad, 7);
    d->want = nn_doubles((size_t)n * m);
    for (int i = 0; i < n * m; i++)
        d->want[i] = (c->accumulate ? (double)y[i] : 0) + (c->bias ? (double)d->bias[i % m] : 0);
    float *wf = nn_zeros((size_t)m * k);
    ref_expand(&d->w, wf);
    double *wd = nn_widen(wf, (size_t)m * k), *xd = nn_widen(xr, (size_t)n * k);
    double *bd = nn_widen(d->b.data, (size_t)m * r), *ud = nn_widen(ur, (size_t)n * r);
    ref_mm(d->want, xd, wd, c->trans, n, m, k);
    ref_mm(d->want, ud, bd, c->trans, n, m, r);
    free(xr), free(ur), free(y), free(wf), free(wd), free(xd), free(bd), free(ud);
}

static void mm_free(struct mm_data *d) {
    free((void *)d->w.data), free((void *)d->b.data);
    free(d->x), free(d->u), free(d->bias), free(d->y0), free(d->want);
}

static float *mm_run(const struct mm_case *c, const struct mm_data *d, const struct weight *w, int threads) {
    struct mem mem;
    struct team *t = nn_team(&mem, threads);
    int np = panels(c->n), ldy = c->m + c->pad;
    float *y = nn_zeros(panel_floats(np, ldy));
    memcpy(y, d->y0, sizeof(float) * panel_floats(np, ldy));
    struct term terms[2] = {{w, c->trans, d->x, c->k + c->pad}, {&d->b, c->trans, d->u, c->r + c->pad}};
    panel_mm(t, y, ldy, c->m, np, terms, c->r ? 2 : 1, c->bias ? d->bias : NULL, c->accumulate);
    for (int p = 0; p < np; p++) /* features beyond m are not touched */
        for (int f = c->m; f < ldy; f++) assert_true(y[((size_t)p * ldy + f) * PANEL] == 7);
    team_free(t);
    assert_int_equal(mem.total, 0);
    return y;
}

static void products_agree_with_the_twin_for_every_shape_type_and_path(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mm_cases); i++)
        for (size_t ti = 0; ti < ARRAY_LEN(all_types); ti++) {
            const struct mm_case *c = &mm_cases[i];
            struct mm_data d;
            mm_make(c, all_types[ti], &d);
            FOR_CPUS(cpu) {
                float *y = mm_run(c, &d, &d.w, 2);
                double *got = nn_rows(y, c->n, c->m, c->m + c->pad);
                NN_CLOSE(got, d.want, (size_t)c->n * c->m, 2e-6);
                free(got), free(y);
            }
            mm_free(&d);
        }
}

static void products_are_bit_identical_for_any_number_of_threads(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mm_cases); i++) {
        const struct mm_case *c = &mm_cases[i];
        struct mm_data d;
        mm_make(c, DT_F32, &d);
        FOR_CPUS(cpu) {
            float *one = mm_run(c, &d, &d.w, 1);
            for (int threads = 2; threads <= 4; threads++) {
                float *y = mm_run(c, &d, &d.w, threads);
                assert_memory_equal(y, one, sizeof(float) * panel_floats(panels(c->n), c->m + c->pad));
                free(y);
            }
            free(one);
        }
        mm_free(&d);
    }
}

static void a_stored_type_gives_the_bits_of_its_float32_expansion(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mm_cases); i++)
        for (size_t ti = 1; ti < ARRAY_LEN(all_types); ti++) {
            const struct mm_case *c = &mm_cases[i];
            struct mm_data d;
            mm_make(c, all_types[ti], &d);
            float *wf = nn_zeros((size_t)c->m * c->k);
            ref_expand(&d.w, wf);
            struct weight plain = weight_f32(wf, d.w.rows, d.w.cols, d.w.cols);
            FOR_CPUS(cpu) {
                float *a = mm_run(c, &d, &d.w, 1), *b = mm_run(c, &d, &plain, 3);
                assert_memory_equal(a, b, sizeof(float) * panel_floats(panels(c->n), c->m + c->pad));
                free(a), free(b);
            }
            free(wf);
            mm_free(&d);
        }
}

static void a_transposed_file_gives_the_bits_of_the_matrix_the_other_way_round(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mm_cases); i++)
        for (size_t ti = 0; ti < 3; ti++) {
            const struct mm_case *c = &mm_cases[i];
            struct mm_data d;
            mm_make(c, DT_F32, &d);
            int rows = d.w.rows, cols = d.w.cols;
            struct weight stored = nn_weight(all_types[ti], cols, rows), w = stored;
            w.rows = rows, w.cols = cols, w.transposed = true;
            assert_int_equal(weight_stored_bytes(&w), weight_stored_bytes(&stored));
            float *want = nn_zeros((size_t)rows * cols), *got = nn_zeros((size_t)rows * cols),
                  *part = nn_zeros((size_t)rows * cols);
            ref_expand(&w, want);
            struct weight plain = weight_f32(want, rows, cols, cols);
            FOR_CPUS(cpu) {
                weight_expand(&w, 0, rows, 0, cols, got, cols);
                assert_memory_equal(got, want, sizeof(float) * (size_t)rows * cols);
                int r0 = rows / 3, c0 = cols / 2;
                weight_expand(&w, r0, rows - r0, c0, cols - c0, part, cols);
                for (int a = r0; a < rows; a++)
                    assert_memory_equal(part + (size_t)(a - r0) * cols, want + (size_t)a * cols + c0,
                                        sizeof(float) * (size_t)(cols - c0));
                float *a = mm_run(c, &d, &w, 2), *b = mm_run(c, &d, &plain, 1);
                assert_memory_equal(a, b, sizeof(float) * panel_floats(panels(c->n), c->m + c->pad));
                free(a), free(b);
            }
            free((void *)stored.data), free(want), free(got), free(part);
            mm_free(&d);
        }
}

static void products_agree_with_openblas(void **state) {
    (void)state;
    struct mm_case c = {200, 150, 300, 0, false, false, false, 0};
    for (int trans = 0; trans < 2; trans++) {
        struct mem mem;
        struct team *t = nn_team(&mem, 2);
        float *w = nn_floats(150 * 300, 1), *x = nn_floats(200 * 300, 1), *want = nn_zeros(200 * 150);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, trans ? CblasNoTrans : CblasTrans, c.n, c.m, c.k, 1, x, c.k,
                    w, trans ? c.m : c.k, 0, want, c.m);
        float *xp = nn_panels(x, c.n, c.k, c.k, 0), *y = nn_zeros(panel_floats(panels(c.n), c.m));
        struct weight weight = weight_f32(w, trans ? c.k : c.m, trans ? c.m : c.k, trans ? c.m : c.k);
        panel_mm(t, y, c.m, c.m, panels(c.n), &(struct term){&weight, trans, xp, c.k}, 1, NULL, false);
        double *got = nn_rows(y, c.n, c.m, c.m), *wd = nn_widen(want, 200 * 150);
        NN_CLOSE(got, wd, 200 * 150, 2e-6);
        float *dw = nn_zeros(150 * 300), *dwb = nn_zeros(150 * 300);
        panel_outer(t, dw, 300, y, c.m, 150, xp, 300, 300, panels(c.n));
        float *yr = nn_zeros(200 * 150);
        panel_to_rows(t, yr, y, c.m, c.m, c.n);
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, 150, 300, 200, 1, yr, 150, x, 300, 0, dwb, 300);
        double *a = nn_widen(dw, 150 * 300), *b = nn_widen(dwb, 150 * 300);
        NN_CLOSE(a, b, 150 * 300, 2e-6);
        free(w), free(x), free(want), free(xp), free(y), free(got), free(wd), free(dw), free(dwb), free(yr),
            free(a), free(b);
        team_free(t);
    }
}

static void a_nan_in_a_weight_or_an_input_reaches_the_output(void **state) {
    (void)state;
    FOR_CPUS(cpu) {
        struct mem mem;
        struct team *t = nn_team(&mem, 1);
        float *w = nn_floats(20 * 50, 1), *x = nn_floats(32 * 50, 1), *y = nn_zeros(32 * 20);
        w[7 * 50 + 49] = NAN;
        x[13 * 32 + 5] = INFINITY;
        struct weight weight = weight_f32(w, 20, 50, 50);
        panel_mm(t, y, 20, 20, 1, &(struct term){&weight, false, x, 50}, 1, NULL, false);
        for (int i = 0; i < 20; i++)
            for (int j = 0; j < 32; j++) {
                if (i == 7)
                    assert_true(isnan(y[i * 32 + j]));
                else if (j == 5)
                    assert_true(isinf(y[i * 32 + j]));
                else
                    assert_true(isfinite(y[i * 32 + j]));
            }
        free(w), free(x), free(y);
        team_free(t);
    }
}

/* ---- reductions over tokens ---------------------------------------------------------------------------- */

static void weight_gradients_agree_with_the_twin_and_between_threads(void **state) {
    (void)state;
    static const int shapes[][3] = {{1, 1, 1},   {33, 8, 100}, {64, 100, 8},    {100, 97, 80}, {600, 50, 33},
                                    {40, 1, 64}, {40, 64, 1},  {550, 130, 200}, {31, 200, 31}, {96, 16, 16}};
    for (size_t s = 0; s < ARRAY_LEN(shapes); s++) {
        int n = shapes[s][0], m = shapes[s][1], k = shapes[s][2], ld = k + 3;
        float *dyr = nn_floats((size_t)n * m, 1), *xr = nn_floats((size_t)n * k, 1),
              *dw0 = nn_floats((size_t)m * ld, 1);
        float *dy = nn_panels(dyr, n, m, m + 2, NAN), *x = nn_panels(xr, n, k, k + 1, NAN);
        double *want = nn_doubles((size_t)m * k), *dyd = nn_widen(dyr, (size_t)n * m),
               *xd = nn_widen(xr, (size_t)n * k);
        for (int i = 0; i < m * k; i++) want[i] = (double)dw0[i / k * ld + i % k];
        ref_outer(want, dyd, xd, n, m, k);
        FOR_CPUS(cpu) {
            float *one = NULL;
            for (int threads = 1; threads <= 4; threads++) {
                struct mem mem;
                struct team *t = nn_team(&mem, threads);
                float *dw = nn_zeros((size_t)m * ld);
                memcpy(dw, dw0, sizeof(float) * (size_t)m * ld);
                panel_outer(t, dw, ld, dy, m + 2, m, x, k + 1, k, panels(n));
                team_free(t);
                if (threads == 1) {
                    double *got = nn_doubles((size_t)m * k);
                    for (int i = 0; i < m * k; i++) got[i] = (double)dw[i / k * ld + i % k];
                    NN_CLOSE(got, want, (size_t)m * k, 3e-6);
                    for (int i = 0; i < m; i++) assert_memory_equal(dw + i * ld + k, dw0 + i * ld + k, 12);
                    free(got);
                    one = dw;
                    continue;
                }
                assert_memory_equal(dw, one, sizeof(float) * (size_t)m * ld);
                free(dw);
            }
            free(one);
        }
        free(dyr), free(xr), free(dw0), free(dy), free(x), free(want), free(dyd), free(xd);
    }
}

static void row_sums_dots_and_scales_agree_with_plain_loops(void **state) {
    (void)state;
    enum { N = 75, M = 23, LD = 25 };
    float *ar = nn_floats(N * M, 1), *br = nn_floats(N * M, 1), *v = nn_floats(M, 1);
    float *a = nn_panels(ar, N, M, LD, NAN), *b = nn_panels(br, N, M, LD, NAN);
    FOR_CPUS(cpu) {
        struct mem mem;
        struct team *t = nn_team(&mem, 2);
        float s[M] = {0}, d[M] = {0};
        panel_row_sum(t, s, a, LD, M, panels(N));
        panel_row_dot(t, d, a, LD, b, LD, M, panels(N));
        float *y = nn_panels(br, N, M, LD, 0);
        panel_row_scale(t, y, LD, a, LD, v, 0.5f, M, panels(N), true);
        panel_add(t, y, LD, a, LD, M, panels(N));
        for (int i = 0; i < M; i++) {
            double sum = 0, dot = 0;
            for (int n = 0; n < N; n++) {
                sum += (double)ar[n * M + i];
                dot += (double)ar[n * M + i] * (double)br[n * M + i];
                double want = (double)br[n * M + i] + (0.5 * (double)v[i] + 1) * (double)ar[n * M + i];
                float got = y[((n / PANEL) * LD + i) * PANEL + n % PANEL];
                assert_true(fabs((double)got - want) < 1e-6);
            }
            assert_true(fabs((double)s[i] - sum) < 1e-5 && fabs((double)d[i] - dot) < 1e-5);
        }
        panel_row_scale(t, y, LD, y, LD, NULL, 2, M, panels(N), false);
        panel_zero(t, y, LD, 5, panels(N));
        panel_copy(t, y + 7 * PANEL, LD, a + 3 * PANEL, LD, 4, panels(N));
        for (int p = 0; p < panels(N); p++)
            for (int j = 0; j < PANEL; j++) {
                assert_true(y[(p * LD + 4) * PANEL + j] == 0);
                assert_true(y[(p * LD + 8) * PANEL + j] == a[(p * LD + 4) * PANEL + j]);
            }
        free(y);
        team_free(t);
    }
    free(ar), free(br), free(v), free(a), free(b);
}

/* ---- layouts ------------------------------------------------------------------------------------------- */

static void rows_gather_and_scatter_move_every_element(void **state) {
    (void)state;
    static const int shapes[][2] = {{1, 1}, {32, 32}, {33, 31}, {100, 97}, {64, 576}, {95, 64}};
    for (size_t s = 0; s < ARRAY_LEN(shapes); s++) {
        int n = shapes[s][0], d = shapes[s][1], ld = d + 2, np = panels(n);
        float *rows = nn_floats((size_t)n * d, 1), *want = nn_panels(rows, n, d, ld, 3);
        FOR_CPUS(cpu) {
            struct mem mem;
            struct team *t = nn_team(&mem, 2);
            float *x = nn_zeros(panel_floats(np, ld)), *back = nn_zeros((size_t)n * d);
            for (size_t i = 0; i < panel_floats(np, ld); i++) x[i] = 3;
            panel_from_rows(t, x, ld, rows, d, n);
            assert_memory_equal(x, want, sizeof(float) * panel_floats(np, ld));
            panel_to_rows(t, back, x, ld, d, n);
            assert_memory_equal(back, rows, sizeof(float) * (size_t)n * d);
            int32_t *idx = nn_alloc(sizeof(int32_t) * (size_t)(n + 1)); /* every second token, backwards */
            int picked = 0;
            for (int i = n - 1; i >= 0; i -= 2) idx[picked++] = i;
            float *y = nn_zeros(panel_floats(panels(picked), d + 1));
            for (size_t i = 0; i < panel_floats(panels(picked), d + 1); i++) y[i] = 9;
            panel_gather(t, y, d + 1, x, ld, d, idx, picked);
            for (int j = 0; j < panels(picked) * PANEL; j++)
                for (int f = 0; f < d; f++)
                    assert_true(y[((size_t)(j / PANEL) * (d + 1) + f) * PANEL + j % PANEL] ==
                                (j < picked ? rows[(size_t)idx[j] * d + f] : 0));
            panel_scatter(t, x, ld, np, y, d + 1, d, idx, picked);
            panel_to_rows(t, back, x, ld, d, n);
            for (int j = 0; j < n * d; j++) assert_true(back[j] == ((n - 1 - j / d) % 2 == 0 ? rows[j] : 0));
            free(x), free(back), free(idx), free(y);
            team_free(t);
        }
        free(rows), free(want);
    }
}

static void empty_batches_are_no_work(void **state) {
    (void)state;
    struct mem mem;
    struct team *t = nn_team(&mem, 2);
    float w[4] = {1, 2, 3, 4}, x[64], y[64] = {5};
    struct weight weight = weight_f32(w, 2, 2, 2), none = weight_f32(w, 0, 2, 2);
    panel_mm(t, y, 2, 2, 0, &(struct term){&weight, false, x, 2}, 1, NULL, false);
    panel_mm(t, y, 2, 0, 1, &(struct term){&none, false, x, 2}, 1, NULL, false);
    panel_outer(t, w, 2, y, 2, 2, x, 2, 2, 0);
    xent(t, y, NULL, NULL, 0, NULL, NULL, &weight, NULL, x, 2, 0, NULL, 1);
    attention_forward(t, &(struct attention){1, 1, 2, 1, true, NULL, NULL, 0}, y, 2, y, x, 2, x, 2, x, 2);
    assert_true(vec_sum_squares(t, x, 0) == 0 && y[0] == 5 && w[0] == 1);
    team_free(t);
}

static void scratch_of_a_team_is_a_constant_per_thread(void **state) {
    (void)state;
    struct mem a, b;
    struct team *t1 = nn_team(&a, 1), *t3 = nn_team(&b, 3);
    size_t one = a.live[MEM_SCRATCH], three = b.live[MEM_SCRATCH];
    team_free(t1), team_free(t3);
    struct team *again = nn_team(&a, 1);
    assert_int_equal(a.live[MEM_SCRATCH], one);
    assert_true(three > one);
    team_free(again);
    assert_int_equal(a.total, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expansion_equals_the_format_definition_bit_for_bit),
        cmocka_unit_test(every_half_precision_value_expands_as_defined),
        cmocka_unit_test(products_agree_with_the_twin_for_every_shape_type_and_path),
        cmocka_unit_test(products_are_bit_identical_for_any_number_of_threads),
        cmocka_unit_test(a_stored_type_gives_the_bits_of_its_float32_expansion),
        cmocka_unit_test(a_transposed_file_gives_the_bits_of_the_matrix_the_other_way_round),
        cmocka_unit_test(products_agree_with_openblas),
        cmocka_unit_test(a_nan_in_a_weight_or_an_input_reaches_the_output),
        cmocka_unit_test(weight_gradients_agree_with_the_twin_and_between_threads),
        cmocka_unit_test(row_sums_dots_and_scales_agree_with_plain_loops),
        cmocka_unit_test(rows_gather_and_scatter_move_every_element),
        cmocka_unit_test(empty_batches_are_no_work),
        cmocka_unit_test(scratch_of_a_team_is_a_constant_per_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
