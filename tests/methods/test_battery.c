/* test_battery.c - what every method of the registry must keep, over method_list: a new method is tested by
 * being in methods.def.
 *
 * On each architecture: the tiny model of tests/golden (vocabulary 97, two layers), and for runs through
 * train.c one with the tokenizer of the smoke model: that itself, and a GPT-2 that is made here. */
#include <unistd.h>

#include "harness/adapter.h"
#include "harness/infer.h"
#include "harness/train.h"
#include "tests/engine.h"

/* ---- the architectures
 * --------------------------------------------------------------------------------------- */

struct arch {
    const char *name, *golden, *folder; /* folder: with a tokenizer */
};
static char made[] = "/tmp/bench-battery-XXXXXX";
#define SMOKE "build/share/models/smoke"
static const struct arch archs[] = {{"llama", "tests/golden/llama_tied", SMOKE},
                                    {"gpt2", "tests/golden/gpt2_tiny", made}};
static const struct arch *arch = archs; /* the one at work: see EACH_METHOD */

/* Random rows, as many as the smoke model's vocabulary or positions want. */
static float *random_rows(const char *name, int rows, int cols) {
    float *v = malloc((size_t)rows * (size_t)cols * sizeof *v);
    for (int i = 0; i < rows * cols; i++) v[i] = rng_uniform(rng_make(5, name, 0), (uint64_t)i) - 0.5f;
    return v;
}

/* tests/golden/gpt2_tiny with the tokenizer of the smoke model. */
static int make_gpt2(void **state) {
    (void)state;
    struct modelfile *f;
    struct err e = {0};
    enum { VOCAB = 480, POSITIONS = 512, D = 20 };
    if (!mkdtemp(made) || modelfile_open(&f, archs[1].golden, &e)) return -1;
    int n = modelfile_count(f);
    struct tensor_out *t = xcalloc((size_t)n, sizeof *t);
    float *wte = random_rows("wte", VOCAB, D), *wpe = random_rows("wpe", POSITIONS, D);
    for (int i = 0; i < n; i++) {
        const struct tensor *x = modelfile_at(f, i);
        bool words = strstr(x->name, "wte"), positions = strstr(x->name, "wpe");
        t[i] = (struct tensor_out){.name = x->name,
                                   .ndim = x->ndim,
                                   .data = words       ? wte
                                           : positions ? wpe
                                                       : x->data};
        memcpy(t[i].shape, x->shape, sizeof x->shape);
        if (words) t[i].shape[0] = VOCAB;
        if (positions) t[i].shape[0] = POSITIONS;
    }
    json_t *c = json_deep_copy(modelfile_config(f));
    json_object_set_new(c, "vocab_size", json_integer(VOCAB));
    json_object_set_new(c, "n_positions", json_integer(POSITIONS));
    char *config = path_join(made, "config.json"), *weights = path_join(made, "model.safetensors");
    char *copy = xasprintf("cp " SMOKE "/tokenizer*.json %s", made);
    int rc = json_dump_file(c, config, 0) || safetensors_write(weights, t, n, NULL, &e) || system(copy);
    free(t), free(wte), free(wpe), free(config), free(weights), free(copy);
    json_decref(c);
    modelfile_close(f);
    return rc;
}

static int remove_gpt2(void **state) {
    (void)state;
    char cmd[64];
    snprintf(cmd, sizeof cmd, "rm -r %s", made);
    return system(cmd);
}

/* ---- a fixed batch: three sequences, 61 tokens, labels on most
 * ---------------------------------------------- */

static void batch_init(struct engine_batch *b) {
    static const int offsets[] = {0, 23, 30, 61};
    int ids[61], labels[61];
    for (int s = 0; s < 3; s++)
        for (int t = offsets[s]; t < offsets[s + 1]; t++) {
            ids[t] = (t * 37 + s * 11) % 97;
            labels[t] = t > offsets[s] + 2 ? ids[t] : -100;
        }
    engine_batch_init(b, ids, labels, offsets, 3);
}

static void open_method(struct engine *g, const struct method *m, int threads, bool counting) {
    engine_open(g, arch->golden, m->name, NULL, threads, 7, counting);
}

/* Adapters away from their start, where some gradients are zero: every trained adapter tensor gets small
 * noise. */
static void disturb(struct engine *g) {
    for (int i = 0; i < g->net.nparams; i++) {
        struct param *p = g->net.params[i];
        if (p->role != PARAM_TRAIN || !p->site) continue;
        struct rng r = rng_make(99, p->name, 0);
        for (size_t k = 0; k < param_size(p); k++) p->value[k] += 0.1f * (rng_uniform(r, k) - 0.5f);
    }
}

static void steps(struct engine *g, struct engine_batch *b, int n) {
    for (int i = 0; i < n; i++) {
        engine_loss(g, b, true, NULL);
        engine_update(g);
    }
}

static float *logits_of(struct engine *g, struct engine_batch *b) {
    float *out = malloc((size_t)b->b.n * (size_t)g->facts.vocab * sizeof *out);
    engine_loss(g, b, false, out);
    return out;
}

static double worst(const float *a, const float *b, size_t n) {
    double d = 0, m = 0;
    for (size_t i = 0; i < n; i++) {
        d = fmax(d, fabs((double)a[i] - (double)b[i]));
        m = fmax(m, fabs((double)b[i]));
    }
    return d / m;
}

/* Does the model have what this method trains? (Else it is refused: there is a test.) */
static bool fits(const struct method *m) {
    struct engine g;
    int found = 0;
    if (!m->nothing) return true;
    open_method(&g, method_find("none"), 1, true);
    for (int i = 0; i < g.net.nparams; i++) found += m->select(&g.net, g.net.params[i]);
    engine_close(&g);
    return found > 0;
}

/* "gpt2 lora" */
static const char *label(const struct method *m) {
    static char text[64];
    snprintf(text, sizeof text, "%s %s", arch->name, m->name);
    return text;
}

/* On every architecture, every method that fits it. */
#define EACH_METHOD(m)                                                                                       \
    for (arch = archs; arch < archs + ARRAY_LEN(archs); arch++)                                              \
        for (const struct method *m, *const *each_ = method_list; (m = *each_) != NULL; each_++)             \
            if (fits(m))

/* ---- the battery
 * ------------------------------------------------------------------------------------------- */

static void output_is_unchanged_at_the_start(void **state) {
    (void)state;
    struct engine base, g;
    struct engine_batch b;
    batch_init(&b);
    EACH_METHOD(m) {
        if (!(m->flags & METHOD_IDENTITY_AT_INIT)) continue;
        open_method(&base, method_find("none"), 1, false);
        open_method(&g, m, 1, false);
        float *want = logits_of(&base, &b);
        float *got = logits_of(&g, &b);
        /* bit-equal, but where W itself is taken apart */
        double d = worst(got, want, (size_t)b.b.n * 97);
        if (d > (m->flags & METHOD_MUTATES_BASE ? 1e-5 : 0))
            fail_msg("%s changes the output before the first step, by %g", label(m), d); /* observed 1.2e-6 */
        free(got), free(want);
        engine_close(&g);
        engine_close(&base);
    }
    engine_batch_release(&b);
}

/* Along the gradient g of one tensor the loss must rise by |g| per unit length. Central difference; float32
 * noise of the loss is about 1e-7, the step is chosen to change the loss by about 1e-3. */
static double slope_error(struct engine *g, struct engine_batch *b, struct param *p) {
    size_t n = param_size(p);
    double norm = 0;
    float *dir = malloc(n * sizeof *dir), *keep = malloc(n * sizeof *keep);
    for (size_t i = 0; i < n; i++) norm += (double)p->grad[i] * p->grad[i];
    norm = sqrt(norm);
    double h = fmin(2e-2, 1e-3 / norm), loss[2];
    for (size_t i = 0; i < n; i++) dir[i] = (float)(p->grad[i] / norm);
    memcpy(keep, p->value, n * sizeof *keep);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++) p->value[i] = keep[i] + (float)(side ? -h : h) * dir[i];
        loss[side] = engine_loss(g, b, false, NULL);
    }
    memcpy(p->value, keep, n * sizeof *keep);
    free(dir), free(keep);
    return norm > 0 ? fabs((loss[0] - loss[1]) / (2 * h) - norm) / norm : 1;
}

static void gradients_are_slopes_of_the_loss(void **state) {
    (void)state;
    struct engine g;
    struct engine_batch b;
    batch_init(&b);
    EACH_METHOD(m) {
        open_method(&g, m, 2, false);
        disturb(&g);
        engine_loss(&g, &b, true, NULL);
        for (int i = 0; i < g.net.nparams; i++) {
            struct param *p = g.net.params[i];
            if (p->role != PARAM_TRAIN) continue;
            double e = slope_error(&g, &b, p);
            if (e > 5e-3)
                fail_msg("%s: gradient of %s is off by %.3g of its length", label(m), p->name,
                         e); /* observed 6e-4 */
        }
        engine_close(&g);
    }
    engine_batch_release(&b);
}

static void merged_weights_give_the_same_output(void **state) {
    (void)state;
    struct engine g, base;
    struct engine_batch b;
    batch_init(&b);
    EACH_METHOD(m) {
        if (!(m->flags & METHOD_MERGEABLE)) continue;
        open_method(&g, m, 1, false);
        disturb(&g);
        steps(&g, &b, 5);
        float *want = logits_of(&g, &b);
        open_method(&base, method_find("none"), 1, false);
        for (int i = 0; i < g.net.nsites; i++) {
            struct site *s = g.net.sites[i], *to = base.net.sites[i];
            param_privatise(&base.net, to->W, MEM_PARAM);
            weight_expand(&s->W->w, 0, s->d_out, 0, s->d_in, to->W->value, s->d_in);
            m->merge(&g.net, s, to->W->value, to->b ? to->b->value : NULL);
        }
        float *got = logits_of(&base, &b);
        double d = worst(got, want, (size_t)b.b.n * 97);
        if (d > 1e-5)
            fail_msg("%s: merged and unmerged logits differ by %g", label(m), d); /* observed 1.6e-6 */
        free(want), free(got);
        engine_close(&base);
        engine_close(&g);
    }
    engine_batch_release(&b);
}

/* Expanded copy of every parameter that must not move: not what trains, not a method's notes, not the W of
 * sites that a method says it moves. */
static float **frozen_copy(struct engine *g) {
    float **copy = calloc((size_t)g->net.nparams, sizeof *copy);
    for (int i = 0; i < g->net.nparams; i++) {
        struct param *p = g->net.params[i];
        bool moves = p->role == PARAM_TRAIN;
        bool note = p->role == PARAM_FIXED && !p->site && !p->regenerable;
        moves |= note;
        for (int k = 0; (g->net.method->flags & METHOD_MUTATES_BASE) && k < g->net.nsites; k++)
            moves |= g->net.sites[k]->W == p;
        if (moves) continue;
        copy[i] = malloc(param_size(p) * sizeof(float));
        weight_expand(&p->w, 0, p->rows, 0, p->cols, copy[i], p->cols);
    }
    return copy;
}

static void frozen_tensors_keep_their_bits(void **state) {
    (void)state;
    struct engine g;
    struct engine_batch b;
    batch_init(&b);
    EACH_METHOD(m) {
        if (!strcmp(m->name, "none")) continue;
        open_method(&g, m, 2, false);
        float **before = frozen_copy(&g);
        steps(&g, &b, 5);
        float **after = frozen_copy(&g);
        for (int i = 0; i < g.net.nparams; i++) {
            if (before[i] && memcmp(before[i], after[i], param_size(g.net.params[i]) * sizeof(float)))
                fail_msg("%s moved %s", label(m), g.net.params[i]->name);
            free(before[i]), free(after[i]);
        }
        free(before), free(after);
        engine_close(&g);
    }
    engine_batch_release(&b);
}

static void counts_equal_the_closed_form(void **state) {
    (void)state;
    struct engine g;
    EACH_METHOD(m) {
        if (!m->count) continue;
        open_method(&g, m, 1, true); /* counting: touches nothing, counts the same */
        struct site_shape shapes[64];
        int n = 0;
        for (int i = 0; i < g.net.nsites; i++)
            if (g.net.sites[i]->adapted)
                shapes[n++] = (struct site_shape){g.net.sites[i]->d_in, g.net.sites[i]->d_out,
                                                  g.net.sites[i]->b != NULL};
        size_t trainable = 0, stored = 0;
        m->count(shapes, n, g.config, &trainable, &stored);
        assert_int_equal(trainable, net_trainable(&g.net));
        struct adapter_saved saved;
        struct err e = {0};
        assert_int_equal(adapter_save(&g.net, NULL, "base", "CAUSAL_LM", &saved, &e), 0);
        assert_true(saved.file_bytes >=
                    stored * sizeof(float)); /* the rest is the header: names and offsets */
        assert_true(saved.file_bytes < stored * sizeof(float) + 256 * (size_t)g.net.nparams);
        assert_true(saved.min_bytes <= stored * sizeof(float));
        engine_close(&g);
    }
}

static void hash_params(const struct engine *g, char out[65]) {
    struct strbuf all = {0};
    for (int i = 0; i < g->net.nparams; i++) {
        const struct param *p = g->net.params[i];
        if (p->value) strbuf_add(&all, p->value, param_size(p) * sizeof(float));
    }
    sha256_hex(all.s, all.len, out);
    strbuf_release(&all);
}

static void bits_do_not_depend_on_the_number_of_threads(void **state) {
    (void)state;
    struct engine g;
    struct engine_batch b;
    batch_init(&b);
    EACH_METHOD(m) {
        char one[65], many[65];
        static const int threads[] = {1, 2, 4};
        for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
            open_method(&g, m, threads[i], false);
            if (strcmp(m->name, "none")) steps(&g, &b, 5);
            hash_params(&g, i ? many : one);
            if (i && strcmp(one, many))
                fail_msg("%s: 1 and %d threads give other bits", label(m), threads[i]);
            engine_close(&g);
        }
    }
    engine_batch_release(&b);
}

static void saved_adapters_load_and_give_the_same_output(void **state) {
    (void)state;
    char dir[] = "/tmp/bench-battery-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct engine g, h;
    struct engine_batch b;
    batch_init(&b);
    EACH_METHOD(m) {
        if (!m->save_config) continue;
        struct err e = {0};
        struct adapter_saved saved;
        open_method(&g, m, 1, false);
        disturb(&g);
        steps(&g, &b, 5);
        float *want = logits_of(&g, &b);
        if (adapter_save(&g.net, dir, arch->golden, "CAUSAL_LM", &saved, &e))
            fail_msg("%s: %s", label(m), e.msg);
        json_t *over = adapter_config(dir, NULL, &e);
        if (!over) fail_msg("%s: %s", label(m), e.msg);
        char *text = json_dumps(over, 0);
        engine_open(&h, arch->golden, json_string_value(json_object_get(over, "method")), text, 1, 1234,
                    false);
        if (adapter_load(&h.net, dir, &e)) fail_msg("%s: %s", label(m), e.msg);
        float *got = logits_of(&h, &b);
        double d = worst(got, want, (size_t)b.b.n * 97);
        /* bit-equal, but where what is saved is another form of what ran */
        if (d > (m->save ? 1e-5 : 0))
            fail_msg("%s: a loaded adapter differs by %g", label(m), d); /* observed 1.3e-6 */
        free(text), free(want), free(got);
        json_decref(over);
        engine_close(&h);
        engine_close(&g);
    }
    char cmd[64];
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    assert_int_equal(system(cmd), 0);
    engine_batch_release(&b);
}

static void methods_that_find_nothing_to_train_are_refused_with_the_remedy(void **state) {
    (void)state;
    int refused = 0;
    for (arch = archs; arch < archs + ARRAY_LEN(archs); arch++)
        for (const struct method *const *m = method_list; *m; m++) {
            struct engine g;
            struct err e = {0};
            if (fits(*m)) continue;
            open_method(&g, method_find("none"), 1, true);
            assert_int_equal(net_bind(&g.net, *m, &e), ERR_USER);
            assert_non_null(strstr(e.msg, (*m)->name));
            assert_non_null(strstr(e.msg, "method: "));
            refused++;
            engine_close(&g);
        }
    assert_true(refused > 0); /* bitfit on a Llama */
}

/* A whole run: config of `method` with everything at its default. */
static json_t *smoke_config(const char *method) {
    json_t *c = infer_config("lm", method);
    cfg_set(c, "model", json_string(arch->name));
    cfg_set(c, "model_path", json_string(arch->folder));
    cfg_set(c, "data.name", json_string("smoke"));
    cfg_set(c, "train.steps", json_integer(6));
    cfg_set(c, "train.grad_accum", json_integer(2));
    cfg_set(c, "eval.every", json_integer(3));
    cfg_set(c, "eval.rows", json_integer(20));
    if (cfg_get(c, "delta_start")) cfg_set(c, "delta_start", json_integer(2));
    return c;
}

static void measured_bytes_equal_predicted_bytes(void **state) {
    (void)state;
    EACH_METHOD(m) {
        json_t *c = smoke_config(m->name);
        struct train_job job = {.config = c, .seed = 3, .threads = 2, .save = "none"};
        struct train_result res, plan;
        struct err e = {0};
        if (train_run(&job, NULL, &res, &e) || train_plan(&job, &plan, &e))
            fail_msg("%s: %s", label(m), e.msg);
        assert_string_equal(res.state, "complete");
        assert_true(res.peak_bytes > 0);
        assert_int_equal(res.peak_bytes, res.peak_bytes_predicted);
        assert_int_equal(res.peak_bytes, plan.peak_bytes_predicted);
        assert_memory_equal(res.mem_peak, plan.mem_peak, sizeof res.mem_peak);
        assert_memory_equal(res.mem_at_peak, plan.mem_at_peak, sizeof res.mem_at_peak);
        assert_int_equal(res.trainable, plan.trainable);
        assert_int_equal(res.tokens, plan.tokens);
        assert_int_equal(res.checkpoint_bytes, plan.checkpoint_bytes);
        json_decref(c);
    }
}

static void a_memory_limit_ends_a_run_as_oom_with_its_category(void **state) {
    (void)state;
    EACH_METHOD(m) {
        json_t *c = smoke_config(m->name);
        struct train_job job = {.config = c, .seed = 3, .threads = 1, .save = "none"};
        struct train_result plan, res;
        struct err e = {0};
        assert_int_equal(train_plan(&job, &plan, &e), 0);
        job.memory_limit = plan.peak_bytes_predicted; /* just enough */
        assert_int_equal(train_run(&job, NULL, &res, &e), 0);
        assert_string_equal(res.state, "complete");
        job.memory_limit--;
        assert_int_equal(train_run(&job, NULL, &res, &e), 0);
        assert_string_equal(res.state, "oom");
        assert_non_null(strstr(res.error, "memory limit"));
        json_decref(c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_is_unchanged_at_the_start),
        cmocka_unit_test(gradients_are_slopes_of_the_loss),
        cmocka_unit_test(merged_weights_give_the_same_output),
        cmocka_unit_test(frozen_tensors_keep_their_bits),
        cmocka_unit_test(counts_equal_the_closed_form),
        cmocka_unit_test(bits_do_not_depend_on_the_number_of_threads),
        cmocka_unit_test(saved_adapters_load_and_give_the_same_output),
        cmocka_unit_test(methods_that_find_nothing_to_train_are_refused_with_the_remedy),
        cmocka_unit_test(measured_bytes_equal_predicted_bytes),
        cmocka_unit_test(a_memory_limit_ends_a_run_as_oom_with_its_category),
    };
    return cmocka_run_group_tests_name("battery", tests, make_gpt2, remove_gpt2);
}
