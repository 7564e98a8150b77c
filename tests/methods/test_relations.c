/* SPDX-License-Identifier: Apache-2.0 */
/* test_relations.c - what must hold between methods: equal to the bit where it is exact, to 1e-6 where it is
 * a theorem in the limit eps -> 0 (papers: LoRA+ 2402.12354, Delta-LoRA 2309.02411), and how much memory
 * LoRA-FA saves. */
#include "tests/engine.h"

#define MODEL "tests/golden/llama_tied"
enum { STEPS = 10 };

static void batch_init(struct engine_batch *b) {
    static const int offsets[] = {0, 29, 64};
    int ids[64], labels[64];
    for (int t = 0; t < 64; t++) {
        ids[t] = (t * t * 13 + 5 * t) % 97;
        labels[t] = t % 32 > 1 ? ids[t] : -100;
    }
    engine_batch_init(b, ids, labels, offsets, 2);
}

/* Losses before each of STEPS steps, and after the last. */
static void trajectory(const char *method, const char *over, double out[STEPS + 1]) {
    struct engine g;
    struct engine_batch b;
    batch_init(&b);
    engine_open(&g, MODEL, method, over, 2, 5, false);
    for (int i = 0; i < STEPS; i++) {
        out[i] = engine_loss(&g, &b, true, NULL);
        engine_update(&g);
    }
    out[STEPS] = engine_loss(&g, &b, false, NULL);
    engine_close(&g);
    engine_batch_release(&b);
}

static double gap(const char *m1, const char *o1, const char *m2, const char *o2) {
    double a[STEPS + 1], b[STEPS + 1], d = 0;
    trajectory(m1, o1, a);
    trajectory(m2, o2, b);
    for (int i = 0; i <= STEPS; i++) d = fmax(d, fabs(a[i] - b[i]) / b[i]);
    /* it learned something: the comparison is not of standing still */
    assert_true(fabs(a[0] - a[STEPS]) > 1e-3);
    return d;
}

static void lora_plus_with_ratio_1_is_lora_to_the_bit(void **state) {
    (void)state;
    assert_true(gap("lora_plus", "{\"loraplus_lr_ratio\": 1}", "lora", NULL) == 0);
}

static void delta_lora_with_lambda_0_is_lora_to_the_bit(void **state) {
    (void)state;
    assert_true(gap("delta_lora", "{\"delta_lambda\": 0, \"delta_start\": 2}", "lora", NULL) == 0);
}

static void delta_lora_before_its_start_is_lora_to_the_bit(void **state) {
    (void)state;
    assert_true(gap("delta_lora", "{\"delta_start\": 10}", "lora", NULL) == 0);
}

static void lora_fa_is_lora_whose_A_has_no_learning_rate(void **state) {
    (void)state;
    struct engine fa, lora;
    struct engine_batch b;
    batch_init(&b);
    engine_open(&fa, MODEL, "lora_fa", "{\"train.weight_decay\": 0}", 1, 5, false);
    engine_open(&lora, MODEL, "lora", "{\"train.weight_decay\": 0}", 1, 5, false);
    for (int i = 0; i < lora.net.nparams; i++)
        if (strstr(lora.net.params[i]->name, "lora_A")) lora.net.params[i]->lr_mult = 0;
    for (int i = 0; i < STEPS; i++) {
        double x = engine_loss(&fa, &b, true, NULL), y = engine_loss(&lora, &b, true, NULL);
        assert_true(x == y);
        engine_update(&fa);
        engine_update(&lora);
    }
    engine_close(&fa);
    engine_close(&lora);
    engine_batch_release(&b);
}

static void full_with_learning_rate_0_is_none_to_the_bit(void **state) {
    (void)state;
    double full[STEPS + 1];
    struct engine g;
    struct engine_batch b;
    batch_init(&b);
    trajectory("full", "{\"train.lr\": 0}", full);
    engine_open(&g, MODEL, "none", NULL, 2, 5, false);
    double none = engine_loss(&g, &b, false, NULL);
    for (int i = 0; i <= STEPS; i++) assert_true(full[i] == none);
    engine_close(&g);
    engine_batch_release(&b);
}

/* ---- two theorems -------------------------------------------------------------------------------------- */

/* Adam does not see the scale of a gradient. So with B = 0 at the start, no decay, no clipping and eps -> 0,
 * step for step LoRA+ with ratio rho is LoRA with alpha * rho; Delta-LoRA with K = 0 and lambda is LoRA with
 * alpha * (1 + lambda). */

static const struct {
    const char *method, *over, *as; /* `as`: what LoRA has */
} theorems[] = {
    {"lora_plus", "\"loraplus_lr_ratio\": 16, \"lora_alpha\": 4", "\"lora_alpha\": 64"},
    {"delta_lora", "\"delta_lambda\": 2, \"delta_start\": 0, \"lora_alpha\": 4", "\"lora_alpha\": 12"}};

/* Where they hold, and what breaks them: the gap in the losses must be in these bounds, and is told.
 * Delta-LoRA's A and B and their moments are LoRA's, all gradients over 1 + lambda: neither decay nor
 * clipping at every step tells the two apart. */
#define NO_DECAY "\"train.weight_decay\": 0, "
#define DECAY    "\"train.weight_decay\": 0.5, \"train.lr\": 0.02, "
#define TINY     "\"train.adam_eps\": 1e-30"
#define SGD      "\"train.optimizer\": \"sgd\", \"train.lr\": 0.01"
enum { PLUS = 1, DELTA = 2 };
static const struct {
    const char *what, *setting;
    double at_least, at_most;
    int of;           /* which of them */
    const char *more; /* an option of the method */
} settings[] = {
    {"adam_eps 1e-30", NO_DECAY TINY, 0, 1e-6, PLUS | DELTA, ""},
    {"adam_eps 1e-8", NO_DECAY "\"train.adam_eps\": 1e-8", 0, 1e-4, PLUS | DELTA, ""},
    {"adam_eps 1e-4", NO_DECAY "\"train.adam_eps\": 1e-4", 1e-4, 100, PLUS | DELTA, ""},
    {"decay 0.5", DECAY TINY, 1e-4, 100, PLUS, ""},
    {"decay 0.5", DECAY TINY, 0, 1e-5, DELTA, ""},
    {"clipping at some steps", NO_DECAY TINY ", \"train.grad_clip\": 3", 1e-4, 100, PLUS | DELTA, ""},
    {"clipping at every step", NO_DECAY TINY ", \"train.grad_clip\": 0.3", 0, 1e-6, DELTA, ""},
    {"SGD", NO_DECAY SGD, 1e-3, 100, PLUS | DELTA, ""},
    {"K = 4", NO_DECAY TINY, 1e-4, 100, DELTA, ", \"delta_start\": 4"},
};

static void two_theorems_hold_and_break_where_they_should(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        for (int t = 0; t < 2; t++) {
            char own[256], lora[256];
            if (!(settings[i].of >> t & 1)) continue;
            snprintf(own, sizeof own, "{%s, %s%s}", settings[i].setting, theorems[t].over, settings[i].more);
            snprintf(lora, sizeof lora, "{%s, %s}", settings[i].setting, theorems[t].as);
            double d = gap(theorems[t].method, own, "lora", lora);
            printf("# %s against LoRA with %s, %s: losses differ by %.1e\n", theorems[t].method,
                   theorems[t].as, settings[i].what, d);
            if (d < settings[i].at_least || d > settings[i].at_most)
                fail_msg("%s, %s: the gap is %g, not between %g and %g", theorems[t].method, settings[i].what,
                         d, settings[i].at_least, settings[i].at_most);
        }
}

/* rsLoRA is LoRA at alpha * sqrt(r), to the bit where the product is exact: r = 4. */
static void rslora_is_lora_at_alpha_times_the_root_of_r(void **state) {
    (void)state;
    assert_true(gap("rslora", "{\"lora_alpha\": 4}", "lora", "{\"lora_alpha\": 8}") == 0);
}

/* The magnitudes of DoRA, held at the norms, take nothing: with a learning rate of 0 for them, and for a
 * factor of g = m / n alone, it is not LoRA; but its first step's B moves as LoRA's does, since g = 1 there.
 */
static void dora_starts_as_lora(void **state) {
    (void)state;
    struct engine dora, lora;
    struct engine_batch b;
    batch_init(&b);
    engine_open(&dora, MODEL, "dora", NULL, 1, 5, false);
    engine_open(&lora, MODEL, "lora", NULL, 1, 5, false);
    assert_true(engine_loss(&dora, &b, true, NULL) == engine_loss(&lora, &b, true, NULL));
    for (int i = 0; i < lora.net.nparams; i++) {
        const struct param *p = lora.net.params[i], *q = net_find_param(&dora.net, p->name);
        if (p->grad) assert_memory_equal(p->grad, q->grad, param_size(p) * sizeof(float));
    }
    engine_close(&dora), engine_close(&lora);
    engine_batch_release(&b);
}

/* The correction of LoRA-FA's gradient: s B A moves, for a small step of plain gradient descent, as near to
 * the whole matrix's own gradient as the rows of A allow: (g A^+ A), whatever alpha. */
static void corrected_lora_fa_moves_as_the_whole_matrix_would(void **state) {
    (void)state;
    struct engine fa, full;
    struct engine_batch b;
    batch_init(&b);
    const char *sgd = "{\"train.optimizer\": \"sgd\", \"train.weight_decay\": 0, \"train.lr\": 1, "
                      "\"correct\": true, \"lora_alpha\": %d}";
    char over[2][160];
    snprintf(over[0], sizeof over[0], sgd, 8), snprintf(over[1], sizeof over[1], sgd, 40);
    engine_open(&full, MODEL, "full", "{\"train.optimizer\": \"sgd\"}", 1, 5, false);
    engine_loss(&full, &b, true, NULL);
    for (int k = 0; k < 2; k++) {
        engine_open(&fa, MODEL, "lora_fa", over[k], 1, 5, false);
        engine_loss(&fa, &b, true, NULL);
        engine_update(&fa);
        for (int i = 0; i < fa.net.nsites; i++) {
            const struct site *s = fa.net.sites[i];
            const float *G = full.net.sites[i]->W->grad;
            float *moved = calloc(param_size(s->W), sizeof *moved);
            fa.net.method->merge(&fa.net, fa.net.sites[i], moved, NULL); /* s B A = -lr G A^+ A */
            char *name = xasprintf("base_model.model.%s.lora_A.weight", s->module);
            const struct param *A = net_find_param(&fa.net, name);
            free(name);
            double worst = 0, top = 0; /* the rest of G is orthogonal to the rows of A: (G + moved) A^T = 0 */
            for (int o = 0; o < s->d_out; o++)
                for (int q = 0; q < A->rows; q++) {
                    double left = 0, all = 0;
                    for (int j = 0; j < s->d_in; j++) {
                        double a = (double)A->value[q * s->d_in + j], g = (double)G[o * s->d_in + j];
                        left += (g + (double)moved[o * s->d_in + j]) * a;
                        all += g * a;
                    }
                    worst = fmax(worst, fabs(left)), top = fmax(top, fabs(all));
                }
            if (worst > 1e-5 * top)
                fail_msg("%s: %g of the gradient is left in the rows of A", s->name,
                         worst / top); /* observed 1e-6 */
            free(moved);
        }
        engine_close(&fa);
    }
    engine_close(&full);
    engine_batch_release(&b);
}

/* One batch against its two halves with gradients summed: the same up to rounding. */
static void two_micro_batches_are_one_batch(void **state) {
    (void)state;
    int ids[64], labels[64];
    for (int t = 0; t < 64; t++) {
        ids[t] = (t * t * 13 + 5 * t) % 97;
        labels[t] = t % 32 > 1 ? ids[t] : -100;
    }
    struct engine_batch whole, half[2];
    engine_batch_init(&whole, ids, labels, (int[]){0, 32, 64}, 2);
    for (int i = 0; i < 2; i++) engine_batch_init(&half[i], ids + 32 * i, labels + 32 * i, (int[]){0, 32}, 1);
    struct engine g;
    engine_open(&g, MODEL, "full", NULL, 2, 5, false);
    engine_loss(&g, &whole, true, NULL);
    float *want[256];
    for (int i = 0; i < g.net.nparams; i++) {
        struct param *p = g.net.params[i];
        want[i] = malloc(param_size(p) * sizeof(float));
        memcpy(want[i], p->grad, param_size(p) * sizeof(float));
    }
    float *sum[256];
    for (int h = 0; h < 2; h++) {
        engine_loss_scaled(&g, &half[h], true, (double)half[h].labels / whole.labels, NULL);
        for (int i = 0; i < g.net.nparams; i++) {
            struct param *p = g.net.params[i];
            if (!h) sum[i] = calloc(param_size(p), sizeof(float));
            for (size_t k = 0; k < param_size(p); k++) sum[i][k] += p->grad[k];
        }
    }
    for (int i = 0; i < g.net.nparams; i++) {
        double d = 0, m = 0;
        for (size_t k = 0; k < param_size(g.net.params[i]); k++) {
            d = fmax(d, fabs((double)sum[i][k] - (double)want[i][k]));
            m = fmax(m, fabs((double)want[i][k]));
        }
        if (d > 1e-5 * m) fail_msg("%s differs by %g", g.net.params[i]->name, d / m); /* observed 4e-7 */
        free(want[i]), free(sum[i]);
    }
    engine_close(&g);
    engine_batch_release(&whole);
    for (int i = 0; i < 2; i++) engine_batch_release(&half[i]);
}

static size_t act_bytes(const char *method, const char *targets) {
    struct engine g;
    char over[128];
    snprintf(over, sizeof over, "{\"target_modules\": %s}", targets);
    engine_open(&g, MODEL, method, over, 1, 5, true);
    g.model->layout(g.state, &g.net, 2, true); /* 64 tokens */
    size_t act = g.mem.live[MEM_ACT];
    engine_close(&g);
    return act;
}

/* 4 n d_in bytes per distinct input of the adapted sites that nobody else keeps: q, k, v share one, gate and
 * up share one. */
static void lora_fa_keeps_less_by_the_formula(void **state) {
    (void)state;
    const size_t n = 64, hidden = 48, ff = 56, layers = 2;
    assert_int_equal(act_bytes("lora", "[\"q_proj\", \"v_proj\"]") -
                         act_bytes("lora_fa", "[\"q_proj\", \"v_proj\"]"),
                     4 * n * layers * hidden);
    assert_int_equal(act_bytes("lora", "\"all-linear\"") - act_bytes("lora_fa", "\"all-linear\""),
                     4 * n * layers * (hidden + hidden + hidden + ff));
    assert_int_equal(act_bytes("lora", "\"down_proj\"") - act_bytes("lora_fa", "\"down_proj\""),
                     4 * n * layers * ff);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lora_plus_with_ratio_1_is_lora_to_the_bit),
        cmocka_unit_test(delta_lora_with_lambda_0_is_lora_to_the_bit),
        cmocka_unit_test(delta_lora_before_its_start_is_lora_to_the_bit),
        cmocka_unit_test(lora_fa_is_lora_whose_A_has_no_learning_rate),
        cmocka_unit_test(full_with_learning_rate_0_is_none_to_the_bit),
        cmocka_unit_test(two_theorems_hold_and_break_where_they_should),
        cmocka_unit_test(rslora_is_lora_at_alpha_times_the_root_of_r),
        cmocka_unit_test(dora_starts_as_lora),
        cmocka_unit_test(corrected_lora_fa_moves_as_the_whole_matrix_would),
        cmocka_unit_test(two_micro_batches_are_one_batch),
        cmocka_unit_test(lora_fa_keeps_less_by_the_formula),
    };
    return cmocka_run_group_tests_name("relations", tests, NULL, NULL);
}
