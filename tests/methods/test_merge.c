/* SPDX-License-Identifier: Apache-2.0 */
/* test_merge.c - a model written with its adapter in its weights computes what the two compute side by side,
 * for every method of the registry and every layout of files; the base stays as it was. */
#include <unistd.h>

#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/merge.h"
#include "tests/methods/battery.h"

enum { TOKENS = 41, VOCAB = TINY_VOCAB };
static char dir[] = "/tmp/bench-merge-XXXXXX";

/* A copy of the model in `dir`/base. */
static char *make_base(const char *model) {
    char *cmd = xasprintf("rm -rf %s/* && mkdir %s/base && cp %s/* %s/base", dir, dir, model, dir);
    assert_int_equal(system(cmd), 0);
    free(cmd);
    return path_join(dir, "base");
}

static void batch_init(struct engine_batch *b) {
    static const int offsets[] = {0, 17, TOKENS};
    int ids[TOKENS];
    for (int t = 0; t < TOKENS; t++) ids[t] = (t * 31 + 7) % VOCAB;
    int labels[TOKENS];
    for (int t = 0; t < TOKENS; t++) labels[t] = t % 17 > 1 ? ids[t] : -100;
    engine_batch_init(b, ids, labels, offsets, 2);
}

/* Trained for a few steps from a start where nothing is zero. */
static void train(struct engine *g, struct engine_batch *b) {
    disturb(g);
    steps(g, b, 5);
}

static double worst(const float *a, const float *b) {
    double d = 0, m = 0;
    for (int i = 0; i < TOKENS * VOCAB; i++) {
        if (!isfinite(a[i]) || !isfinite(b[i])) return INFINITY;
        d = fmax(d, fabs((double)a[i] - (double)b[i]));
        m = fmax(m, fabs((double)b[i]));
    }
    return d / m;
}

static void digest(const char *folder, char hex[65]) {
    char *cmd = xasprintf("cd %s && cat *.safetensors *.json | sha256sum", folder);
    FILE *f = popen(cmd, "r");
    assert_non_null(f);
    assert_int_equal(fread(hex, 1, 64, f), 64);
    hex[64] = 0;
    pclose(f);
    free(cmd);
}

/* Write the trained model in `type`, load that; the worst difference of its logits. */
static double merged_error(const char *base, const struct method *m, enum dtype type) {
    static float want[TOKENS * VOCAB], again[TOKENS * VOCAB], got[TOKENS * VOCAB];
    char before[65], after[65], *out = path_join(dir, "merged");
    struct engine g, h;
    struct engine_batch b;
    struct checkpoint_saved saved;
    struct err e = {0};
    digest(base, before);
    batch_init(&b);
    engine_open(&g, base, m->name, NULL, 1, 7, false);
    train(&g, &b);
    engine_loss(&g, &b, false, want);
    if (checkpoint_save_as(&g.net, g.model, g.state, g.file, type, out, &saved, &e))
        fail_msg("%s: %s", m->name, e.msg);
    engine_loss(&g, &b, false, again);
    assert_memory_equal(want, again, sizeof want);
    engine_close(&g);
    engine_open(&h, out, method_base()->name, NULL, 1, 7, false);
    engine_loss(&h, &b, false, got);
    engine_close(&h);
    engine_batch_release(&b);
    digest(base, after);
    assert_string_equal(before, after);
    free(out);
    return worst(got, want);
}

static void merged_models_compute_what_base_and_adapter_compute(void **state) {
    (void)state;
    double most = 0;
    EACH_ARCH {
        char *base = make_base(arch->folder);
        for (const struct method *const *m = method_list; *m; m++) {
            if (method_is_base(*m) || !fits(&(struct arm){*m, NULL})) continue;
            double d = merged_error(base, *m, DT_F32);
            if (d > 1e-5) fail_msg("%s %s: merged logits differ by %g", arch->name, (*m)->name, d);
            most = fmax(most, d);
        }
        free(base);
    }
    print_message("worst difference %.2g\n", most); /* observed 1.6e-6 */
}

static void sixteen_bits_round_and_say_so_in_the_config(void **state) {
    (void)state;
    const struct {
        enum dtype type;
        double bound;
        const char *name;
    } types[] = {{DT_BF16, 4e-2, "bfloat16"}, {DT_F16, 4e-3, "float16"}};
    char *base = make_base(arch_list()->folder), *out = path_join(dir, "merged");
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        double d = merged_error(base, method_find("lora"), types[i].type);
        struct modelfile *f;
        if (d > types[i].bound || d == 0) fail_msg("%s: %g", types[i].name, d);
        assert_int_equal(modelfile_open(&f, out, NULL), 0);
        assert_int_equal(modelfile_at(f, 0)->dtype, types[i].type);
        assert_string_equal(json_string_value(json_object_get(modelfile_config(f), "torch_dtype")),
                            types[i].name);
        modelfile_close(f);
    }
    free(base), free(out);
}

static void a_value_that_sixteen_bits_cannot_hold_is_refused(void **state) {
    (void)state;
    char *base = make_base(arch_list()->folder), *out = path_join(dir, "merged"),
         *weights = path_join(out, "model.safetensors");
    struct engine g;
    struct checkpoint_saved saved;
    struct err e = {0};
    engine_open(&g, base, "full", NULL, 1, 7, false);
    g.net.params[0]->value[3] = 70000.0f;
    assert_int_equal(checkpoint_save_as(&g.net, g.model, g.state, g.file, DT_F16, out, &saved, &e), ERR_USER);
    assert_non_null(strstr(e.msg, g.net.params[0]->name));
    assert_non_null(strstr(e.msg, "70000"));
    assert_false(file_exists(weights));
    assert_int_equal(checkpoint_save_as(&g.net, g.model, g.state, g.file, DT_BF16, out, &saved, &e), 0);
    engine_close(&g);
    free(base), free(out), free(weights);
}

static int make_dir(void **state) {
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state) {
    (void)state;
    char cmd[64];
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    return system(cmd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merged_models_compute_what_base_and_adapter_compute),
        cmocka_unit_test(sixteen_bits_round_and_say_so_in_the_config),
        cmocka_unit_test(a_value_that_sixteen_bits_cannot_hold_is_refused),
    };
    return cmocka_run_group_tests_name("merge", tests, make_dir, remove_dir);
}
