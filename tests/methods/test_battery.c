/* SPDX-License-Identifier: Apache-2.0 */
/* test_battery.c - what every method of the registry must keep in passes and steps, over the list of
 * battery.h: a new method is tested by being in methods.def. Gradients are test_gradients.c's, whole runs
 * test_battery_runs.c's. */
#include "tests/unit/adapter_util.h"
#include "harness/checkpoint/merge.h"
#include "tests/methods/battery.h"

/* A fixed batch: three sequences, 61 tokens. */
static void batch_init(struct engine_batch *b) { batch_of(b, (int[]){23, 7, 31}, 3); }

static float *logits_of(struct engine *g, struct engine_batch *b) {
    float *out = malloc((size_t)b->b.n * (size_t)g->facts.vocab * sizeof *out);
    engine_loss(g, b, false, out);
    return out;
}

static double worst(const float *a, const float *b, size_t n) {
    double d = 0, m = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(a[i]) || !isfinite(b[i])) return INFINITY;
        d = fmax(d, fabs((double)a[i] - (double)b[i]));
        m = fmax(m, fabs((double)b[i]));
    }
    return d / m;
}

static void output_is_unchanged_at_the_start(void **state) {
    (void)state;
    struct engine base, g;
    struct engine_batch b;
    batch_init(&b);
    EACH_ARM(a) {
        if (!(a->m->flags & METHOD_IDENTITY_AT_INIT)) continue;
        open_base(&base, false);
        open_arm(&g, a, 1, false);
        float *want = logits_of(&base, &b);
        float *got = logits_of(&g, &b);
        /* bit-equal, but where W itself is taken apart */
        double d = worst(got, want, (size_t)b.b.n * (size_t)g.facts.vocab);
        /* observed 1.2e-6 */
        if (d > (a->m->flags & METHOD_MUTATES_BASE ? 1e-5 : 0))
            fail_msg("%s changes the output before the first step, by %g", label(a), d);
        free(got), free(want);
        engine_close(&g);
        engine_close(&base);
    }
    engine_batch_release(&b);
}

static void merged_weights_give_the_same_output(void **state) {
    (void)state;
    struct engine g, base;
    struct engine_batch b;
    batch_init(&b);
    EACH_ARM(a) {
        if (!(a->m->flags & METHOD_MERGEABLE)) continue;
        open_arm(&g, a, 1, false);
        disturb(&g);
        steps(&g, &b, 5);
        float *want = logits_of(&g, &b);
        open_base(&base, false);
        for (int i = 0; i < base.net.nparams; i++) { /* as `bench merge` makes them */
            struct param *to = base.net.params[i];
            param_privatise(&base.net, to, MEM_PARAM);
            merge_values(&g.net, net_find_param(&g.net, to->name), to->value);
        }
        float *got = logits_of(&base, &b);
        double d = worst(got, want, (size_t)b.b.n * (size_t)g.facts.vocab);
        /* observed 1.6e-6 */
        if (d > 1e-5) fail_msg("%s: merged and unmerged logits differ by %g", label(a), d);
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
    EACH_ARM(a) {
        if (!strcmp(a->m->name, "none")) continue;
        open_arm(&g, a, 2, false);
        float **before = frozen_copy(&g);
        steps(&g, &b, 5);
        float **after = frozen_copy(&g);
        for (int i = 0; i < g.net.nparams; i++) {
            if (before[i] && memcmp(before[i], after[i], param_size(g.net.params[i]) * sizeof(float)))
                fail_msg("%s moved %s", label(a), g.net.params[i]->name);
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
    EACH_ARM(a) {
        if (!a->m->count) continue;
        open_arm(&g, a, 1, true); /* counting: touches nothing, counts the same */
        struct site_shape shapes[64];
        int n = 0;
        for (int i = 0; i < g.net.nsites; i++)
            if (g.net.sites[i]->adapted)
                shapes[n++] = (struct site_shape){g.net.sites[i]->d_in, g.net.sites[i]->d_out,
                                                  g.net.sites[i]->b != NULL};
        size_t trainable = 0, stored = 0;
        a->m->count(shapes, n, g.config, &trainable, &stored);
        if (trainable != net_trainable(&g.net))
            fail_msg("%s: %zu train, %zu by the closed form", label(a), net_trainable(&g.net), trainable);
        struct adapter_saved saved;
        struct err e = {0};
        assert_int_equal(adapter_save(&g.net, NULL, "base", task_find(arch->task)->task_type, &saved, &e), 0);
        /* the rest is the header: names and offsets */
        assert_true(saved.file_bytes >= stored * sizeof(float));
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
    EACH_ARM(a) {
        char one[65], many[65];
        static const int threads[] = {1, 2, 4};
        for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
            open_arm(&g, a, threads[i], false);
            if (strcmp(a->m->name, "none")) steps(&g, &b, 5);
            hash_params(&g, i ? many : one);
            if (i && strcmp(one, many))
                fail_msg("%s: 1 and %d threads give other bits", label(a), threads[i]);
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
    EACH_ARM(a) {
        if (!a->m->save_config) continue;
        struct err e = {0};
        struct adapter_saved saved;
        open_arm(&g, a, 1, false);
        disturb(&g);
        steps(&g, &b, 5);
        float *want = logits_of(&g, &b);
        if (adapter_save(&g.net, dir, arch->folder, task_find(arch->task)->task_type, &saved, &e))
            fail_msg("%s: %s", label(a), e.msg);
        json_t *over = adapter_config_in(dir, NULL, &e);
        if (!over) fail_msg("%s: %s", label(a), e.msg);
        char *text = json_dumps(over, 0);
        engine_open(&h, arch->folder, json_string_value(json_object_get(over, "method")), text, 1, 1234,
                    false);
        if (adapter_load_from(&h.net, h.file, dir, &e)) fail_msg("%s: %s", label(a), e.msg);
        float *got = logits_of(&h, &b);
        double d = worst(got, want, (size_t)b.b.n * (size_t)g.facts.vocab);
        /* bit-equal, but where what is saved is another form of what ran */
        /* observed 1.3e-6 */
        if (d > (a->m->save ? 1e-5 : 0)) fail_msg("%s: a loaded adapter differs by %g", label(a), d);
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
    EACH_ARCH
    for (const struct arm *a = arm_list(); a->m; a++) {
        struct engine g;
        struct err e = {0};
        if (fits(a)) continue;
        open_base(&g, true);
        assert_int_equal(net_bind(&g.net, a->m, &e), ERR_USER);
        assert_non_null(strstr(e.msg, a->m->name));
        assert_non_null(strstr(e.msg, "method: "));
        refused++;
        engine_close(&g);
    }
    assert_true(refused > 0 || is_part()); /* bitfit on a Llama */
}

/* What a site starts from is told by the seed and its name, not by what else is adapted, or by the threads.
 */
static void start_values_depend_on_the_seed_and_the_name_alone(void **state) {
    (void)state;
    EACH_ARM(a) {
        struct engine all, some;
        int same = 0;
        if (!a->m->attach) continue;
        open_arm(&all, a, 1, false);
        char *over = xasprintf("{%.*s%s\"target_modules\": {\"modules\": \"all-linear\", \"layers\": \"1\"}}",
                               a->over ? (int)strlen(a->over) - 2 : 0, a->over ? a->over + 1 : "",
                               a->over ? ", " : "");
        engine_open(&some, arch->folder, a->m->name, over, 4, 7, false);
        free(over);
        for (int i = 0; i < some.net.nparams; i++) {
            const struct param *p = some.net.params[i], *q = net_find_param(&all.net, p->name);
            if (!p->site) continue;
            if (!q || memcmp(p->value, q->value, param_size(p) * sizeof(float)))
                fail_msg("%s: %s starts otherwise beside others", label(a), p->name);
            same++;
        }
        assert_true(same > 0);
        engine_close(&some);
        engine_close(&all);
    }
}

static void another_seed_starts_elsewhere(void **state) {
    (void)state;
    struct engine a, b;
    engine_open(&a, arch_list()->folder, "lora", NULL, 1, 7, false);
    engine_open(&b, arch_list()->folder, "lora", NULL, 1, 8, false);
    for (int i = 0; i < a.net.nparams; i++)
        if (strstr(a.net.params[i]->name, "lora_A"))
            assert_memory_not_equal(a.net.params[i]->value, b.net.params[i]->value,
                                    param_size(a.net.params[i]) * sizeof(float));
    engine_close(&a), engine_close(&b);
}

/* As PEFT and loralib draw it: A uniform within 1/sqrt(d_in), B zero. */
static void lora_starts_uniform_and_zero(void **state) {
    (void)state;
    struct engine g;
    engine_open(&g, arch_list()->folder, "lora", "{\"r\": 64}", 1, 7, false);
    for (int i = 0; i < g.net.nparams; i++) {
        const struct param *p = g.net.params[i];
        double n = (double)param_size(p), bound = 1 / sqrt(p->cols), sum = 0, squares = 0, top = 0;
        for (size_t k = 0; k < param_size(p) && p->site; k++) {
            sum += (double)p->value[k], squares += (double)p->value[k] * (double)p->value[k];
            top = fmax(top, fabs((double)p->value[k]));
        }
        if (p->site && strstr(p->name, "lora_B")) assert_true(top == 0);
        if (!p->site || !strstr(p->name, "lora_A")) continue;
        assert_true(top <= bound * (1 + 1e-6) && top > 0.99 * bound);
        assert_true(fabs(sum / n) < 5 * bound / sqrt(3 * n)); /* five standard errors */
        assert_true(fabs(squares / n / (bound * bound / 3) - 1) < 5 * sqrt(0.8 / n));
    }
    engine_close(&g);
}

static size_t act_bytes(struct engine *g) {
    arena_reset(&g->net.tape);
    g->model->layout(g->state, &g->net, 2, true); /* 64 tokens */
    return g->mem.live[MEM_ACT];
}

/* Sites that share one input, of the names of a Llama. */
static bool shares_input(const struct site *s, const struct site *with) {
    static const char *const groups[] = {"q_proj k_proj v_proj", "gate_proj up_proj"};
    if (s->layer != with->layer) return false;
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        if (strstr(groups[i], s->kind) && strstr(groups[i], with->kind)) return true;
    return s == with;
}

/* The input of a site is kept when the method says that it wants it there, or at a site with the same input,
 * and else not: wanting it as well costs 4 n d_in bytes, to the byte. */
static void inputs_are_kept_for_backward_only_where_declared(void **state) {
    (void)state;
    int free_of_x = 0;
    EACH_ARM(a) {
        struct engine g;
        if (strcmp(arch->model->name, "llama") != 0 || method_is_base(a->m)) continue;
        open_arm(&g, a, 1, true);
        for (int i = 0; i < g.net.nsites; i++) {
            struct site *s = g.net.sites[i];
            bool wanted = false;
            for (int k = 0; k < g.net.nsites; k++)
                wanted |= g.net.sites[k]->need_x && shares_input(s, g.net.sites[k]);
            bool own = s->need_x;
            size_t before = act_bytes(&g), more;
            s->need_x = true;
            more = act_bytes(&g) - before;
            s->need_x = own;
            if (more != (wanted ? 0 : 4 * 64 * (size_t)s->d_in))
                fail_msg("%s: %s: to want x costs %zu bytes more", label(a), s->name, more);
            free_of_x += !wanted;
        }
        engine_close(&g);
    }
    assert_true(free_of_x > 0 || is_part());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_is_unchanged_at_the_start),
        cmocka_unit_test(merged_weights_give_the_same_output),
        cmocka_unit_test(frozen_tensors_keep_their_bits),
        cmocka_unit_test(counts_equal_the_closed_form),
        cmocka_unit_test(bits_do_not_depend_on_the_number_of_threads),
        cmocka_unit_test(saved_adapters_load_and_give_the_same_output),
        cmocka_unit_test(start_values_depend_on_the_seed_and_the_name_alone),
        cmocka_unit_test(another_seed_starts_elsewhere),
        cmocka_unit_test(lora_starts_uniform_and_zero),
        cmocka_unit_test(inputs_are_kept_for_backward_only_where_declared),
        cmocka_unit_test(methods_that_find_nothing_to_train_are_refused_with_the_remedy),
    };
    return cmocka_run_group_tests_name("battery", tests, NULL, NULL);
}
