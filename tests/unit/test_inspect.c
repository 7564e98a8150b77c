/* SPDX-License-Identifier: Apache-2.0 */
/* test_inspect.c - what a run changed: adapters that are made with known singular values and directions on
 * the smoke model; and the random baselines, by simulation. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/infer/infer.h"
#include "harness/report/inspect.h"
#include "harness/nn/kernels/svd_whole.h"
#include "harness/base/rng.h"
#include "harness/base/util.h"

enum { D = 64, R = 3, LAYERS = 2 };

static char dir[64];

static int setup(void **state) {
    (void)state;
    strcpy(dir, "/tmp/bench-test-inspect-XXXXXX");
    if (!mkdtemp(dir)) return -1;
    return setenv("BENCH_SHARE", "experiments", 1);
}

static int teardown(void **state) {
    (void)state;
    char *cmd = xasprintf("rm -rf %s", dir);
    int rc = system(cmd);
    free(cmd);
    return rc;
}

/* A LoRA of q_proj in both layers, alpha = 6, r = 3, so s = 2: Delta W = sum_k sigma_k e_{out k} e_{in k}^T.
 * Returns its folder; caller frees. */
static char *make_adapter(const char *name, const double sigma[R], const int out[R], const int in[R]) {
    struct err e = {0};
    struct tensor_out t[2 * LAYERS];
    char *names[2 * LAYERS], *folder = path_join(dir, name);
    float A[R * D] = {0}, B[D * R] = {0};
    for (int k = 0; k < R; k++) {
        A[k * D + in[k]] = (float)(4 - k); /* directions of A in the order of k */
        B[out[k] * R + k] = (float)(sigma[k] / 2 / (4 - k));
    }
    for (int l = 0; l < LAYERS; l++)
        for (int half = 0; half < 2; half++) {
            names[2 * l + half] =
                xasprintf("base_model.model.model.layers.%d.self_attn.q_proj.lora_%c.weight", l, "AB"[half]);
            t[2 * l + half] = (struct tensor_out){.name = names[2 * l + half],
                                                  .dtype = DT_F32,
                                                  .ndim = 2,
                                                  .shape = {half ? D : R, half ? R : D},
                                                  .data = half ? B : A};
        }
    static const char config[] =
        "{\"peft_type\": \"LORA\", \"r\": 3, \"lora_alpha\": 6, \"target_modules\": [\"q_proj\"]}";
    char *weights = path_join(folder, "adapter_model.safetensors"),
         *json = path_join(folder, "adapter_config.json");
    if (dir_make(folder, &e) || safetensors_write(weights, t, 2 * LAYERS, NULL, &e) ||
        file_write(json, config, strlen(config), &e))
        fail_msg("%s", e.msg);
    for (int i = 0; i < 2 * LAYERS; i++) free(names[i]);
    free(weights);
    free(json);
    return folder;
}

static struct inspect look(const char *folder) {
    struct inspect x;
    struct err e = {0};
    if (inspect_read(&x, folder, NULL, "smoke", 64, NULL, &e)) fail_msg("%s", e.msg);
    return x;
}

static void near(double got, double want, double rel) {
    if (fabs(got - want) > rel * fabs(want)) fail_msg("%.17g, not %.17g", got, want);
}

static void known_singular_values_are_found(void **state) {
    (void)state;
    const double sigma[R] = {0.5, 0.25, 0.125};
    const int out[R] = {5, 60, 17}, in[R] = {2, 63, 30};
    char *folder = make_adapter("known", sigma, out, in);
    struct inspect x = look(folder);
    assert_int_equal(x.n, LAYERS);
    assert_string_equal(x.site[1].name, "layers.1.q_proj");
    assert_true(x.of_A);
    struct infer base;
    struct err e = {0};
    if (infer_open(&base, "smoke", NULL, 1, 0, &e)) fail_msg("%s", e.msg);
    for (int l = 0; l < LAYERS; l++) {
        const struct inspect_site *s = &x.site[l];
        const struct site *site = NULL;
        for (int i = 0; i < base.net.nsites; i++)
            if (!strcmp(base.net.sites[i]->name, s->name)) site = base.net.sites[i];
        float W[D * D];
        weight_expand(&site->W->w, 0, D, 0, D, W, D);
        double all = 0, part = 0;
        for (int i = 0; i < D * D; i++) all += (double)W[i] * (double)W[i];
        for (int a = 0; a < R; a++)
            for (int b = 0; b < R; b++) part += pow((double)W[out[a] * D + in[b]], 2);
        assert_int_equal(s->rank, R);
        assert_int_equal(s->r, R);
        for (int k = 0; k < R; k++) near(s->sigma[k], sigma[k], 1e-7);
        near(s->norm, sqrt(0.25 + 0.0625 + 0.015625), 1e-7);
        near(s->weight_norm, sqrt(all), 1e-12);
        near(s->projected, sqrt(part), 1e-9);
        near(s->amplification, s->norm / sqrt(part), 1e-9);
        near(s->random_projected, sqrt(all) * R / D, 1e-12);
    }
    infer_close(&base);
    inspect_release(&x);
    free(folder);
}

/* A third direction of 1e-9 of the first is below the rounding of float32. */
static void what_is_below_the_tolerance_does_not_count(void **state) {
    (void)state;
    const double sigma[R] = {1, 1e-3, 1e-9};
    char *folder = make_adapter("small", sigma, (int[]){1, 2, 3}, (int[]){1, 2, 3});
    struct inspect x = look(folder);
    assert_int_equal(x.site[0].rank, 2);
    assert_true(x.site[0].tolerance > 1e-9 && x.site[0].tolerance < 1e-4);
    inspect_release(&x);
    free(folder);
}

static void an_adapter_of_zeros_has_rank_zero_and_no_amplification(void **state) {
    (void)state;
    const double sigma[R] = {0, 0, 0};
    char *folder = make_adapter("zero", sigma, (int[]){1, 2, 3}, (int[]){1, 2, 3});
    struct inspect x = look(folder);
    assert_int_equal(x.site[0].rank, 0);
    assert_true(isnan(x.site[0].amplification));
    assert_int_equal(x.site[0].ndirections, R); /* A is there */
    json_t *v = inspect_json(&x, NULL);
    json_t *row = json_array_get(json_object_get(v, "sites"), 0);
    assert_true(json_is_null(json_object_get(row, "amplification")));
    json_decref(v);
    inspect_release(&x);
    free(folder);
}

/* Inputs 10, 11, 12 against 11, 40, 10: the first directions differ; {10, 11} holds the first of the other,
 * and so on. */
static void subspaces_share_what_they_share(void **state) {
    (void)state;
    const double sigma[R] = {3, 2, 1};
    char *one = make_adapter("one", sigma, (int[]){1, 2, 3}, (int[]){10, 11, 12});
    char *two = make_adapter("two", sigma, (int[]){7, 8, 9}, (int[]){11, 40, 10});
    struct inspect x = look(one), y = look(two);
    const double want[R][R] = {{0, 0, 1}, {1, 0.5, 1}, {1, 0.5, 2.0 / 3}};
    double phi[R * R];
    inspect_phi(&x.site[0], &y.site[0], R, R, phi);
    for (int i = 0; i < R; i++)
        for (int j = 0; j < R; j++) assert_true(fabs(phi[i * R + j] - want[i][j]) < 1e-12);
    inspect_phi(&x.site[0], &x.site[0], R, R, phi);
    for (int i = 0; i < R * R; i++) near(phi[i], 1, 1e-12);
    int ni, nj, d, layers;
    double *mean = inspect_phi_mean(&x, &y, "q_proj", &ni, &nj, &d, &layers);
    assert_int_equal(layers, LAYERS);
    assert_int_equal(d, D);
    near(mean[R * R - 1], 2.0 / 3, 1e-12);
    free(mean);
    assert_null(inspect_phi_mean(&x, &y, "v_proj", &ni, &nj, &d, &layers));
    inspect_release(&x);
    inspect_release(&y);
    free(one);
    free(two);
}

/* ---- baselines ----------------------------------------------------------------------------------------- */

/* [k][n] orthonormal rows, uniformly distributed: of a matrix of normal numbers (Box and Muller). */
static double *random_directions(int trial, const char *name, int k, int n) {
    size_t count = (size_t)k * (size_t)n;
    float *u = xmalloc(2 * count * sizeof *u);
    double *M = xmalloc(count * sizeof *M), *U = xmalloc((size_t)k * (size_t)k * sizeof *U),
           *S = xmalloc((size_t)k * sizeof *S), *V = xmalloc(count * sizeof *V);
    rng_fill_uniform(rng_make((uint64_t)trial, name, 0), u, 2 * count, 1);
    for (size_t i = 0; i < count; i++)
        M[i] =
            sqrt(-2 * log((fabs((double)u[2 * i]) + 1e-12))) * cos(3.14159265358979 * (double)u[2 * i + 1]);
    assert_int_equal(svd_whole(M, k, n, U, S, V), 0);
    free(u), free(M), free(U), free(S);
    return V;
}

static void random_subspaces_have_the_expected_similarity(void **state) {
    (void)state;
    enum { N = 30, I = 4, J = 9, TRIALS = 400 };
    double mean[I * J] = {0}, phi[I * J];
    for (int t = 0; t < TRIALS; t++) {
        struct inspect_site a = {.d_in = N, .ndirections = I, .direction = random_directions(t, "a", I, N)},
                            b = {.d_in = N, .ndirections = J, .direction = random_directions(t, "b", J, N)};
        inspect_phi(&a, &b, I, J, phi);
        for (int k = 0; k < I * J; k++) mean[k] += phi[k] / TRIALS;
        free(a.direction);
        free(b.direction);
    }
    for (int i = 1; i <= I; i++)
        for (int j = 1; j <= J; j++)
            assert_true(fabs(mean[(i - 1) * J + j - 1] - inspect_phi_random(i, j, N)) <
                        0.012); /* 3 standard errors of the worst */
}

/* E ||U^T W V^T||^2 = ||W||^2 k^2 / (m n). */
static void random_directions_see_the_expected_part_of_w(void **state) {
    (void)state;
    enum { M = 24, N = 40, K = 5, TRIALS = 300 };
    float W[M * N];
    double sum = 0, all = 0;
    rng_fill_uniform(rng_make(1, "w", 0), W, M * N, 1);
    for (int i = 0; i < M * N; i++) all += (double)W[i] * (double)W[i];
    for (int t = 0; t < TRIALS; t++) {
        double *u = random_directions(t, "u", K, M), *v = random_directions(t, "v", K, N), U[M * K];
        for (int i = 0; i < M; i++)
            for (int k = 0; k < K; k++) U[i * K + k] = u[k * M + i];
        sum += pow(svd_projected(U, K, v, K, W, M, N), 2) / TRIALS;
        free(u);
        free(v);
    }
    near(sqrt(sum), sqrt(all) * K / sqrt((double)M * N), 0.03);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_singular_values_are_found),
        cmocka_unit_test(what_is_below_the_tolerance_does_not_count),
        cmocka_unit_test(an_adapter_of_zeros_has_rank_zero_and_no_amplification),
        cmocka_unit_test(subspaces_share_what_they_share),
        cmocka_unit_test(random_subspaces_have_the_expected_similarity),
        cmocka_unit_test(random_directions_see_the_expected_part_of_w),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
