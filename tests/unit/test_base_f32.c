/* SPDX-License-Identifier: Apache-2.0 */
/* test_base_f32.c - `weights: f32`: the base expanded once gives the same bits as the kernels' own expansion,
 * in memory of one's own or shared, and is counted as it is planned. */
#include <unistd.h>

#include "harness/train/base_f32.h"
#include "harness/record/identity.h"
#include "harness/sweep/sweep.h"
#include "tests/engine.h"

static char folder[] = "/tmp/bench-expand-XXXXXX";

/* A golden model with its matrices in bfloat16, its vectors as they are. */
static char *make_half(const char *golden, const char *name) {
    struct modelfile *f;
    struct err e = {0};
    if (modelfile_open(&f, golden, &e)) fail_msg("%s", e.msg);
    char *dir = path_join(folder, name), *weights, *cmd;
    int n = modelfile_count(f);
    struct tensor_out *t = xcalloc((size_t)n, sizeof *t);
    uint16_t **half = xcalloc((size_t)n, sizeof *half);
    for (int i = 0; i < n; i++) {
        const struct tensor *x = modelfile_at(f, i);
        t[i] = (struct tensor_out){.name = x->name, .dtype = x->dtype, .ndim = x->ndim, .data = x->data};
        memcpy(t[i].shape, x->shape, sizeof x->shape);
        if (x->ndim != 2 || x->dtype != DT_F32) continue;
        size_t count = x->bytes / sizeof(float);
        half[i] = xcalloc(count, sizeof **half);
        /* the upper half of each */
        for (size_t k = 0; k < count; k++) half[i][k] = ((const uint16_t *)x->data)[2 * k + 1];
        t[i].dtype = DT_BF16;
        t[i].data = half[i];
    }
    weights = path_join(dir, "model.safetensors");
    cmd = xasprintf("cp %s/config.json %s", golden, dir);
    assert_int_equal(dir_make(dir, &e), 0);
    assert_int_equal(safetensors_write(weights, t, n, NULL, &e), 0);
    assert_int_equal(system(cmd), 0);
    for (int i = 0; i < n; i++) free(half[i]);
    free(half), free(t), free(weights), free(cmd);
    modelfile_close(f);
    return dir;
}

static void batch_init(struct engine_batch *b) {
    static const int offsets[] = {0, 23, 61};
    int ids[61], labels[61];
    for (int t = 0; t < 61; t++) {
        ids[t] = (t * 37 + 5) % 97;
        labels[t] = t == 0 || t == 23 ? -100 : ids[t];
    }
    engine_batch_init(b, ids, labels, offsets, 2);
}

/* The loss after two steps; how: 'n' native, 'f' expanded, 's' expanded by somebody else. *base: bytes
 * counted. */
static double two_steps(const char *model, const char *method, char how, size_t *base) {
    struct engine g;
    struct engine_batch b;
    struct base_f32 x = {0};
    struct err e = {0};
    engine_open(&g, model, method, NULL, 2, 0, false);
    int fd = how == 's' ? base_f32_shared(model, &e) : 0;
    if (how == 's' && fd < 0) fail_msg("%s", e.msg);
    if (how != 'n') assert_int_equal(base_f32_base(&x, &g.net, fd, &e), 0);
    *base = g.mem.live[MEM_BASE];
    batch_init(&b);
    engine_loss(&g, &b, true, NULL);
    engine_update(&g);
    double loss = engine_loss(&g, &b, true, NULL);
    engine_batch_release(&b);
    engine_close(&g);
    base_f32_release(&x);
    if (fd > 0) close(fd);
    return loss;
}

static const char *const goldens[] = {"tests/golden/llama_tied", "tests/golden/llama_untied",
                                      "tests/golden/gpt2_tiny"};

static void every_method_computes_the_same_bits_native_expanded_and_shared(void **state) {
    (void)state;
    for (size_t a = 0; a < ARRAY_LEN(goldens); a++) {
        char *model = make_half(goldens[a], strrchr(goldens[a], '/') + 1);
        for (int i = 0; method_list[i]; i++) {
            const char *m = method_list[i]->name;
            if (method_is_base(method_list[i]) || (a < 2 && !strcmp(m, "bitfit"))) continue;
            size_t native, own, shared;
            double n = two_steps(model, m, 'n', &native), f = two_steps(model, m, 'f', &own),
                   s = two_steps(model, m, 's', &shared);
            if (memcmp(&n, &f, sizeof n) || memcmp(&n, &s, sizeof n))
                fail_msg("%s %s: native %.17g f32 %.17g shared %.17g", model, m, n, f, s);
            assert_int_equal(own, shared);
            assert_true(own >= native);
        }
        free(model);
    }
}

static void counting_and_expanding_count_the_same(void **state) {
    (void)state;
    char *model = make_half(goldens[0], "count");
    struct engine plan, run;
    struct base_f32 a, b;
    struct err e = {0};
    engine_open(&plan, model, "lora", NULL, 1, 0, true);
    engine_open(&run, model, "lora", NULL, 1, 0, false);
    size_t before = run.mem.live[MEM_BASE];
    assert_int_equal(base_f32_base(&a, &plan.net, 0, &e), 0);
    assert_int_equal(base_f32_base(&b, &run.net, 0, &e), 0);
    assert_int_equal(plan.mem.live[MEM_BASE], run.mem.live[MEM_BASE]);
    assert_int_equal(plan.mem.total_peak, run.mem.total_peak);
    assert_null(a.map);
    assert_true(run.mem.live[MEM_BASE] > before * 3 / 2);
    engine_close(&plan), engine_close(&run);
    base_f32_release(&a), base_f32_release(&b);
    free(model);
}

/* What a GGUF file holds: blocks, and the rows of q in llama.cpp's order. */
static void blocks_and_permuted_rows_become_plain_float32(void **state) {
    (void)state;
    struct engine g;
    struct base_f32 x;
    struct err e = {0};
    engine_open(&g, goldens[0], "lora", NULL, 1, 0, false);
    struct param *p = g.net.sites[0]->W;
    int rows = p->rows, cols = p->cols, blocks = (cols + 31) / 32;
    uint8_t *q = xcalloc((size_t)rows * (size_t)blocks, 34);
    for (int i = 0; i < rows * blocks; i++) {
        q[i * 34 + 1] = 0x2c; /* f16 1/16 */
        for (int k = 0; k < 32; k++) q[i * 34 + 2 + k] = (uint8_t)(i * 7 + k);
    }
    mem_note(&g.mem, MEM_BASE, (ptrdiff_t)rows * blocks * 34 - (ptrdiff_t)weight_stored_bytes(&p->w));
    p->w = (struct weight){.dtype = DT_Q8_0,
                           .rows = rows,
                           .cols = cols,
                           .data = q,
                           .row_bytes = (size_t)blocks * 34,
                           .rope_heads = 2};
    float *want = xcalloc((size_t)rows * (size_t)cols, sizeof *want);
    weight_expand(&p->w, 0, rows, 0, cols, want, cols);
    assert_int_equal(base_f32_base(&x, &g.net, 0, &e), 0);
    const float *got;
    int ld;
    assert_true(weight_is_plain(&p->w, &got, &ld));
    assert_memory_equal(got, want, (size_t)rows * (size_t)cols * sizeof *want);
    free(q), free(want);
    engine_close(&g);
    base_f32_release(&x);
}

static void weights_are_no_part_of_a_runs_identity(void **state) {
    (void)state;
    char a[65], b[65];
    json_t *c = engine_config("lora", NULL);
    identity_hash(c, a);
    cfg_set(c, "weights", json_string("f32"));
    identity_hash(c, b);
    assert_string_equal(a, b);
    json_decref(c);
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    char *cmd = xasprintf("rm -r %s", folder);
    int rc = system(cmd);
    free(cmd);
    return rc;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_computes_the_same_bits_native_expanded_and_shared),
        cmocka_unit_test(counting_and_expanding_count_the_same),
        cmocka_unit_test(blocks_and_permuted_rows_become_plain_float32),
        cmocka_unit_test(weights_are_no_part_of_a_runs_identity),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
